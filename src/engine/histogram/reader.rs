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

use super::block::{Block, BlockConfig, BlockEntry, NO_OFFSET, join_halves};
use crate::sync::{Acquire, AtomicU32, Relaxed, Release, fence};
use crate::tuning::LARGE_SHIFT;

/// See the module's header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockReader<'a> {
    entry: &'a BlockEntry,
    block: &'a Block,
    pub(super) config: &'a BlockConfig,
}

impl BlockEntry {
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
    pub(crate) fn new(entry: &'a BlockEntry, block: &'a Block, config: &'a BlockConfig) -> Self {
        Self {
            entry,
            block,
            config,
        }
    }

    /// See [`BlockEntry::recorded`].
    pub(super) fn recorded(self) -> u64 {
        self.entry.recorded()
    }

    /// See [`BlockEntry::rejected`].
    pub(super) fn rejected(self) -> u64 {
        self.entry.rejected()
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
        let recorded = self.entry.recorded.load(Relaxed);
        // The writer may be storing sample number `recorded` right now, over the one a whole queue before it.
        let first = (recorded + 1)
            .saturating_sub(self.block.queue.len() as u64)
            .clamp(from, to);
        out.drain(begin..begin + (first - from) as usize);
        first
    }

    /// Tells the writer to use `bank` from its next record on. The bank is cleared, and the writer has left it.
    pub(super) fn flip(self, bank: usize) {
        // Release: publishes the clearing.
        self.block.current.store(bank as u32, Release);
    }

    /// Whether the writer has switched to `bank` since it was cleared. It never returns to the other bank then, whose cells
    /// are final and visible. `false` as long as the bank's sum is zero, whatever the bank holds.
    #[inline]
    pub(super) fn writer_has_switched(self, bank: usize) -> bool {
        // Acquire: pairs with the sum's store; everything that the writer did in the other bank happened before.
        self.block.banks[bank].sum.load(Acquire) != 0
    }

    /// A bank's sum. Load it before the bank's buckets.
    pub(super) fn sum(self, bank: usize) -> u64 {
        // Acquire: pairs with the sum's store; the buckets of every value in the sum are visible after this.
        self.block.banks[bank].sum.load(Acquire)
    }

    /// The least that the bank's large values add up to. Load it before the bank's buckets.
    pub(crate) fn large(self, bank: usize) -> u128 {
        // Acquire: pairs with the store of `large`; the buckets of every value in it are visible after this.
        u128::from(self.block.banks[bank].large.load(Acquire)) << LARGE_SHIFT
    }

    /// Calls `each` with the number and the count of every bucket of the bank that is not empty.
    pub(crate) fn for_each_bucket(self, bank: usize, mut each: impl FnMut(usize, u64)) {
        let block = self.block;
        let bank = &block.banks[bank];
        // Relaxed, here and below: ordered by the count or the sum that the caller loaded.
        let has_high_halves = bank.has_high_halves.load(Relaxed) != 0;
        let len = block.layout.octave_len();
        let (lows, highs) = bank.counters.split_at(block.layout.buckets());
        for octave in 0..block.layout.octaves() {
            let offset = block.counter_offsets[octave].load(Relaxed);
            if offset == NO_OFFSET {
                continue;
            }
            let first = octave * len;
            let start = offset.wrapping_add(first as u32) as usize;
            for (bucket, counter) in (first..).zip(start..start + len) {
                // Relaxed, both: ordered by the count or the sum that the caller loaded.
                let low = lows[counter].load(Relaxed);
                let high = if has_high_halves {
                    highs[counter].load(Relaxed)
                } else {
                    0
                };
                let count = join_halves(low, high);
                if count != 0 {
                    each(bucket, count);
                }
            }
        }
    }

    /// Clears a bank that the writer has left and will not use before the next flip.
    pub(crate) fn clear(self, bank: usize) {
        let block = self.block;
        let bank = &block.banks[bank];
        // Relaxed, all: the bank is the reader's, and the next flip publishes what is done to it.
        let used = block.octaves_in_use.load(Relaxed) as usize * block.layout.octave_len();
        let (lows, highs) = bank.counters.split_at(block.layout.buckets());
        // Relaxed, all: published by the next flip.
        let clear = |counters: &[AtomicU32]| {
            counters
                .iter()
                .for_each(|counter| counter.store(0, Relaxed))
        };
        clear(&lows[..used]);
        // Relaxed: the writer has left the bank.
        if bank.has_high_halves.load(Relaxed) != 0 {
            clear(&highs[..used]);
        }
        // Relaxed, all: published by the next flip.
        bank.has_high_halves.store(0, Relaxed);
        bank.large.store(0, Relaxed);
        bank.sum.store(0, Relaxed);
    }
}
