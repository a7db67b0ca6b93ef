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
use super::unpacked_counts::UnpackedCounts;
use crate::sync::spin_loop;
use crate::tuning::SHARED_SCANS;

/// See the module's header.
#[derive(Debug, Default)]
pub(super) struct SharedCursor {
    /// What was counted.
    counts: Counts,
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
        counts: &mut UnpackedCounts,
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
        counts: &mut UnpackedCounts,
    ) {
        // In this order, and before the buckets.
        self.tail = bank.tail();
        let (sum, large) = (bank.sum(), bank.large());
        let touched = bank.touched.take();
        counts.clear();
        for octave in (0..layout.octaves()).filter(|octave| touched.contains(*octave)) {
            counts.push_with(octave, |counts| bank.read_octave(octave, counts));
        }
        self.count(counts, layout, to);
        let floor = self.floor.wrapping_add(large);
        let wide = widen(sum, floor.wrapping_add(self.beyond_floor));
        to.add_sum(wide.wrapping_sub(self.sum));
        self.sum = wide;
        self.uncertain = ahead_of(self.samples, self.tail);
        if self.uncertain == 0 {
            self.beyond_floor = wide.wrapping_sub(floor);
        }
    }

    /// Counts what is new in some octaves.
    fn count(&mut self, new: &UnpackedCounts, layout: &BucketLayout, to: &mut impl FoldTarget) {
        if new.is_empty() {
            return;
        }
        for (octave, counts) in new.iter() {
            let (first, before) = (octave * layout.octave_len(), self.counts.octave(octave));
            for (index, count) in counts.iter().enumerate() {
                let new = count.wrapping_sub(before.map_or(0, |before| before.get(index)));
                if new == 0 {
                    continue;
                }
                self.samples = self.samples.wrapping_add(new);
                let low = layout.low(first + index);
                if !is_large(low) {
                    // Negative, as long as a count has not carried.
                    let values = i128::from(low) * i128::from(new as i64);
                    self.floor = self.floor.wrapping_add(values as u128);
                }
            }
        }
        let counts = self.counts.with(new);
        to.grow(layout, &self.counts, &counts);
        self.counts = counts;
    }
}
