//! How far a reader has read the [`shared`](super::shared) block, and how it goes on.
//!
//! Each look at a bank adds to the target what the buckets and the sum have grown by since the look before, whether they agree or not:
//! all of them only grow, so nothing is added twice, and what is missing comes with a later look. If the buckets add up to the tail, the
//! look was exact. After a few that were not, the samples beyond the tail are reported as uncertain.
//!
//! The orderings are those of [`shared`](super::shared).
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | touched octaves are taken after the tail | Acquire of the tail | another thread's unfinished record makes up for a sample that is missing | `shared::octaves_are_taken_after_the_tail` |

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
    /// The samples that were counted.
    samples: u64,
    /// The least that their values add up to, large ones aside.
    floor: u128,
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
        let (sum, large) = (bank.sum(), bank.large());
        let touched = bank.touched.take();
        for octave in (0..layout.octaves()).filter(|octave| touched.contains(*octave)) {
            if bank.read_octave(octave, counts) {
                self.count(octave, counts, layout, to);
            }
        }
        let floor = self.floor.wrapping_add(large);
        let wide = widen(sum, floor.wrapping_add(self.beyond_floor));
        to.add_sum(wide.wrapping_sub(self.sum));
        self.sum = wide;
        self.uncertain = ahead_of(self.samples, self.tail);
        if self.uncertain == 0 {
            self.beyond_floor = wide.wrapping_sub(floor);
        }
    }

    /// Counts what is new in an octave.
    fn count(
        &mut self,
        octave: usize,
        counts: &[u64],
        layout: &BucketLayout,
        to: &mut impl FoldTarget,
    ) {
        let known = |counted: &Counted| usize::from(counted.octave).cmp(&octave);
        let at = self.counted.binary_search_by(known).unwrap_or_else(|at| {
            // Exactly: octaves are few, and there are many histograms.
            self.counted.reserve_exact(1);
            let (octave, counts) = (octave as u8, Counts::default());
            self.counted.insert(at, Counted { octave, counts });
            at
        });
        let first = octave * layout.octave_len();
        let counts = Counts::new(counts);
        let before = std::mem::replace(&mut self.counted[at].counts, counts);
        let counts = &self.counted[at].counts;
        for (index, new) in counts.since(&before) {
            self.samples = self.samples.wrapping_add(new);
            let low = layout.low(first + index);
            if !is_large(low) {
                // Negative, as long as a count has not carried.
                let values = i128::from(low) * i128::from(new as i64);
                self.floor = self.floor.wrapping_add(values as u128);
            }
        }
        to.grow(first, &before, counts);
    }
}
