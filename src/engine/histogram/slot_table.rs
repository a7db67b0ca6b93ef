//! What slots have of a histogram, for as many as have something: the lowest slots side by side, the others in chunks.
//!
//! ```text
//! first  ──► slots 0 to 15
//! others ──► table of chunks ──► slots 32 k to 32 k + 31, for k = 0, 1, …
//! ```
//!
//! Nothing is allocated before the first use. A thread with a high slot takes a chunk and its share of the table of chunks, not
//! everything below its slot.
//!
//! Only write-once pointers: the orderings are those of [`once_box`](crate::engine::slot::once_box) and
//! [`growing_table`](crate::engine::slot::growing_table). **Progress.** Wait-free, but for the allocations.

use crate::engine::slot::growing_table::{GrowingTable, SlotId};
use crate::engine::slot::once_box::OnceBox;
use crate::tuning::{CHUNK_SLOTS, FIRST_SLOTS};
use crate::zeroed::try_box;

/// See the module's header.
#[derive(Debug)]
pub(super) struct SlotTable<T> {
    first: OnceBox<[T; FIRST_SLOTS]>,
    others: Others<T>,
}

/// The slots beyond the first ones.
#[derive(Debug)]
pub(super) struct Others<T>(OnceBox<GrowingTable<OnceBox<[T; CHUNK_SLOTS]>>>);

impl<T> Default for SlotTable<T> {
    fn default() -> Self {
        Self {
            first: OnceBox::default(),
            others: Others::default(),
        }
    }
}

impl<T> Default for Others<T> {
    fn default() -> Self {
        Self(OnceBox::default())
    }
}

/// An array of defaults.
pub(super) fn defaults<T: Default, const N: usize>() -> [T; N] {
    std::array::from_fn(|_| T::default())
}

fn get_or_box<T>(place: &OnceBox<T>, create: impl FnOnce() -> T) -> Option<&T> {
    place.try_get_or_set(|| try_box(create()))
}

impl<T: Default> SlotTable<T> {
    /// The slot's entry, if it exists and is among the first: the shortest path. [`Self::get`] finds the others.
    #[inline(always)]
    pub(super) fn get_first(&self, slot: SlotId) -> Option<&T> {
        let index = slot.below::<FIRST_SLOTS>()?;
        Some(&self.first.get()?[index])
    }

    /// The slot's entry, if it exists.
    pub(super) fn get(&self, slot: SlotId) -> Option<&T> {
        match slot.below::<FIRST_SLOTS>() {
            Some(_) => self.get_first(slot),
            None => self.others.get(slot),
        }
    }

    /// The slot's entry. `None`: there is no memory for it.
    pub(super) fn get_or_alloc(&self, slot: SlotId) -> Option<&T> {
        match slot.below::<FIRST_SLOTS>() {
            Some(index) => Some(&get_or_box(&self.first, defaults)?[index]),
            None => self.others.get_or_alloc(slot),
        }
    }

    /// Calls `each` with the entries that exist, those up to the slot with the index `len - 1` among them.
    #[inline]
    pub(super) fn for_each<'a>(&'a self, len: usize, mut each: impl FnMut(&'a T)) {
        if len == 0 {
            return;
        }
        if let Some(first) = self.first.get() {
            first.iter().for_each(&mut each);
        }
        if len > FIRST_SLOTS {
            self.others.for_each(len, each);
        }
    }
}

impl<T: Default> Others<T> {
    /// The slot's entry, if it exists.
    pub(super) fn get(&self, slot: SlotId) -> Option<&T> {
        if slot == SlotId::NONE {
            return None;
        }
        let index = slot.index();
        let chunk = self.0.get()?.get(SlotId::new(index / CHUNK_SLOTS))?.get()?;
        Some(&chunk[index % CHUNK_SLOTS])
    }

    /// The slot's entry. `None`: there is no memory for it.
    pub(super) fn get_or_alloc(&self, slot: SlotId) -> Option<&T> {
        let index = slot.index();
        let chunks = get_or_box(&self.0, GrowingTable::default)?;
        let chunk = chunks.get_or_alloc(SlotId::new(index / CHUNK_SLOTS));
        Some(&get_or_box(chunk, defaults)?[index % CHUNK_SLOTS])
    }

    fn for_each<'a>(&'a self, len: usize, mut each: impl FnMut(&'a T)) {
        let Some(chunks) = self.0.get() else {
            return;
        };
        chunks.for_each(len.div_ceil(CHUNK_SLOTS), |_, chunk| {
            chunk.get().into_iter().flatten().for_each(&mut each);
        });
    }
}
