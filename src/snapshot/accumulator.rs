//! What a histogram's folds add up to: the state behind the gate, from which snapshots are cut.

use crate::core::fold::{Folded, Sink};
use crate::core::layout::Layout;
use crate::core::recorder::Accumulate;
use crate::metric::options::Unit;
use crate::snapshot::histogram::{HistogramSnapshot, Octave};
use crate::snapshot::recent::Window;
use std::sync::Arc;
use std::time::Duration;

/// Plain counts of everything folded so far, by octave; a snapshot copies only the octaves that changed.
#[derive(Debug)]
pub(crate) struct Accumulator {
    layout: Layout,
    digits: u8,
    unit: Unit,
    octaves: Vec<Counts>,
    /// Bit by octave: changed since it was last published.
    changed: u128,
    published: Vec<Octave>,
    count: u64,
    sum: u64,
    /// Values refused before the last reset.
    rejected_before: u64,
    recent: Option<Window>,
}

#[derive(Clone, Debug, Default)]
struct Counts {
    total: u64,
    /// Empty until a value falls into the octave.
    counts: Vec<u64>,
}

impl Accumulator {
    pub(crate) fn new(layout: Layout, digits: u8, unit: Unit, recent: usize) -> Self {
        Self {
            layout,
            digits,
            unit,
            octaves: vec![Counts::default(); layout.octaves()],
            changed: 0,
            published: Vec::new(),
            count: 0,
            sum: 0,
            rejected_before: 0,
            recent: (recent > 0).then(|| Window::new(recent)),
        }
    }

    fn publish_octave(&mut self, octave: usize) {
        let of = &self.octaves[octave];
        let fresh = Octave { octave, total: of.total, counts: Arc::from(of.counts.as_slice()) };
        match self.published.binary_search_by_key(&octave, |published| published.octave) {
            Ok(at) => self.published[at] = fresh,
            Err(at) => self.published.insert(at, fresh),
        }
    }

    #[inline]
    fn change(&mut self, bucket: usize, op: impl Fn(u64) -> u64) {
        let (octave, place) = self.layout.split(bucket);
        let of = &mut self.octaves[octave];
        if of.counts.is_empty() {
            of.counts.resize(self.layout.octave_len(), 0);
        }
        of.counts[place] = op(of.counts[place]);
        of.total = op(of.total);
        self.count = op(self.count);
        self.changed |= 1 << octave;
    }
}

impl Sink for Accumulator {
    #[inline]
    fn add(&mut self, bucket: usize, samples: u64) {
        self.change(bucket, |count| count.wrapping_add(samples));
    }

    #[inline]
    fn remove(&mut self, bucket: usize, samples: u64) {
        self.change(bucket, |count| count.wrapping_sub(samples));
    }

    fn sum(&mut self, amount: u64) {
        self.sum = self.sum.wrapping_add(amount);
    }

    fn recent(&mut self, _slot: usize, values: &[u64]) {
        if let Some(recent) = &mut self.recent {
            recent.bring(values);
        }
    }
}

impl Accumulate for Accumulator {
    type Snapshot = HistogramSnapshot;

    fn reset(&mut self, folded: Folded) {
        self.octaves.fill(Counts::default());
        self.published.clear();
        (self.changed, self.count, self.sum) = (0, 0, 0);
        self.rejected_before = folded.rejected;
        if let Some(recent) = &mut self.recent {
            recent.clear();
        }
    }

    fn publish(&mut self, folded: Folded, taken: Duration) -> HistogramSnapshot {
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
            rejected: folded.rejected.wrapping_sub(self.rejected_before),
            uncertain: folded.uncertain,
            recent: self.recent.as_mut().map(Window::publish),
            epoch: folded.epoch,
            taken,
        }
    }

    fn epoch(snapshot: &HistogramSnapshot) -> u64 {
        snapshot.epoch
    }
}
