//! What a histogram's folds add up to, and what its snapshots are cut from.

use crate::engine::histogram::accumulate::{Accumulate, FoldOutcome, FoldTarget, add_difference};
use crate::engine::histogram::block::BlockConfig;
use crate::engine::histogram::bucket_layout::BucketLayout;
use crate::engine::histogram::counts::Counts;
use crate::engine::histogram::unpacked_counts::UnpackedCounts;
use crate::fold::recent::RecentSamples;
use crate::kind::Unit;
use crate::snapshot::exemplar::Exemplar;
use crate::snapshot::histogram::HistogramSnapshot;
use crate::snapshot::origin::Origin;
use std::sync::Arc;
use std::time::Duration;

/// Counts of everything that was folded so far, by octave. What did not change since the last snapshot is the snapshot's; octaves that
/// did are held aside until the next one.
#[derive(Clone, Debug)]
pub(crate) struct Accumulator {
    layout: BucketLayout,
    digits: u8,
    unit: Unit,
    /// As of the last snapshot, and what its only source has counted since.
    published: Counts,
    /// Octaves that changed since.
    changed: UnpackedCounts,
    /// The place of the one that changed last.
    last: usize,
    count: u64,
    sum: u128,
    /// Of this histogram, as it is since the last reset.
    origin: Origin,
    rejected: u64,
    recent: Option<Box<RecentSamples>>,
    exemplars: Arc<[Arc<Exemplar>]>,
    /// When it was created or last reset: the time of the first snapshot from there on.
    created: Option<Duration>,
}

impl Accumulator {
    #[inline]
    fn change(&mut self, bucket: usize, op: impl Fn(u64) -> u64) {
        let (octave, len) = (self.layout.octave(bucket), self.layout.octave_len());
        if !self.changed.is_at(self.last, octave) {
            self.last = self.changed.position(octave).unwrap_or_else(|place| {
                let published = self.published.octave(octave);
                self.changed.insert(place, octave, published, len);
                place
            });
        }
        let index = self.layout.index_in_octave(bucket);
        let count = self.changed.count_mut(self.last, index, len);
        *count = op(*count);
        self.count = op(self.count);
    }

    /// Goes on from a snapshot, without its recent samples.
    pub(super) fn of(snapshot: &HistogramSnapshot) -> Self {
        Self {
            layout: snapshot.layout,
            digits: snapshot.digits,
            unit: snapshot.unit,
            published: snapshot.counts.clone(),
            changed: UnpackedCounts::default(),
            last: 0,
            count: snapshot.count,
            sum: snapshot.sum,
            origin: Origin::new(),
            rejected: snapshot.rejected,
            recent: None,
            exemplars: Arc::default(),
            created: None,
        }
    }

    /// Packs what has changed.
    fn pack(&mut self) {
        if !self.changed.is_empty() {
            self.published = self.published.with(&std::mem::take(&mut self.changed));
        }
    }
}

impl FoldTarget for Accumulator {
    #[inline]
    fn add(&mut self, bucket: usize, samples: u64) {
        self.change(bucket, |count| count.wrapping_add(samples));
    }

    #[inline]
    fn remove(&mut self, bucket: usize, samples: u64) {
        self.change(bucket, |count| count.wrapping_sub(samples));
    }

    fn grow(&mut self, layout: &BucketLayout, before: &Counts, counts: &Counts) {
        if self.changed.is_empty() && self.published.is(before) {
            let new = counts.total().wrapping_sub(before.total());
            self.count = self.count.wrapping_add(new);
            self.published = counts.clone();
        } else {
            add_difference(self, layout, before, counts);
        }
    }

    fn add_sum(&mut self, amount: u128) {
        self.sum = self.sum.wrapping_add(amount);
    }

    fn add_rejected(&mut self, values: u64) {
        self.rejected = self.rejected.wrapping_add(values);
    }

    fn extend_recent(&mut self, values: &[u64]) {
        if let Some(recent) = &mut self.recent {
            recent.extend_from_slot(values);
        }
    }
}

impl Accumulate for Accumulator {
    type Snapshot = HistogramSnapshot;
    /// Significant digits, and the unit.
    type Kind = (u8, Unit);
    type Exemplar = Exemplar;

    fn new(config: &BlockConfig, (digits, unit): (u8, Unit)) -> Self {
        let (layout, recent) = (config.layout, config.recent as usize);
        Self {
            layout,
            digits,
            unit,
            published: Counts::default(),
            changed: UnpackedCounts::default(),
            last: 0,
            count: 0,
            sum: 0,
            origin: Origin::new(),
            rejected: 0,
            recent: (recent > 0).then(|| RecentSamples::new(recent, unit).into()),
            exemplars: Arc::default(),
            created: None,
        }
    }

    fn set_exemplars(&mut self, newest: Arc<[Arc<Exemplar>]>) {
        self.exemplars = newest;
    }

    fn clear(&mut self) {
        self.published = Counts::default();
        self.changed = UnpackedCounts::default();
        (self.count, self.sum) = (0, 0);
        self.origin = Origin::new();
        self.rejected = 0;
        self.exemplars = Arc::default();
        self.created = None;
        if let Some(recent) = &mut self.recent {
            recent.clear();
        }
    }

    fn publish(&mut self, outcome: FoldOutcome, taken: Duration) -> HistogramSnapshot {
        self.pack();
        HistogramSnapshot {
            layout: self.layout,
            digits: self.digits,
            unit: self.unit,
            counts: self.published.clone(),
            count: self.count,
            sum: self.sum,
            rejected: self.rejected,
            uncertain: outcome.uncertain,
            recent: self.recent.as_mut().map(|recent| recent.merge()),
            exemplars: Arc::clone(&self.exemplars),
            window_quantiles: None,
            origin: Some(self.origin.clone()),
            epoch: outcome.epoch,
            samples_folded: outcome.samples,
            created: *self.created.get_or_insert(taken),
            taken,
        }
    }

    fn epoch(snapshot: &HistogramSnapshot) -> u64 {
        snapshot.epoch
    }
}
