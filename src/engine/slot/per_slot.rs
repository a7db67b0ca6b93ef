//! One lazily created value for each slot that used a metric.
//!
//! **Layout.** A [`SparseTable`] of entries, each with a [`OnceBox`], and `len`: one more than the highest slot that has used the
//! metric, so that a reader walks no further than it must. Only the owner of a slot creates its value.
//!
//! **Protocol.** Writer, at its first write: create the value, install it, raise `len`. After that two loads find it, and for the owner of a low slot neither needs to acquire
//! anything: it installed the value itself, or claimed the slot from a thread that did.
//! Reader: load `len`, walk, skip empty entries: the first call of such a writer has not returned yet.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | `own_inline`: pointer | Relaxed | the claim, which acquired the install: [`claims`](super::claims) has the model | | |
//! | `len` raised, read | Relaxed | nothing | a thread that must see an entry already synchronizes with its owner's first write | `counter::first_touch_across_pages` |
//!
//! **Progress.** Wait-free, but for the first write: it allocates, which may block, and executes a read-modify-write.

use super::growing_table::SlotId;
use super::once_box::OnceBox;
use super::owner::Owner;
use super::sparse_table::SparseTable;
use crate::sync::{AtomicUsize, Relaxed};

/// One slot's entry: the lazily created value, and fields that readers poll.
pub(crate) trait Entry: Default {
    type Value;

    fn value(&self) -> &OnceBox<Self::Value>;
}

impl<T> Entry for OnceBox<T> {
    type Value = T;

    #[inline(always)]
    fn value(&self) -> &OnceBox<T> {
        self
    }
}

/// See the module's header.
#[derive(Debug)]
pub(crate) struct PerSlot<E> {
    entries: SparseTable<E>,
    len: AtomicUsize,
}

impl<E: Entry> Default for PerSlot<E> {
    fn default() -> Self {
        Self {
            entries: SparseTable::default(),
            len: AtomicUsize::new(0),
        }
    }
}

impl<E: Entry> PerSlot<E> {
    /// The entry and value of the caller's own slot, if it has one and is among the inline entries: the shortest path.
    /// [`Self::get`] finds the others.
    ///
    /// It needs no Acquire: only owners of a slot create its value, and the claim orders each owner after those before it.
    #[inline(always)]
    pub(crate) fn own_inline(&self, owner: Owner<'_>) -> Option<(&E, &E::Value)> {
        let entry = self.entries.inline_or_unused(owner.slot());
        // SAFETY: `get_or_create` installs a slot's value only for its owner. That was this thread, or an earlier owner, whose release
        // of the slot this thread's claim acquired.
        let value = unsafe { entry.value().get_own() }?;
        Some((entry, value))
    }

    /// The slot's entry, if there is a place for it. Its value may be missing.
    #[inline]
    pub(crate) fn entry(&self, slot: SlotId) -> Option<&E> {
        self.entries.get(slot)
    }

    /// [`Self::entry`], if it is among the inline entries.
    #[inline(always)]
    pub(crate) fn inline_entry(&self, slot: SlotId) -> Option<&E> {
        self.entries.get_inline(slot)
    }

    /// The entry of the caller's own slot, after making a place for it. Readers look at it from now on.
    pub(crate) fn entry_or_alloc(&self, owner: Owner<'_>) -> &E {
        let entry = self.entries.get_or_alloc(owner.slot());
        // Relaxed: publishes nothing. A reader that must see this slot's first write is ordered after it, and therefore
        // after this; any other reader may miss the slot.
        self.len.fetch_max(owner.slot().index() + 1, Relaxed);
        entry
    }

    /// The slot's entry and value, if it has one.
    #[inline]
    pub(crate) fn get(&self, slot: SlotId) -> Option<(&E, &E::Value)> {
        let entry = self.entries.get(slot)?;
        Some((entry, entry.value().get()?))
    }

    /// The entry and value of the caller's own slot; `create` makes the value if it is missing.
    ///
    /// `create` may allocate, and the allocator may write to this very metric on this thread. The value that such a write
    /// installed is used, and the one created here is dropped.
    pub(crate) fn get_or_create(
        &self,
        owner: Owner<'_>,
        create: impl FnOnce() -> E::Value,
    ) -> (&E, &E::Value) {
        let entry = self.entry_or_alloc(owner);
        (entry, entry.value().get_or_set(|| Box::new(create())))
    }

    /// Calls `each` with the entries up to the highest slot that has a value; those without one are as they were created.
    #[inline]
    pub(crate) fn for_each_entry<'a>(&'a self, each: impl FnMut(usize, &'a E)) {
        // Relaxed: a bound. The Acquire of each entry's pointer makes the value visible.
        self.entries.for_each(self.len.load(Relaxed), each);
    }

    /// Calls `each` with every slot that has a value, lowest first.
    #[inline]
    pub(crate) fn for_each<'a>(&'a self, mut each: impl FnMut(usize, &'a E, &'a E::Value)) {
        self.for_each_entry(|slot, entry| {
            if let Some(value) = entry.value().get() {
                each(slot, entry, value);
            }
        });
    }
}
