//! The reader's view of a [`block`](super::block). [`cursor`](super::cursor) is the only user; one reader at a time flips
//! and clears, because that takes a `SlotCursor`, which lies behind the histogram's lock.
//!
//! **Protocol.** Less than a queue behind: copy the new entries; the count of recorded samples tells which ones are still
//! valid. Overrun: name the other bank in `current`. Once the new bank's sum is non-zero the writer never returns to the old
//! bank, and the reader may sum and clear it.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | `recorded` | Acquire | the writer's `recorded` | a sample is counted that is not there yet | `block::record_races_a_fold` |
//! | `rejected`, before `recorded` | Acquire | the writer's `rejected` | a rejection visible without what came before it | `recorder::a_before_b` |
//! | fence, between entries and `recorded` | Acquire | the writer's queue entry | an overwritten entry is folded as the old one | `block::lapped_and_catching_up` |
//! | `writer_has_switched` | Acquire | the writer's sum | a bank drained before its last sample is visible | `block::sum_never_ahead` |
//! | sum, before the buckets | Acquire | the writer's sum | a sum ahead of its buckets | `block::sum_never_ahead` |
//! | `large`, before the buckets | Acquire | the writer's `large` | a sum too high by 2^64 | `block::large_never_ahead` |
//! | clearing a bank | Relaxed | published by the flip | | |
//! | flip | Release | the writer's `current` | counts into a bank that is not cleared yet are lost | `block::flip_back_and_forth` |
//!
//! **Progress.** Wait-free.

use super::block::{Bank, Block, BlockConfig, join_halves};
use crate::sync::{Acquire, AtomicU32, Relaxed, Release, fence};
use crate::tuning::LARGE_SHIFT;

/// See the module's header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockReader<'a> {
    block: &'a Block,
    pub(super) config: &'a BlockConfig,
}

impl Block {
    /// Samples recorded so far.
    #[inline]
    pub(crate) fn recorded(&self) -> u64 {
        // Acquire: pairs with the last store of a record.
        self.recorded.load(Acquire)
    }

    /// Values rejected so far.
    #[inline]
    pub(crate) fn rejected(&self) -> u64 {
        // Acquire: pairs with the store in `BlockWriter::reject`.
        self.rejected.load(Acquire)
    }
}

impl<'a> BlockReader<'a> {
    pub(crate) fn new(block: &'a Block, config: &'a BlockConfig) -> Self {
        Self { block, config }
    }

    /// See [`Block::recorded`].
    pub(super) fn recorded(self) -> u64 {
        self.block.recorded()
    }

    /// See [`Block::rejected`].
    pub(super) fn rejected(self) -> u64 {
        self.block.rejected()
    }

    /// See [`Block::number`].
    pub(super) fn number(self) -> usize {
        self.block.number as usize
    }

    /// Appends the samples `from..to` to `out`, or the newest part that the queue still holds. Returns the first
    /// sample that was copied.
    pub(super) fn copy_queue(self, from: u64, to: u64, out: &mut Vec<u64>) -> u64 {
        let begin = out.len();
        // Relaxed: the fence orders them all.
        out.extend((from..to).map(|sample| self.block.queue_entry(sample).load(Relaxed)));
        // Acquire: pairs with the Release of an entry. If an entry copied above was newer than expected, the count that
        // preceded it is visible below.
        fence(Acquire);
        // Relaxed: after the fence.
        let recorded = self.block.recorded.load(Relaxed);
        // The writer may be storing sample number `recorded` right now, over the one a whole queue before it.
        let first = (recorded + 1)
            .saturating_sub(self.block.queue_len() as u64)
            .clamp(from, to);
        out.drain(begin..begin + (first - from) as usize);
        first
    }

    /// Makes `bank` and gives it counters for the octaves that the other one has, so that its writer need not. `false`: there is no
    /// memory for the bank. An octave for which there is none is the writer's to make.
    pub(super) fn prepare(self, bank: usize) -> bool {
        if !self.block.make_bank(bank) {
            return false;
        }
        if let (Some(new), Some(old)) = (self.bank(bank), self.bank(bank ^ 1)) {
            new.octaves.make_those_of(&old.octaves);
        }
        true
    }

    /// Tells the writer to use `bank` from its next record on. The bank is prepared and cleared, and the writer has left it.
    pub(super) fn flip(self, bank: usize) {
        // Release: publishes the preparation and the clearing.
        self.block.current.store(bank == 1, Release);
    }

    /// Whether the writer has switched to `bank` since it was cleared. It never returns to the other bank then, whose cells
    /// are final and visible. `false` as long as the bank's sum is zero, whatever the bank holds.
    #[inline]
    pub(super) fn writer_has_switched(self, bank: usize) -> bool {
        // Acquire: pairs with the sum's store; everything that the writer did in the other bank happened before.
        self.block.sums[bank].load(Acquire) != 0
    }

    /// A bank's sum. Load it before the bank's buckets.
    pub(super) fn sum(self, bank: usize) -> u64 {
        // Acquire: pairs with the sum's store; the buckets of every value in the sum are visible after this.
        self.block.sums[bank].load(Acquire)
    }

    /// The least that the bank's large values add up to. Load it before the bank's buckets.
    pub(crate) fn large(self, bank: usize) -> u128 {
        self.bank(bank).map_or(0, |bank| {
            // Acquire: pairs with the store of `large`; the buckets of every value in it are visible after this.
            u128::from(bank.large.load(Acquire)) << LARGE_SHIFT
        })
    }

    /// Calls `each` with the number and the count of every bucket of the bank that is not empty.
    pub(crate) fn for_each_bucket(self, bank: usize, mut each: impl FnMut(usize, u64)) {
        let layout = &self.block.layout;
        let Some(bank) = self.bank(bank) else {
            return;
        };
        for octave in 0..layout.octaves() {
            let Some(lows) = bank.octaves.lows(octave) else {
                continue;
            };
            let highs = bank.octaves.highs(octave);
            let first = octave * layout.octave_len();
            for (index, low) in lows.iter().enumerate() {
                // Relaxed, both: ordered by the count or the sum that the caller loaded.
                let low = low.load(Relaxed);
                let high = highs.map_or(0, |highs| highs[index].load(Relaxed));
                let count = join_halves(low, high);
                if count != 0 {
                    each(first + index, count);
                }
            }
        }
    }

    /// Clears a bank that the writer has left and will not use before the next flip.
    pub(crate) fn clear(self, bank: usize) {
        let clear = |counters: &[AtomicU32]| {
            // Relaxed: the bank is the reader's, and the next flip publishes what is done to it.
            counters
                .iter()
                .for_each(|counter| counter.store(0, Relaxed));
        };
        if let Some(bank) = self.bank(bank) {
            for octave in 0..self.block.layout.octaves() {
                bank.octaves.lows(octave).into_iter().for_each(clear);
                bank.octaves.highs(octave).into_iter().for_each(clear);
            }
            // Relaxed: published by the next flip.
            bank.large.store(0, Relaxed);
        }
        // Relaxed: published by the next flip.
        self.block.sums[bank].store(0, Relaxed);
    }

    fn bank(self, bank: usize) -> Option<&'a Bank> {
        self.block.banks[bank].get()
    }
}
