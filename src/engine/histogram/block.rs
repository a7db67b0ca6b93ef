//! What one slot recorded into one histogram: the storage, which [`writer`](super::writer) and [`reader`](super::reader) see
//! from their two sides.
//!
//! ```text
//! OwnedBlocks ──► Block                            one for each slot that owns one; readers poll recorded and rejected
//!   recorded, sums, current, banks, queue, word      one cache line
//!   queue      v v v v v v v v                       the newest samples as they are; sample n is at n modulo the length
//!   bank 0     large, octaves                        the writer counts into the bank that `current` names,
//!   bank 1     large, octaves                        the reader drains the other one, which is made before the first flip
//!   current    0 or 1                                the reader's wish
//! ```
//!
//! **Written by the slot's owner only:** `queue`, the bank that it uses, `recorded` (samples ever recorded; with
//! `rejected` it makes up the epoch), `rejected` (values refused, which are in none of the above).
//! **Written by the reader only:** `current`, and a bank that the writer has left.
//!
//! **Halves.** A bucket's count has a lower half, which every record touches, and an upper half, touched once in 2^31 records.
//! The top bit of the lower half repeats the lowest bit of the upper half. A reader that catches one half before a carry and
//! the other after it sees that the two disagree, and which one is behind ([`join_halves`]).
//!
//! **Memory.** A block has one bank and a queue. An octave gets its counters when a value first falls into it ([`octaves`](super::octaves)),
//! a bucket's octave its upper halves at the first carry, a block its second bank before the first flip. Whatever is refused has an
//! answer: a thread without a block records elsewhere, a value without a counter counts as rejected, banks are not flipped.
//!
//! **Limits.** One thread writes. A signal handler that interrupts a record on its own thread and records into the same
//! histogram, or writes to any metric of the registry, whose [word](crate::engine::slot::changes) they share, is outside the contract, as
//! is one that interrupts any first write ([`owner`](crate::engine::slot::owner)).

use super::bucket_layout::BucketLayout;
use super::octaves::Octaves;
use super::slot_table::SlotTable;
use crate::engine::slot::adaptive::Room;
use crate::engine::slot::growing_table::SlotId;
use crate::engine::slot::once_box::OnceBox;
use crate::engine::slot::owner::Owner;
use crate::engine::slot::slot_word::BareWord;
use crate::sync::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Relaxed};
use crate::tuning::LOW_BITS;
use crate::zeroed::{try_box, zeroed_u64};
use std::mem::offset_of;
use std::ptr::NonNull;

/// What is fixed when a histogram is registered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockConfig {
    pub(crate) layout: BucketLayout,
    /// Samples that a queue holds: a power of two.
    pub(crate) queue: u32,
    /// How many recent samples the accumulator keeps; less than `queue`.
    pub(crate) recent: u32,
}

impl BlockConfig {
    /// Bytes of a block, as a budget counts them: with counters for a few octaves in one bank.
    pub(super) fn block_bytes(&self) -> u64 {
        const OCTAVES: usize = 8;
        let octaves = OCTAVES.min(self.layout.octaves()) * self.layout.octave_len();
        let fixed = size_of::<Block>() + size_of::<Bank>();
        (fixed + octaves * size_of::<AtomicU32>() + self.queue as usize * size_of::<AtomicU64>())
            as u64
    }
}

/// The blocks of the slots that own one.
#[derive(Debug, Default)]
pub(crate) struct OwnedBlocks {
    blocks: SlotTable<OnceBox<Block>>,
    /// One more than the highest slot that owns a block.
    len: AtomicUsize,
    /// Blocks that were made.
    made: AtomicU32,
}

impl OwnedBlocks {
    /// The block of a slot, if it owns one and is among the first: the shortest path. [`Self::get`] finds the others.
    #[inline(always)]
    pub(super) fn get_first(&self, slot: SlotId) -> Option<&Block> {
        self.blocks.get_first(slot)?.get()
    }

    /// The block of a slot, if it owns one.
    pub(crate) fn get(&self, slot: SlotId) -> Option<&Block> {
        self.blocks.get(slot)?.get()
    }

    /// The block of the owner's slot, which is made if it is missing. `None`: there is no memory for it.
    ///
    /// The allocator may record into this very histogram on this thread. The block that it made is used then.
    pub(super) fn get_or_create(
        &self,
        owner: Owner<'_>,
        config: &BlockConfig,
        room: Room,
    ) -> Option<&Block> {
        let slot = owner.slot();
        let entry = self.blocks.get_or_alloc(slot)?;
        if let Some(block) = entry.get() {
            return Some(block);
        }
        // Relaxed: a number of its own for each block, nothing else.
        let number = self.made.fetch_add(1, Relaxed);
        let block = entry.set(Block::new(config, number, owner, room)?);
        // Relaxed: publishes nothing. A reader that must see this slot's first record is ordered after it, and therefore
        // after this; any other reader may miss the slot.
        self.len.fetch_max(slot.index() + 1, Relaxed);
        Some(block)
    }

    /// Calls `each` with every block, the lowest slot's first.
    #[inline]
    pub(crate) fn for_each<'a>(&'a self, mut each: impl FnMut(&'a Block)) {
        // Relaxed: a bound. The Acquire of each entry's pointer makes the block visible.
        self.blocks.for_each(self.len.load(Relaxed), |entry| {
            if let Some(block) = entry.get() {
                each(block);
            }
        });
    }
}

/// See the module's header.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Block {
    pub(super) recorded: AtomicU64,
    /// Of each bank: the sum of its values. Wraps at 2^64; see `widen` in [`cursor`](super::cursor).
    pub(super) sums: [AtomicU64; 2],
    pub(super) banks: [OnceBox<Bank>; 2],
    queue: Queue,
    word: BareWord,
    /// Whether the reader wants bank 1 used.
    pub(super) current: AtomicBool,
    /// [`BucketLayout::mantissa_shift`].
    pub(super) mantissa_shift: u8,
    /// The length of the queue, which is a power of two, less one.
    queue_mask: u32,
    pub(super) layout: BucketLayout,
    pub(super) rejected: AtomicU64,
    /// A number that no other block of the histogram has, from zero.
    pub(super) number: u32,
    /// What it took of a budget. It keeps the word alive.
    _room: Room,
}

/// What a record touches is in one line; not in models, whose atomics are larger.
const _: () = assert!(size_of::<AtomicU32>() > 4 || offset_of!(Block, layout) <= 64);

/// The cells of a queue. Their number is kept apart, so that the word is in the block's first line.
#[derive(Debug)]
struct Queue(NonNull<AtomicU64>);

// SAFETY: it owns the cells, as a `Box<[AtomicU64]>` does.
unsafe impl Send for Queue {}
// SAFETY: as above.
unsafe impl Sync for Queue {}

/// Counters of all buckets, and what large values add up to.
#[derive(Debug)]
pub(super) struct Bank {
    pub(super) octaves: Octaves,
    /// The sum of the large values, each without its lowest [`LARGE_SHIFT`](crate::tuning::LARGE_SHIFT) bits.
    pub(super) large: AtomicU64,
}

/// The bits of a lower half that count; the bit above them is the parity of the upper half.
pub(super) const LOW: u32 = (1 << LOW_BITS) - 1;

impl Bank {
    fn new(layout: BucketLayout) -> Option<Box<Self>> {
        try_box(Self {
            octaves: Octaves::new(layout),
            large: AtomicU64::new(0),
        })
    }
}

impl Block {
    fn new(config: &BlockConfig, number: u32, owner: Owner<'_>, room: Room) -> Option<Box<Self>> {
        assert!(config.queue.is_power_of_two());
        let word = BareWord::try_new(room.promotion(), owner)?;
        let bank = Bank::new(config.layout)?;
        let queue = Box::into_raw(zeroed_u64(config.queue as usize)?);
        let block = Self {
            recorded: AtomicU64::new(0),
            sums: [AtomicU64::new(0), AtomicU64::new(0)],
            banks: Default::default(),
            // SAFETY: a box is not null.
            queue: Queue(unsafe { NonNull::new_unchecked(queue.cast()) }),
            word,
            current: AtomicBool::new(false),
            mantissa_shift: config.layout.mantissa_shift() as u8,
            queue_mask: config.queue - 1,
            layout: config.layout,
            rejected: AtomicU64::new(0),
            number,
            _room: room,
        };
        block.banks[0].set(bank);
        try_box(block)
    }

    /// Makes a bank that is missing. `false`: there is no memory for it.
    pub(super) fn make_bank(&self, bank: usize) -> bool {
        if self.banks[bank].get().is_none() {
            let Some(made) = Bank::new(self.layout) else {
                return false;
            };
            self.banks[bank].set(made);
        }
        true
    }

    /// Where the queue keeps this sample.
    #[inline(always)]
    pub(super) fn queue_entry(&self, sample: u64) -> &AtomicU64 {
        let index = sample as usize & self.queue_mask as usize;
        // SAFETY: the length is a power of two, and this is less, so the index is below it.
        let cell = unsafe { self.queue.0.add(index) };
        // SAFETY: the cells live until the block is dropped.
        unsafe { cell.as_ref() }
    }

    pub(super) fn queue_len(&self) -> usize {
        self.queue_mask as usize + 1
    }

    /// Counts a write of the owner: the last step of it.
    #[inline(always)]
    pub(super) fn bump_word(&self) {
        // SAFETY: `_room` keeps alive what the word is of.
        unsafe { self.word.bump() };
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let cells = std::ptr::slice_from_raw_parts_mut(self.queue.0.as_ptr(), self.queue_len());
        // SAFETY: made from a box of this length, and `&mut self` means that no reference to a cell is left.
        drop(unsafe { Box::from_raw(cells) });
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
    if low >> LOW_BITS & 1 == high & 1 {
        count
    } else if low & LOW > LOW / 2 {
        count.wrapping_sub(CARRY)
    } else {
        count + CARRY
    }
}
