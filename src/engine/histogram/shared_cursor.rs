//! How far a reader has read the [`shared`](super::shared) block, and how it goes on.
//!
//! Each look at a bank adds to the target what the buckets and the sum have grown by since the look before, whether they agree or not:
//! all of them only grow, so nothing is added twice, and what is missing comes with a later look. If the buckets add up to the tail, the
//! look was exact. After a few that were not, the samples beyond the tail are reported as uncertain.
//!
//! The orderings are those of [`shared`](super::shared).

use super::accumulate::FoldTarget;
use super::bucket_layout::{BucketLayout, is_large};
use super::counts::Counts;
use super::cursor::widen;
use super::shared::{SharedBank, ahead_of};
use crate::sync::spin_loop;
use crate::tuning::SHARED_SCANS;

/// See the module's header.
#[derive(Debug, Default)]
pub(super) struct SharedCursor {
    /// What was counted, by octave; rising.
    counted: Vec<Counted>,
    /// The tail of the last look.
    tail: u64,
    /// Samples that the last look found beyond the tail.
    uncertain: u64,
    /// Folded samples that arrived while a late one may have been missed.
    doubted: u64,
    /// Sum of what was counted.
    sum: u128,
    /// What the sum was beyond the least that the buckets add up to, at the last exact look.
    beyond_floor: u128,
    /// The records that had come late when the last fold began.
    late: u64,
}

/// What was counted of an octave.
#[derive(Debug)]
struct Counted {
    octave: u8,
    counts: Counts,
    /// The sum of the counts.
    samples: u64,
    /// The least that the values add up to, large ones aside.
    floor: u128,
}

impl Counted {
    fn nothing_of(octave: u8) -> Self {
        Self {
            octave,
            counts: Counts::new(&[]),
            samples: 0,
            floor: 0,
        }
    }

    /// Counts what is new.
    fn count(&mut self, counts: &[u64], layout: &BucketLayout, to: &mut impl FoldTarget) {
        let octave = usize::from(self.octave);
        let first = octave * layout.octave_len();
        (self.samples, self.floor) = (0, 0);
        for (index, count) in counts.iter().enumerate() {
            let new = count.wrapping_sub(self.counts.get(index));
            if new != 0 {
                to.add(first + index, new);
            }
            if *count == 0 {
                continue;
            }
            self.samples = self.samples.wrapping_add(*count);
            let low = layout.low(first + index);
            if !is_large(low) {
                self.floor = self
                    .floor
                    .wrapping_add(u128::from(low) * u128::from(*count));
            }
        }
        self.counts = Counts::new(counts);
        to.offer(octave, &self.counts);
    }
}

impl SharedCursor {
    /// Samples folded so far, without those in doubt, modulo 2^48. As long as some are, another fold finds it changed.
    pub(super) fn folded(&self) -> u64 {
        self.tail.wrapping_sub(self.doubted)
    }

    /// Samples folded beyond [`Self::folded`], which may be missing from the sum.
    pub(super) fn uncertain(&self) -> u64 {
        self.uncertain + self.doubted
    }

    /// Whether a sample may have come to the bank, late, after the last fold began.
    pub(super) fn is_overtaken(&self, bank: &SharedBank) -> bool {
        bank.late() != self.late
    }

    /// Holds all samples for uncertain, until the next fold, that were folded after `folded` was.
    pub(super) fn doubt_from(&mut self, folded: u64) {
        self.doubted = ahead_of(self.tail, folded);
    }

    /// Folds what is new, and returns how many samples that are. `counts` is a buffer.
    pub(super) fn fold(
        &mut self,
        bank: &SharedBank,
        layout: &BucketLayout,
        to: &mut impl FoldTarget,
        counts: &mut Vec<u64>,
    ) -> u64 {
        let before = self.tail;
        self.late = bank.late();
        self.doubted = 0;
        if self.uncertain == 0 && bank.tail() == self.tail {
            return 0;
        }
        for _ in 0..SHARED_SCANS {
            self.look(bank, layout, to, counts);
            if self.uncertain == 0 {
                break;
            }
            spin_loop();
        }
        ahead_of(self.tail, before)
    }

    fn look(
        &mut self,
        bank: &SharedBank,
        layout: &BucketLayout,
        to: &mut impl FoldTarget,
        counts: &mut Vec<u64>,
    ) {
        // In this order, and before the buckets.
        self.tail = bank.tail();
        let (sum, mut floor) = (bank.sum(), bank.large());
        let mut samples = 0_u64;
        let mut at = 0;
        for octave in 0..layout.octaves() {
            if !bank.read_octave(octave, counts) {
                continue;
            }
            let known = self.counted.get(at);
            if known.is_none_or(|known| usize::from(known.octave) != octave) {
                // Exactly: octaves are few, and there are many histograms.
                self.counted.reserve_exact(1);
                self.counted.insert(at, Counted::nothing_of(octave as u8));
            }
            let counted = &mut self.counted[at];
            at += 1;
            if !counted.counts.are(counts) {
                counted.count(counts, layout, to);
            }
            samples = samples.wrapping_add(counted.samples);
            floor = floor.wrapping_add(counted.floor);
        }
        let wide = widen(sum, floor.wrapping_add(self.beyond_floor));
        to.add_sum(wide.wrapping_sub(self.sum));
        self.sum = wide;
        self.uncertain = ahead_of(samples, self.tail);
        if self.uncertain == 0 {
            self.beyond_floor = wide.wrapping_sub(floor);
        }
    }
}
