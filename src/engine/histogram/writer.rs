//! The owner's view of a [`block`](super::block).
//!
//! **Protocol.** queue\[recorded\] := value; bucket += 1; sum += value; recorded += 1, last. What rarely comes before that is
//! out of line ([`BlockWriter::record_any`]): giving an octave its counters, carrying into an upper half, and large values.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | `current` | Acquire | the reader's flip | counts into a bank that is not cleared yet are lost | `block::flip_back_and_forth` |
//! | queue entry | Release | the reader's fence | an overwritten entry is folded as the old one | `block::lapped_and_catching_up` |
//! | offsets, bucket, upper half | Relaxed | published by sum and `recorded` | | |
//! | sum | Release | the reader's sum, `writer_has_switched` | a sum ahead of its buckets; a bank drained too early | `block::sum_never_ahead` |
//! | `large` | Release | the reader's `large` | a sum too high by 2^64 | `block::large_never_ahead` |
//! | `recorded` | Release, last | the reader's `recorded` | a sample is counted that is not there yet | `block::record_races_a_fold` |
//! | `rejected` | Release | the reader's `rejected` | a rejection visible without what came before it | `recorder::a_before_b` |
//!
//! **Progress.** Wait-free: no lock, no read-modify-write, no fence, no allocation.

use super::block::{Bank, Block, BlockEntry, LOW, NO_OFFSET};
use super::bucket_layout::{EXPONENT_BIAS, MANTISSA_BITS, is_large};
use crate::engine::slot::owner::Owner;
use crate::engine::slot::per_slot::PerSlot;
use crate::sync::{Acquire, AtomicU32, Relaxed, Release};
use crate::tuning::LARGE_SHIFT;

/// See the module's header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockWriter<'a> {
    entry: &'a BlockEntry,
    block: &'a Block,
}

impl<'a> BlockWriter<'a> {
    /// The block of the owner's slot, if it has one and the slot is among the first ones.
    #[inline(always)]
    pub(super) fn find_inline(blocks: &'a PerSlot<BlockEntry>, owner: Owner<'a>) -> Option<Self> {
        let (entry, block) = blocks.own_inline(owner)?;
        Some(Self { entry, block })
    }

    /// The block of the owner's slot, if it has one.
    pub(super) fn find(blocks: &'a PerSlot<BlockEntry>, owner: Owner<'a>) -> Option<Self> {
        let (entry, block) = blocks.get(owner.slot())?;
        Some(Self { entry, block })
    }

    /// The block of the owner's slot, created by `create` if there is none.
    pub(crate) fn find_or_create(
        blocks: &'a PerSlot<BlockEntry>,
        owner: Owner<'a>,
        create: impl FnOnce() -> Block,
    ) -> Self {
        let (entry, block) = blocks.get_or_create(owner, create);
        Self { entry, block }
    }

    /// Records a value, unless something rare comes first: then `false`, and [`Self::record_any`] must be called.
    #[inline(always)]
    #[must_use]
    pub(crate) fn try_record(self, value: u64) -> bool {
        let block = self.block;
        let float = (value as i64 as f64).to_bits();
        // Relaxed: this thread's own last store.
        let offset = block.fast_offsets[(float >> MANTISSA_BITS) as usize % 64].load(Relaxed);
        if offset == NO_OFFSET || value as i64 <= 0 {
            return false;
        }
        let counter = offset.wrapping_add((float >> block.mantissa_shift) as u32) as usize;
        let bank = self.bank();
        debug_assert!(counter < block.layout.buckets());
        // SAFETY: an octave with an offset has `octave_len` counters from there on (`counter_offset`), and this is the
        // bucket's among them: its octave is the one that the offset was looked up for.
        let low = unsafe { bank.counters.get_unchecked(counter) };
        // Relaxed: this thread's own last store.
        let count = low.load(Relaxed).wrapping_add(1);
        if count & LOW == 0 {
            return false;
        }
        self.store::<false>(value, bank, low, count);
        true
    }

    /// Records any value that the layout contains, after giving its octave counters and carrying into the upper half.
    #[cold]
    pub(crate) fn record_any(self, value: u64) {
        let block = self.block;
        let bank = self.bank();
        let bucket = block.layout.bucket(value);
        let offset = self.counter_offset(block.layout.octave(bucket));
        let counter = offset.wrapping_add(bucket as u32) as usize;
        let low = &bank.counters[counter];
        // Relaxed: this thread's own last store.
        let count = low.load(Relaxed).wrapping_add(1) & (LOW << 1 | 1);
        if count & LOW == 0 {
            let high = &bank.counters[block.layout.buckets() + counter];
            // Relaxed, all: this thread's own last store; published by sum and `recorded`.
            bank.has_high_halves.store(1, Relaxed);
            high.store(high.load(Relaxed).wrapping_add(1), Relaxed);
        }
        if is_large(value) {
            self.store::<true>(value, bank, low, count);
        } else {
            self.store::<false>(value, bank, low, count);
        }
    }

    /// Counts values that were refused.
    pub(super) fn reject(self, values: u64) {
        let rejected = &self.entry.rejected;
        // Relaxed: this thread's own last store. Release: a reader that sees this sees what the thread did before.
        rejected.store(rejected.load(Relaxed).wrapping_add(values), Release);
    }

    /// The bank that the reader wants used.
    #[inline(always)]
    fn bank(self) -> &'a Bank {
        // Acquire: pairs with the flip; the bank that it names was cleared before.
        &self.block.banks[self.block.current.load(Acquire) as usize % 2]
    }

    /// The stores of a record, in their order. `count`: the new lower half of the bucket.
    #[inline(always)]
    fn store<const LARGE: bool>(self, value: u64, bank: &Bank, low: &AtomicU32, count: u32) {
        // Relaxed: this thread's own last store.
        let recorded = self.entry.recorded.load(Relaxed);
        // Release: publishes the count that precedes it. A reader that copies this entry instead of the one it overwrites
        // finds out from that count.
        self.block.queue_entry(recorded).store(value, Release);
        // Relaxed: published by sum and `recorded`.
        low.store(count, Relaxed);
        if LARGE {
            // Relaxed: this thread's own last store. Release: publishes the bucket, so that this is never ahead of it.
            let large = bank.large.load(Relaxed) + (value >> LARGE_SHIFT);
            bank.large.store(large, Release);
        }
        // Relaxed: this thread's own last store. Release: publishes the bucket, so that a sum is never ahead of its buckets,
        // and that the writer has switched to this bank and left the other one.
        bank.sum
            .store(bank.sum.load(Relaxed).wrapping_add(value), Release);
        // Release, last: publishes the sample.
        self.entry.recorded.store(recorded + 1, Release);
    }

    /// The octave's counter offset; the next free one if it has none.
    fn counter_offset(self, octave: usize) -> u32 {
        let block = self.block;
        // Relaxed, all: this thread's own stores, published by sum and `recorded`.
        let offset = block.counter_offsets[octave].load(Relaxed);
        if offset != NO_OFFSET {
            return offset;
        }
        // The counters begin where those of the octaves in use end. Relaxed: this thread's own last store.
        let in_use = block.octaves_in_use.load(Relaxed);
        let offset = in_use
            .wrapping_sub(octave as u32)
            .wrapping_mul(block.layout.octave_len() as u32);
        // Relaxed, all: published by sum and `recorded`.
        block.octaves_in_use.store(in_use + 1, Relaxed);
        block.counter_offsets[octave].store(offset, Relaxed);
        if octave > 0 && block.layout.has_fast_path(octave) {
            let exponent_field = octave + EXPONENT_BIAS;
            let from_float = offset.wrapping_sub(block.layout.bias() as u32);
            // Relaxed: only this thread loads it.
            block.fast_offsets[exponent_field % 64].store(from_float, Relaxed);
        }
        offset
    }

    /// Sets the lower half of a value's counter, for a test that will not record 2^31 times.
    #[cfg(test)]
    #[allow(
        dead_code,
        reason = "models, which compile this file too, have shorter halves"
    )]
    pub(crate) fn preset(self, bank: usize, value: u64, count: u32) {
        let bucket = self.block.layout.bucket(value);
        let offset = self.counter_offset(self.block.layout.octave(bucket));
        // Relaxed: a test's only thread.
        self.block.banks[bank].counters[offset.wrapping_add(bucket as u32) as usize]
            .store(count, Relaxed);
    }
}
