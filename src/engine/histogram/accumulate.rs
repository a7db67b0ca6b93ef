//! What folds add up to: the interface between the engine and the values that readers get.

use std::time::Duration;

/// The result of all folds of a histogram so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FoldOutcome {
    /// The sum of the tails up to which slots were folded, and of the rejections: the snapshot's epoch.
    pub(crate) epoch: u64,
    /// Values rejected.
    pub(crate) rejected: u64,
    /// Samples beyond the folded tails; the sum may lack some.
    pub(crate) uncertain: u64,
    /// Samples handed over since the beginning, however often a bank repeated them.
    pub(crate) samples: u64,
}

/// Takes what folds find, and makes snapshots of it.
///
/// Numbers of samples are modulo 2^64. Within one fold a bucket may be added to and subtracted from; the result is never negative.
pub(crate) trait Accumulate {
    type Snapshot;

    /// Adds samples to a bucket.
    fn add(&mut self, bucket: usize, samples: u64);
    /// Subtracts samples from a bucket.
    fn remove(&mut self, bucket: usize, samples: u64);
    /// Adds to the sum of all values. Amounts of this one are modulo 2^128.
    fn add_sum(&mut self, amount: u128);
    /// Takes the newest samples of one slot as they are, oldest first, as far as they were still there.
    fn extend_recent(&mut self, values: &[u64]);

    /// A snapshot of everything that was folded. `taken`: when the fold began.
    fn publish(&mut self, outcome: FoldOutcome, taken: Duration) -> Self::Snapshot;
    /// Forgets everything that was folded.
    fn reset(&mut self, outcome: FoldOutcome);
    /// The epoch of what was folded for a snapshot.
    fn epoch(snapshot: &Self::Snapshot) -> u64;
}
