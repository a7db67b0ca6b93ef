//! The owner's view of a [`block`](super::block).
//!
//! **Protocol.** queue\[recorded\] := value; bucket += 1; sum += value; recorded += 1; the slot's
//! [word](crate::engine::slot::changes), last. A rejection: rejected += 1; the word, last. What rarely comes before that is
//! out of line ([`BlockWriter::try_record_any`]): carrying into an upper half, large values, and octaves at the ends of the range.
//! What needs memory first is made apart from any record ([`BlockWriter::make_room`]), and the record then starts over: the allocator
//! may record into the same block in between, so nothing that was loaded before an allocation is used after it.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | `current` | Acquire | the reader's flip | counts into a bank that is not cleared yet are lost | `block::flip_back_and_forth` |
//! | queue entry | Release | the reader's fence | an overwritten entry is folded as the old one | `block::lapped_and_catching_up` |
//! | bucket, upper half | Relaxed | published by sum and `recorded` | | |
//! | sum | Release | the reader's sum, `writer_has_switched` | a sum ahead of its buckets; a bank drained too early | `block::sum_never_ahead` |
//! | `large` | Release | the reader's `large` | a sum too high by 2^64 | `block::large_never_ahead` |
//! | `recorded` | Release | the reader's `recorded` | a sample is counted that is not there yet | `block::record_races_a_fold` |
//! | `rejected` | Release | the reader's `rejected` | a rejection visible without what came before it | `recorder::a_before_b` |
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | the word after `recorded`, and after `rejected` | Release | a registry's reading is current without the sample | `read_order::a_write_shows` |
//!
//! **Progress.** Wait-free: no lock, no read-modify-write, no fence, no allocation, once there is room.

use super::block::{Bank, Block, BlockConfig, LOW, OwnedBlocks};
use super::bucket_layout::is_large;
use crate::engine::slot::adaptive::Promotion;
use crate::engine::slot::owner::Owner;
use crate::sync::{Acquire, AtomicU32, AtomicU64, Relaxed, Release};
use crate::tuning::LARGE_SHIFT;
use std::sync::Arc;

/// See the module's header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockWriter<'a> {
    block: &'a Block,
}

impl<'a> BlockWriter<'a> {
    /// The block of the owner's slot, if it has one and the slot is among the first. [`Self::find`] finds the others.
    #[inline(always)]
    pub(super) fn find_first(blocks: &'a OwnedBlocks, owner: Owner<'a>) -> Option<Self> {
        let block = blocks.get_first(owner.slot())?;
        Some(Self { block })
    }

    /// The block of the owner's slot, if it has one.
    #[inline]
    pub(super) fn find(blocks: &'a OwnedBlocks, owner: Owner<'a>) -> Option<Self> {
        let block = blocks.get(owner.slot())?;
        Some(Self { block })
    }

    /// The block of the owner's slot, which is made if there is none. `None`: there is no memory for it. For tests and models.
    #[allow(dead_code, reason = "only tests and models call it")]
    pub(crate) fn find_or_create(
        blocks: &'a OwnedBlocks,
        owner: Owner<'a>,
        config: &BlockConfig,
    ) -> Option<Self> {
        let promotion = Arc::<Promotion>::default();
        let block = blocks.get_or_create(owner, config, promotion.room(0))?;
        Some(Self { block })
    }

    /// Records a value, unless something rare comes first: then `false`, and [`Self::try_record_any`] must be called.
    #[inline(always)]
    #[must_use]
    pub(crate) fn try_record(self, value: u64) -> bool {
        let block = self.block;
        let (bank, sum) = self.bank();
        let Some(low) = bank.octaves.get_fast(value, block.mantissa_shift) else {
            return false;
        };
        // Relaxed: this thread's own last store.
        let count = low.load(Relaxed).wrapping_add(1);
        if count & LOW == 0 {
            return false;
        }
        self.store(value, low, count, None, sum);
        true
    }

    /// Records a value that the layout contains. `false`: there is no room for it yet.
    #[cold]
    #[must_use]
    pub(crate) fn try_record_any(self, value: u64) -> bool {
        let layout = &self.block.layout;
        let (bank, sum) = self.bank();
        let bucket = layout.bucket(value);
        let (octave, index) = (layout.octave(bucket), layout.index_in_octave(bucket));
        let Some(lows) = bank.octaves.lows(octave) else {
            return false;
        };
        let low = &lows[index];
        // Relaxed: this thread's own last store.
        let count = low.load(Relaxed).wrapping_add(1);
        if count & LOW == 0 {
            let Some(highs) = bank.octaves.highs(octave) else {
                return false;
            };
            // Relaxed, both: this thread's own last store; published by sum and `recorded`.
            highs[index].store(highs[index].load(Relaxed).wrapping_add(1), Relaxed);
        }
        self.store(value, low, count, is_large(value).then_some(bank), sum);
        true
    }

    /// Makes room for a value: counters for its octave, and upper halves if one is about to carry. `false`: there is no memory for it.
    #[must_use]
    pub(crate) fn make_room(self, value: u64) -> bool {
        let layout = &self.block.layout;
        let bucket = layout.bucket(value);
        let (octave, index) = (layout.octave(bucket), layout.index_in_octave(bucket));
        let (bank, _) = self.bank();
        let Some(lows) = bank.octaves.lows_or_alloc(octave) else {
            return false;
        };
        // Relaxed: this thread's own last store.
        let carries = lows[index].load(Relaxed) & LOW == LOW;
        !carries || bank.octaves.highs_or_alloc(octave).is_some()
    }

    /// Counts values that were refused.
    pub(super) fn reject(self, values: u64) {
        let rejected = &self.block.rejected;
        // Relaxed: this thread's own last store. Release: a reader that sees this sees what the thread did before.
        rejected.store(rejected.load(Relaxed).wrapping_add(values), Release);
        self.block.bump_word();
    }

    /// The bank that the reader wants used, and its sum.
    #[inline(always)]
    fn bank(self) -> (&'a Bank, &'a AtomicU64) {
        // Acquire: pairs with the flip; the bank that it names was made and cleared before.
        let current = usize::from(self.block.current.load(Acquire));
        let bank = self.block.banks[current].get();
        // SAFETY: a block is made with bank 0, and the reader flips to bank 1 only when it exists.
        let bank = unsafe { bank.unwrap_unchecked() };
        (bank, &self.block.sums[current])
    }

    /// The stores of a record, in their order. `count`: the new lower half of the bucket. `large`: the bank, if the value is large.
    #[inline(always)]
    fn store(self, value: u64, low: &AtomicU32, count: u32, large: Option<&Bank>, sum: &AtomicU64) {
        // Relaxed: this thread's own last store.
        let recorded = self.block.recorded.load(Relaxed);
        // Release: publishes the count that precedes it. A reader that copies this entry instead of the one it overwrites
        // finds out from that count.
        self.block.queue_entry(recorded).store(value, Release);
        // Relaxed: published by sum and `recorded`.
        low.store(count, Relaxed);
        if let Some(bank) = large {
            // Relaxed: this thread's own last store. Release: publishes the bucket, so that this is never ahead of it.
            let large = bank.large.load(Relaxed) + (value >> LARGE_SHIFT);
            bank.large.store(large, Release);
        }
        // Relaxed: this thread's own last store. Release: publishes the bucket, so that a sum is never ahead of its buckets,
        // and that the writer has switched to this bank and left the other one.
        sum.store(sum.load(Relaxed).wrapping_add(value), Release);
        // Release, after the rest: publishes the sample.
        self.block.recorded.store(recorded + 1, Release);
        self.block.bump_word();
    }

    /// Sets the lower half of a value's counter, for a test that will not record 2^31 times.
    #[cfg(test)]
    #[allow(
        dead_code,
        reason = "models, which compile this file too, have shorter halves"
    )]
    pub(crate) fn preset(self, value: u64, count: u32) {
        let layout = &self.block.layout;
        let bucket = layout.bucket(value);
        let octaves = &self.block.banks[0].get().unwrap().octaves;
        let lows = octaves.lows_or_alloc(layout.octave(bucket)).unwrap();
        // Relaxed: a test's only thread.
        lows[layout.index_in_octave(bucket)].store(count, Relaxed);
    }
}
