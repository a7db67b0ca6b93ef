//! One lazily made `T` for each thread slot that ever touched a metric.
//!
//! **Layout.** A [`Segments`] table of entries, each with a [`SetOnce`] pointer, indexed by slot, and `len`: one more than the highest
//! slot that has an entry, so that a reader walks no further than it must. Slots are handed out lowest first, so the
//! walked part is dense.
//!
//! **Protocol.** Writer, at its first touch: make the value, install it, raise `len`. After that its slot's entry is
//! found with two loads. Reader: load `len`, walk, skip what is still empty: that writer's first call has not
//! returned.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | `SetOnce::get`: pointer | Acquire | the install | a `T` seen before it is initialised | `per_thread::made_before_it_is_seen` |
//! | `SetOnce::set`: success | Release | `get`, failure | the same | `per_thread::made_before_it_is_seen` |
//! | `SetOnce::set`: failure | Acquire | the install | the same, by who was second | `per_thread::two_set_one` |
//! | `len` raised, read | Relaxed | nothing | who must see an entry is ordered after its owner's first write already | `cells::first_touch_across_pages` |
//!
//! **Progress.** Wait-free on every path; only the first touch allocates or executes a read-modify-write.

use super::segments::{Position, Segments};
use super::sync::{Acquire, AtomicPtr, AtomicUsize, Relaxed, Release};

/// A pointer that goes from nothing to its value once.
#[derive(Debug)]
pub(crate) struct SetOnce<T> {
    value: AtomicPtr<T>,
}

impl<T> Default for SetOnce<T> {
    fn default() -> Self {
        Self { value: AtomicPtr::new(std::ptr::null_mut()) }
    }
}

impl<T> SetOnce<T> {
    #[inline(always)]
    pub(crate) fn get(&self) -> Option<&T> {
        // Acquire: pairs with the install in `set`.
        let value = self.value.load(Acquire);
        // SAFETY: null, or a box that `set` installed, never replaced and freed only by `drop`.
        unsafe { value.as_ref() }
    }

    /// Installs `value` unless one is there already, and returns what is there.
    pub(crate) fn set(&self, value: Box<T>) -> &T {
        let value = Box::into_raw(value);
        // Release: publishes the initialised value. Acquire on failure: the value that was first is returned.
        match self.value.compare_exchange(std::ptr::null_mut(), value, Release, Acquire) {
            // SAFETY: just installed, freed only by `drop`.
            Ok(_) => unsafe { &*value },
            Err(first) => {
                // SAFETY: never published, so this thread is its only owner.
                drop(unsafe { Box::from_raw(value) });
                // SAFETY: installed by an earlier `set`, freed only by `drop`.
                unsafe { &*first }
            }
        }
    }
}

impl<T> Drop for SetOnce<T> {
    fn drop(&mut self) {
        // Relaxed: `&mut self` orders this thread after all others.
        let value = self.value.load(Relaxed);
        if !value.is_null() {
            // SAFETY: installed by `set`, and `&mut self` means that nobody else has it.
            drop(unsafe { Box::from_raw(value) });
        }
    }
}

/// What a slot has of a metric: a value made at its first touch, and perhaps, beside the pointer to it, what readers look at
/// most.
pub(crate) trait Entry: Default {
    type Value;

    fn value(&self) -> &SetOnce<Self::Value>;
}

impl<T> Entry for SetOnce<T> {
    type Value = T;

    #[inline(always)]
    fn value(&self) -> &SetOnce<T> {
        self
    }
}

/// See the module's header.
#[derive(Debug)]
pub(crate) struct PerThread<E> {
    entries: Segments<E>,
    len: AtomicUsize,
}

impl<E: Entry> Default for PerThread<E> {
    fn default() -> Self {
        Self { entries: Segments::default(), len: AtomicUsize::new(0) }
    }
}

impl<E: Entry> PerThread<E> {
    /// This slot's entry and value, if it has touched the metric before and is among the first slots; all others are found
    /// with [`Self::get`], out of the way of the shortest path.
    #[inline(always)]
    pub(crate) fn near(&self, slot: Position) -> Option<(&E, &E::Value)> {
        let entry = self.entries.near(slot)?;
        Some((entry, entry.value().get()?))
    }

    /// This slot's entry and value, if it has touched the metric before.
    pub(crate) fn get(&self, slot: Position) -> Option<(&E, &E::Value)> {
        let entry = self.entries.get(slot)?;
        Some((entry, entry.value().get()?))
    }

    /// This slot's entry and value, the latter made on its first touch.
    ///
    /// Making it may allocate, and the allocator may itself write to this metric on this thread: what that write
    /// installed is found afterwards and used.
    pub(crate) fn get_or_make(&self, slot: Position, make: impl FnOnce() -> E::Value) -> (&E, &E::Value) {
        let entry = self.entries.get_or_alloc(slot);
        if let Some(value) = entry.value().get() {
            return (entry, value);
        }
        let value = entry.value().set(Box::new(make()));
        // Relaxed: publishes nothing. A reader that must see this slot's first write is ordered after it, hence after
        // this; any other may miss the slot.
        self.len.fetch_max(slot.index() + 1, Relaxed);
        (entry, value)
    }

    /// Calls `each` with the entries up to the highest slot that has touched the metric; those of slots that have not are
    /// as they were made.
    #[inline]
    pub(crate) fn for_each_entry<'a>(&'a self, mut each: impl FnMut(usize, &'a E)) {
        // Relaxed: a bound. The entries' own Acquire makes what they point to visible.
        let len = self.len.load(Relaxed);
        let (mut segment, mut start) = (0, 0);
        while start < len {
            let entries = self.entries.segment(segment);
            for (offset, entry) in entries.iter().take(len - start).enumerate() {
                each(start + offset, entry);
            }
            segment += 1;
            start = Position::first_of(segment);
        }
    }

    /// Calls `each` with every slot that has touched the metric, lowest first.
    #[inline]
    pub(crate) fn for_each<'a>(&'a self, mut each: impl FnMut(usize, &'a E, &'a E::Value)) {
        self.for_each_entry(|slot, entry| {
            if let Some(value) = entry.value().get() {
                each(slot, entry, value);
            }
        });
    }
}
