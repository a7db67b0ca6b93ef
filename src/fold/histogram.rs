//! What a histogram's folds add up to, and what its snapshots are cut from.

use crate::engine::histogram::accumulate::{Accumulate, FoldOutcome, FoldTarget};
use crate::engine::histogram::block::BlockConfig;
use crate::engine::histogram::bucket_layout::BucketLayout;
use crate::engine::histogram::counts::Counts;
use crate::fold::recent::RecentSamples;
use crate::kind::Unit;
use crate::snapshot::exemplar::Exemplar;
use crate::snapshot::histogram::{HistogramSnapshot, Octave};
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
    /// As of the last snapshot; rising.
    published: Arc<[Octave]>,
    /// Those that changed since, in any order.
    changed: Vec<Changed>,
    /// The one that changed last.
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

/// An octave that changed.
#[derive(Clone, Debug)]
struct Changed {
    octave: usize,
    total: u64,
    counts: Form,
}

#[derive(Clone, Debug)]
enum Form {
    /// Those of the only source, which shares them.
    Packed(Counts),
    Unpacked(Vec<u64>),
}

impl Changed {
    fn pack(self) -> Octave {
        Octave {
            octave: self.octave,
            total: self.total,
            counts: match self.counts {
                Form::Packed(counts) => counts,
                Form::Unpacked(counts) => Counts::new(&counts),
            },
        }
    }
}

impl Accumulator {
    #[inline]
    fn change(&mut self, bucket: usize, op: impl Fn(u64) -> u64) {
        let octave = self.layout.octave(bucket);
        let at = self.changed(octave);
        let changed = &mut self.changed[at];
        if let Form::Packed(packed) = &changed.counts {
            let mut counts = vec![0; self.layout.octave_len()];
            let filled = packed.iter();
            filled.for_each(|(index, count)| counts[index] = count);
            changed.counts = Form::Unpacked(counts);
        }
        if let Form::Unpacked(counts) = &mut changed.counts {
            let count = &mut counts[self.layout.index_in_octave(bucket)];
            *count = op(*count);
        }
        changed.total = op(changed.total);
        self.count = op(self.count);
    }

    /// Where an octave is among those that changed, to which it is added.
    #[inline]
    fn changed(&mut self, octave: usize) -> usize {
        let is_it = |changed: &Changed| changed.octave == octave;
        if !self.changed.get(self.last).is_some_and(is_it) {
            self.last = self.changed.iter().position(is_it).unwrap_or_else(|| {
                let published = self.published.iter().find(|it| it.octave == octave);
                let (total, counts) = published
                    .map(|published| (published.total, published.counts.clone()))
                    .unwrap_or_default();
                self.changed.push(Changed {
                    octave,
                    total,
                    counts: Form::Packed(counts),
                });
                self.changed.len() - 1
            });
        }
        self.last
    }

    /// Goes on from a snapshot, without its recent samples.
    pub(super) fn of(snapshot: &HistogramSnapshot) -> Self {
        Self {
            layout: snapshot.layout,
            digits: snapshot.digits,
            unit: snapshot.unit,
            published: Arc::clone(&snapshot.octaves),
            changed: Vec::new(),
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
        if self.changed.is_empty() {
            return;
        }
        let changed = std::mem::take(&mut self.changed);
        let is_changed = |it: &&Octave| changed.iter().any(|new| new.octave == it.octave);
        let unchanged = self.published.iter().filter(|it| !is_changed(it));
        let mut octaves: Vec<_> = unchanged.cloned().collect();
        let changed = changed.into_iter().map(Changed::pack);
        // An octave may have been looked at, or added to and subtracted from, and hold nothing.
        octaves.extend(changed.filter(|it| it.total != 0));
        octaves.sort_unstable_by_key(|it| it.octave);
        self.published = octaves.into();
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

    fn grow(&mut self, first: usize, before: &Counts, counts: &Counts) {
        let at = self.changed(self.layout.octave(first));
        let changed = &mut self.changed[at];
        match &mut changed.counts {
            Form::Packed(held) if held.is(before) => {
                let total = counts.total();
                let new = total.wrapping_sub(changed.total);
                self.count = self.count.wrapping_add(new);
                (*held, changed.total) = (counts.clone(), total);
            }
            _ => {
                for (index, new) in counts.since(before) {
                    self.add(first + index, new);
                }
            }
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
            published: Arc::default(),
            changed: Vec::new(),
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
        self.published = Arc::default();
        self.changed.clear();
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
            octaves: Arc::clone(&self.published),
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
