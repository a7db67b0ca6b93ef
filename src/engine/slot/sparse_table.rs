//! A table of entries by slot. Each part is allocated when one of its slots is first used.
//!
//! **Layout.** The first [`INLINE_ENTRIES`] entries are in the table itself, so that the look-up of a low slot is short. The others are
//! in chunks of as many, by which a [`GrowingTable`] of pointers finds them: a thread in a high slot takes one chunk, not all
//! entries below it.
//!
//! It has no ordering of its own; those of the pointers are in [`once_box`](super::once_box) and
//! [`growing_table`](super::growing_table). **Progress.** Wait-free; `get_or_alloc` allocates, which may block.

use super::growing_table::{GrowingTable, SlotId};
use super::once_box::OnceBox;
use crate::tuning::INLINE_ENTRIES;
use crate::zeroed::try_box;

type Chunk<T> = [T; INLINE_ENTRIES];

/// The table. `T::default()` is an entry that no thread has used.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct SparseTable<T> {
    inline: Chunk<T>,
    /// Stands for all slots that are not inline. Never used.
    unused: T,
    /// Of the slots from [`INLINE_ENTRIES`] on; made when one of them is first used.
    chunks: OnceBox<GrowingTable<OnceBox<Chunk<T>>>>,
}

impl<T: Default> Default for SparseTable<T> {
    fn default() -> Self {
        Self {
            inline: new_chunk(),
            unused: T::default(),
            chunks: OnceBox::default(),
        }
    }
}

fn new_chunk<T: Default>() -> Chunk<T> {
    std::array::from_fn(|_| T::default())
}

/// Where the pointer to the chunk of a slot is, if the slot is not inline. [`SlotId::NONE`] has no chunk.
#[inline]
fn chunk_of(slot: SlotId) -> Option<SlotId> {
    if slot == SlotId::NONE {
        return None;
    }
    (slot.index() / INLINE_ENTRIES)
        .checked_sub(1)
        .map(SlotId::new)
}

/// The place of a slot in its chunk.
#[inline]
fn offset_of(slot: SlotId) -> usize {
    // Not `%`: in models a chunk is one entry, and clippy objects to that.
    slot.index().rem_euclid(INLINE_ENTRIES)
}

impl<T: Default> SparseTable<T> {
    /// The entry, if it is inline.
    #[inline(always)]
    pub(crate) fn get_inline(&self, slot: SlotId) -> Option<&T> {
        self.inline.get(slot.index())
    }

    /// The entry if it is inline, otherwise one that no slot uses: without a branch.
    #[inline(always)]
    pub(super) fn inline_or_unused(&self, slot: SlotId) -> &T {
        let entries = std::ptr::from_ref(self).cast::<T>();
        // SAFETY: the table begins with its inline entries, and then comes `unused`, with nothing between values of one type; this is at
        // most their number.
        let entry = unsafe { entries.add(slot.low()) };
        // SAFETY: part of the table, as above.
        unsafe { &*entry }
    }

    /// The entry, if its chunk exists.
    #[inline]
    pub(crate) fn get(&self, slot: SlotId) -> Option<&T> {
        if let Some(entry) = self.get_inline(slot) {
            return Some(entry);
        }
        self.get_in_chunk(slot)
    }

    /// The entry, if it is not inline and its chunk exists. Out of line, so that callers need no registers for it.
    #[inline(never)]
    fn get_in_chunk(&self, slot: SlotId) -> Option<&T> {
        let chunk = self.chunks.get()?.get(chunk_of(slot)?)?.get()?;
        Some(&chunk[offset_of(slot)])
    }

    /// The entry, after allocating its chunk if it is missing.
    pub(crate) fn get_or_alloc(&self, slot: SlotId) -> &T {
        let Some(chunk) = chunk_of(slot) else {
            return &self.inline[slot.index()];
        };
        let chunk = self
            .chunks
            .get_or_set(Box::default)
            .get_or_alloc(chunk)
            .get_or_set(|| Box::new(new_chunk()));
        &chunk[offset_of(slot)]
    }

    /// [`Self::get_or_alloc`]. `None`: there is no memory for the chunk.
    pub(crate) fn try_get_or_alloc(&self, slot: SlotId) -> Option<&T> {
        let Some(chunk) = chunk_of(slot) else {
            return Some(&self.inline[slot.index()]);
        };
        let chunk = self
            .chunks
            .get_or_set(Box::default)
            .get_or_alloc(chunk)
            .try_get_or_set(|| try_box(new_chunk()))?;
        Some(&chunk[offset_of(slot)])
    }

    /// Calls `each` with the index and the entry of the first `len` slots, as far as their chunks exist.
    #[inline]
    pub(crate) fn for_each<'a>(&'a self, len: usize, mut each: impl FnMut(usize, &'a T)) {
        self.inline
            .iter()
            .take(len)
            .enumerate()
            .for_each(|(index, entry)| each(index, entry));
        if len <= INLINE_ENTRIES {
            return;
        }
        let Some(chunks) = self.chunks.get() else {
            return;
        };
        chunks.for_each(len.div_ceil(INLINE_ENTRIES) - 1, |chunk, entries| {
            let first = (chunk + 1) * INLINE_ENTRIES;
            let entries = entries.get().map_or(&[][..], |entries| entries);
            for (offset, entry) in entries.iter().take(len - first).enumerate() {
                each(first + offset, entry);
            }
        });
    }
}
