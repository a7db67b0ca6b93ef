//! What folds add up to: the interface between the engine and the values that readers get.

use super::block::BlockConfig;
use super::bucket_layout::BucketLayout;
use super::counts::Counts;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The result of all folds of a histogram so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FoldOutcome {
    /// The sum of the tails up to which slots were folded, of the rejections, and of the exemplars: the snapshot's epoch.
    pub(crate) epoch: u64,
    /// Samples beyond the folded tails; the sum may lack some.
    pub(crate) uncertain: u64,
    /// Samples handed over since the beginning, however often a bank repeated them.
    pub(crate) samples: u64,
}

/// Takes what folds find.
///
/// Numbers of samples are modulo 2^64. Within one fold a bucket may be added to and subtracted from; the result is never negative.
pub(crate) trait FoldTarget {
    /// Adds samples to a bucket.
    fn add(&mut self, bucket: usize, samples: u64);
    /// Subtracts samples from a bucket.
    fn remove(&mut self, bucket: usize, samples: u64);
    /// Adds what one source counts and did not count `before`. A target that holds just what the source counted before may share its
    /// counts.
    fn grow(&mut self, layout: &BucketLayout, before: &Counts, counts: &Counts) {
        add_difference(self, layout, before, counts);
    }
    /// Adds to the sum of all values. Amounts of this one are modulo 2^128.
    fn add_sum(&mut self, amount: u128);
    /// Adds values that were rejected.
    fn add_rejected(&mut self, values: u64);
    /// Takes the newest samples of one slot as they are, oldest first, as far as they were still there.
    fn extend_recent(&mut self, values: &[u64]);
}

/// Adds to each bucket what `counts` has more of than `before`.
pub(crate) fn add_difference(
    to: &mut (impl FoldTarget + ?Sized),
    layout: &BucketLayout,
    before: &Counts,
    counts: &Counts,
) {
    for (octave, index, new) in counts.since(before) {
        to.add(octave * layout.octave_len() + index, new);
    }
}

/// Adds up what folds find, and makes snapshots of it.
pub(crate) trait Accumulate: FoldTarget + Clone {
    type Snapshot: fmt::Debug;
    /// What it is told beside the histogram's options.
    type Kind: Copy + fmt::Debug;
    /// What samples may come with.
    type Exemplar: fmt::Debug;

    /// Made at the first read.
    fn new(config: &BlockConfig, kind: Self::Kind) -> Self;
    /// A snapshot of everything that was folded. `taken`: a time before the fold.
    fn publish(&mut self, outcome: FoldOutcome, taken: Duration) -> Self::Snapshot;
    /// Replaces the newest exemplar of each exported bucket, of those that have one, in their order.
    fn set_exemplars(&mut self, newest: Arc<[Arc<Self::Exemplar>]>);
    /// Forgets everything that was folded, and the exemplars.
    fn clear(&mut self);
    /// The epoch of what was folded for a snapshot.
    fn epoch(snapshot: &Self::Snapshot) -> u64;
}

/// Hands everything to two targets.
#[derive(Debug)]
pub(super) struct Both<'a, A>(pub(super) &'a mut A, pub(super) &'a mut A);

impl<A: FoldTarget> FoldTarget for Both<'_, A> {
    fn add(&mut self, bucket: usize, samples: u64) {
        self.0.add(bucket, samples);
        self.1.add(bucket, samples);
    }

    fn remove(&mut self, bucket: usize, samples: u64) {
        self.0.remove(bucket, samples);
        self.1.remove(bucket, samples);
    }

    fn grow(&mut self, layout: &BucketLayout, before: &Counts, counts: &Counts) {
        self.0.grow(layout, before, counts);
        self.1.grow(layout, before, counts);
    }

    fn add_sum(&mut self, amount: u128) {
        self.0.add_sum(amount);
        self.1.add_sum(amount);
    }

    fn add_rejected(&mut self, values: u64) {
        self.0.add_rejected(values);
        self.1.add_rejected(values);
    }

    fn extend_recent(&mut self, values: &[u64]) {
        self.0.extend_recent(values);
        self.1.extend_recent(values);
    }
}
