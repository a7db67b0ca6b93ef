//! What one slot recorded into one histogram: the storage, which [`writer`](super::writer) and [`reader`](super::reader) see
//! from their two sides.
//!
//! ```text
//! BlockEntry   block ─┐ recorded  rejected          one for each slot; readers poll recorded and rejected
//!                     │
//! Block   ◄───────────┘
//!   queue      v v v v v v v v                      the newest samples as they are; sample n is at n modulo the length
//!   bank 0     sum, large, lower and upper halves      the writer counts into the bank that `current` names,
//!   bank 1     sum, large, lower and upper halves      the reader drains the other one
//!   current    0 or 1                               the reader's wish
//! ```
//!
//! **Written by the slot's owner only:** `queue`, the bank that it uses, `recorded` (samples ever recorded; with
//! `rejected` it makes up the epoch), `rejected` (values refused, which are in none of the above), and the two offset tables.
//! **Written by the reader only:** `current`, and a bank that the writer has left.
//!
//! **Halves.** A bucket's count has a lower half, which every record touches, and an upper half, touched once in 2^31 records.
//! The top bit of the lower half repeats the lowest bit of the upper half. A reader that catches one half before a carry and
//! the other after it sees that the two disagree, and which one is behind ([`join_halves`]).
//!
//! **Octaves.** An octave of buckets gets its counters when a value first falls into it, so memory is committed densely: all
//! counters are reserved zeroed at the slot's first record, and the operating system backs them page by page.
//!
//! **Limits.** One thread writes. A signal handler that interrupts a record on its own thread and records into the same
//! histogram is outside the contract, as is one that interrupts any first write ([`owner`](crate::engine::slot::owner)).

use super::bucket_layout::{BucketLayout, MAX_OCTAVES};
use crate::engine::slot::once_box::OnceBox;
use crate::engine::slot::per_slot::Entry;
use crate::sync::{AtomicU32, AtomicU64};
use crate::tuning::LOW_BITS;
use crate::zeroed::{Zeroed, zeroed_u32, zeroed_u64};
use crossbeam_utils::CachePadded;

/// What is fixed when a histogram is registered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockConfig {
    pub(crate) layout: BucketLayout,
    /// Samples that a queue holds: a power of two.
    pub(crate) queue: usize,
    /// How many recent samples the accumulator keeps; less than `queue`.
    pub(crate) recent: usize,
}

impl BlockConfig {
    /// An empty block.
    pub(crate) fn block(&self) -> Block {
        Block::new(self.layout, self.queue)
    }
}

/// One slot's entry: the block, and what readers poll beside it, so that they need not follow the pointer. Aligned to two
/// cache lines, since processors fetch lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct BlockEntry {
    block: OnceBox<Block>,
    pub(super) recorded: AtomicU64,
    pub(super) rejected: AtomicU64,
}

impl Entry for BlockEntry {
    type Value = Block;

    #[inline(always)]
    fn value(&self) -> &OnceBox<Block> {
        &self.block
    }
}

/// See the module's header.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct Block {
    pub(super) banks: [Bank; 2],
    pub(super) queue: Box<[AtomicU64]>,
    /// One less than the length of the queue, a power of two.
    pub(super) mask: u32,
    /// [`BucketLayout::mantissa_shift`].
    pub(super) mantissa_shift: u8,
    /// By a float's exponent field modulo 64, for octaves that [`BucketLayout::has_fast_path`] and hold a value: what to add
    /// to the float's leading bits to get its counter, modulo 2^32. Otherwise [`NO_OFFSET`].
    pub(super) fast_offsets: [AtomicU32; 64],
    /// By octave, if it holds a value: what to add to a bucket's number to get its counter, modulo 2^32. Otherwise
    /// [`NO_OFFSET`].
    pub(super) counter_offsets: [AtomicU32; MAX_OCTAVES],
    /// How many octaves have counters.
    pub(super) octaves_in_use: AtomicU32,
    pub(super) layout: BucketLayout,
    /// The bank that the reader wants used.
    pub(super) current: CachePadded<AtomicU32>,
}

/// Counters of all buckets, and the sum of the values that they count.
#[derive(Debug)]
pub(super) struct Bank {
    /// Wraps at 2^64; see `widen` in [`cursor`](super::cursor).
    pub(super) sum: AtomicU64,
    /// The sum of the large values, each without its lowest [`LARGE_SHIFT`](crate::tuning::LARGE_SHIFT) bits.
    pub(super) large: AtomicU64,
    /// The counters' lower halves, then their upper halves.
    pub(super) counters: Zeroed,
    /// Not zero: some counter has an upper half.
    pub(super) has_high_halves: AtomicU32,
}

/// Sentinel: larger than any counter offset.
pub(super) const NO_OFFSET: u32 = 1 << 30;

/// The bits of a lower half that count; the bit above them is the parity of the upper half.
pub(super) const LOW: u32 = (1 << LOW_BITS) - 1;

impl Bank {
    fn new(layout: &BucketLayout) -> Self {
        let counters = zeroed_u32(2 * layout.buckets());
        Self {
            sum: AtomicU64::new(0),
            large: AtomicU64::new(0),
            counters,
            has_high_halves: AtomicU32::new(0),
        }
    }
}

impl Block {
    /// `queue`: how many samples are kept as they are, a power of two.
    pub(crate) fn new(layout: BucketLayout, queue: usize) -> Self {
        assert!(queue.is_power_of_two());
        Self {
            banks: [Bank::new(&layout), Bank::new(&layout)],
            queue: zeroed_u64(queue),
            mask: queue as u32 - 1,
            mantissa_shift: layout.mantissa_shift() as u8,
            fast_offsets: std::array::from_fn(|_| AtomicU32::new(NO_OFFSET)),
            counter_offsets: std::array::from_fn(|_| AtomicU32::new(NO_OFFSET)),
            octaves_in_use: AtomicU32::new(0),
            layout,
            current: CachePadded::new(AtomicU32::new(0)),
        }
    }

    /// Where the queue keeps this sample.
    #[inline]
    pub(super) fn queue_entry(&self, sample: u64) -> &AtomicU64 {
        // SAFETY: the mask is one less than the queue's length.
        unsafe {
            self.queue
                .get_unchecked(sample as usize & self.mask as usize)
        }
    }
}

/// The count that two halves make. If they disagree, one was read before a carry and the other after it; the count is then
/// that of the moment at which the lower half was read.
///
/// The lower half shows which one is behind: it is about to overflow, or it just did. That holds if the counter grew by
/// less than 2^30 between the two reads. It does, because a bank is read only after its writer was told to leave it: it grows
/// by the record that is under way, and by those until the writer notices.
pub(crate) fn join_halves(low: u32, high: u32) -> u64 {
    const CARRY: u64 = 1 << LOW_BITS;
    let count = u64::from(high) * CARRY + u64::from(low & LOW);
    if low >> LOW_BITS == high & 1 {
        count
    } else if low & LOW > LOW / 2 {
        count.wrapping_sub(CARRY)
    } else {
        count + CARRY
    }
}
