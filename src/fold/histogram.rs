//! What a histogram's folds add up to, and what its snapshots are cut from.

use crate::engine::histogram::accumulate::{Accumulate, FoldOutcome, FoldTarget};
use crate::engine::histogram::block::BlockConfig;
use crate::engine::histogram::bucket_layout::BucketLayout;
use crate::fold::recent::RecentSamples;
use crate::kind::Unit;
use crate::snapshot::histogram::{HistogramSnapshot, Octave};
use crate::snapshot::origin::Origin;
use std::sync::Arc;
use std::time::Duration;

/// Counts of everything that was folded so far, by octave. A snapshot copies only the octaves that changed.
#[derive(Clone, Debug)]
pub(crate) struct Accumulator {
    layout: BucketLayout,
    digits: u8,
    unit: Unit,
    /// By octave: the counts of its buckets; empty until a value falls into it.
    octaves: Vec<Vec<u64>>,
    /// By octave: the sum of its counts.
    totals: Vec<u64>,
    /// A bit for each octave: changed since it was last published.
    changed: u128,
    published: Vec<Octave>,
    count: u64,
    sum: u128,
    /// Of this histogram, as it is since the last reset.
    origin: Origin,
    rejected: u64,
    recent: Option<RecentSamples>,
}

impl Accumulator {
    fn publish_octave(&mut self, octave: usize) {
        let counts = Arc::from(self.octaves[octave].as_slice());
        let current = Octave {
            octave,
            total: self.totals[octave],
            counts,
        };
        match self
            .published
            .binary_search_by_key(&octave, |published| published.octave)
        {
            Ok(at) => self.published[at] = current,
            Err(at) => self.published.insert(at, current),
        }
    }

    #[inline]
    fn change(&mut self, bucket: usize, op: impl Fn(u64) -> u64) {
        let octave = self.layout.octave(bucket);
        let counts = &mut self.octaves[octave];
        if counts.is_empty() {
            counts.resize(self.layout.octave_len(), 0);
        }
        let count = &mut counts[self.layout.index_in_octave(bucket)];
        *count = op(*count);
        self.totals[octave] = op(self.totals[octave]);
        self.count = op(self.count);
        self.changed |= 1 << octave;
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

    fn new(config: &BlockConfig, (digits, unit): (u8, Unit)) -> Self {
        let (layout, recent) = (config.layout, config.recent as usize);
        Self {
            layout,
            digits,
            unit,
            octaves: vec![Vec::new(); layout.octaves()],
            totals: vec![0; layout.octaves()],
            changed: 0,
            published: Vec::new(),
            count: 0,
            sum: 0,
            origin: Origin::new(),
            rejected: 0,
            recent: (recent > 0).then(|| RecentSamples::new(recent, unit)),
        }
    }

    fn clear(&mut self) {
        self.octaves.fill(Vec::new());
        self.totals.fill(0);
        self.published.clear();
        (self.changed, self.count, self.sum) = (0, 0, 0);
        self.origin = Origin::new();
        self.rejected = 0;
        if let Some(recent) = &mut self.recent {
            recent.clear();
        }
    }

    fn publish(&mut self, outcome: FoldOutcome, taken: Duration) -> HistogramSnapshot {
        let mut changed = std::mem::take(&mut self.changed);
        while changed != 0 {
            self.publish_octave(changed.trailing_zeros() as usize);
            changed &= changed - 1;
        }
        HistogramSnapshot {
            layout: self.layout,
            digits: self.digits,
            unit: self.unit,
            octaves: self.published.as_slice().into(),
            count: self.count,
            sum: self.sum,
            rejected: self.rejected,
            uncertain: outcome.uncertain,
            recent: self.recent.as_mut().map(RecentSamples::merge),
            origin: Some(self.origin.clone()),
            epoch: outcome.epoch,
            samples_folded: outcome.samples,
            taken,
        }
    }

    fn epoch(snapshot: &HistogramSnapshot) -> u64 {
        snapshot.epoch
    }
}
