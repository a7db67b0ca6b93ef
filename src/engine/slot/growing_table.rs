//! A table that grows without moving its entries, indexed by slot.
//!
//! **Layout.** The first [`INLINE_ENTRIES`] entries are in the table itself. Segment `k` has `INLINE_ENTRIES << k` entries and
//! is allocated at the first use of an entry.
//!
//! **Protocol.** A thread that needs a missing segment allocates it, fills it with defaults and installs it with a
//! compare-exchange; of two that race, one frees its own. Readers load the pointer and index.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | `get`: segment pointer | Acquire | the install | entries visible before they are initialised | `slots::a_claim_reentered` |
//! | `segment`: segment pointer | Acquire | the install | the same | `counter::first_touch_across_pages` |
//! | install: success | Release | `get` | the same | `counter::first_touch_across_pages` |
//! | install: failure | Relaxed | nothing: the loser looks again with `get` | | |
//!
//! **Progress.** Wait-free; `get_or_alloc` allocates, which may block. **Limit.** 2^29 entries, more than any system has threads.

use crate::sync::{Acquire, AtomicPtr, Relaxed, Release};
use crate::tuning::INLINE_ENTRIES;

/// Segments of a table, the inline one included. One more pointer is always null: [`SlotId::NONE`] looks it up.
const SEGMENTS: usize = 24;

/// A slot: the index of its entry in every table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotId {
    index: usize,
    /// The index, or [`INLINE_ENTRIES`] if that is less.
    low: usize,
}

impl SlotId {
    /// No slot: every look-up of it finds nothing.
    pub(crate) const NONE: Self = Self {
        index: first_index(SEGMENTS),
        low: INLINE_ENTRIES,
    };

    /// The slot with this index.
    pub(crate) const fn new(index: usize) -> Self {
        assert!(
            index < Self::NONE.index,
            "more entries than any system has threads or memory"
        );
        let is_low = index < INLINE_ENTRIES;
        let low = if is_low { index } else { INLINE_ENTRIES };
        Self { index, low }
    }

    /// The index of this slot.
    #[inline(always)]
    pub(crate) const fn index(self) -> usize {
        self.index
    }

    /// The index, if it is less than [`INLINE_ENTRIES`], otherwise that: at most [`INLINE_ENTRIES`].
    #[inline(always)]
    pub(super) const fn low(self) -> usize {
        self.low
    }

    /// The index, if it is less than `LEN`.
    #[inline(always)]
    pub(crate) fn below<const LEN: usize>(self) -> Option<usize> {
        (self.index < LEN).then_some(self.index)
    }

    /// The segment of its entry, at most `SEGMENTS`.
    #[inline]
    const fn segment(self) -> usize {
        ((self.index + INLINE_ENTRIES).ilog2() - INLINE_ENTRIES.ilog2()) as usize
    }

    /// The place of its entry in that segment, below the segment's length.
    #[inline]
    const fn offset(self) -> usize {
        self.index - first_index(self.segment())
    }
}

const fn segment_len(segment: usize) -> usize {
    INLINE_ENTRIES << segment
}

/// The index of a segment's first entry.
const fn first_index(segment: usize) -> usize {
    segment_len(segment) - INLINE_ENTRIES
}

/// The table. `T::default()` is an entry that no thread has used.
#[derive(Debug)]
pub(crate) struct GrowingTable<T> {
    inline: [T; INLINE_ENTRIES],
    /// From the second segment on; the last pointer is [`SlotId::NONE`]'s.
    segments: [AtomicPtr<T>; SEGMENTS],
}

impl<T: Default> Default for GrowingTable<T> {
    fn default() -> Self {
        Self {
            inline: std::array::from_fn(|_| T::default()),
            segments: std::array::from_fn(|_| AtomicPtr::new(std::ptr::null_mut())),
        }
    }
}

impl<T: Default> GrowingTable<T> {
    /// The entry, if it is inline.
    #[inline(always)]
    pub(crate) fn get_inline(&self, slot: SlotId) -> Option<&T> {
        self.inline.get(slot.index)
    }

    /// The entry, if its segment exists.
    #[inline]
    pub(crate) fn get(&self, slot: SlotId) -> Option<&T> {
        if let Some(entry) = self.get_inline(slot) {
            return Some(entry);
        }
        // Acquire: pairs with the install in `alloc_segment`, which follows the initialisation of the entries.
        let segment = self.segments[slot.segment() - 1].load(Acquire);
        if segment.is_null() {
            return None;
        }
        // SAFETY: an installed segment has `segment_len` entries, and the offset of a slot is below that.
        let entry = unsafe { segment.add(slot.offset()) };
        // SAFETY: an installed segment is fully initialised and lives until the table is dropped.
        Some(unsafe { &*entry })
    }

    /// The entry, after allocating its segment if it is missing.
    pub(crate) fn get_or_alloc(&self, slot: SlotId) -> &T {
        loop {
            if let Some(entry) = self.get(slot) {
                return entry;
            }
            self.alloc_segment(slot.segment());
        }
    }

    /// Calls `each` with the index and the entry of the first `len` slots, as far as their segments exist.
    #[inline]
    pub(crate) fn for_each<'a>(&'a self, len: usize, mut each: impl FnMut(usize, &'a T)) {
        let (mut segment, mut start) = (0, 0);
        while start < len {
            for (offset, entry) in self.segment(segment).iter().take(len - start).enumerate() {
                each(start + offset, entry);
            }
            segment += 1;
            start = first_index(segment);
        }
    }

    /// The entries of one segment; none if it does not exist.
    #[inline]
    fn segment(&self, segment: usize) -> &[T] {
        let Some(allocated) = segment.checked_sub(1) else {
            return &self.inline;
        };
        // Acquire: pairs with the install in `alloc_segment`, as in `get`.
        let start = self.segments[allocated].load(Acquire);
        if start.is_null() {
            return &[];
        }
        // SAFETY: an installed segment is an initialised allocation of `segment_len` entries that lives until the table is
        // dropped.
        unsafe { std::slice::from_raw_parts(start, segment_len(segment)) }
    }

    #[cold]
    fn alloc_segment(&self, segment: usize) {
        let entries: Box<[T]> = (0..segment_len(segment)).map(|_| T::default()).collect();
        let entries = Box::into_raw(entries).cast::<T>();
        // Release: publishes the initialised entries. Relaxed on failure: the caller looks again.
        let installed = self.segments[segment - 1].compare_exchange(
            std::ptr::null_mut(),
            entries,
            Release,
            Relaxed,
        );
        if installed.is_err() {
            // SAFETY: never published, so this thread is its only owner.
            unsafe { free_segment(entries, segment) };
        }
    }
}

/// # Safety
/// `start` came from `Box<[T]>::into_raw` with this segment's length, and no reference into it is left.
unsafe fn free_segment<T>(start: *mut T, segment: usize) {
    let entries = std::ptr::slice_from_raw_parts_mut(start, segment_len(segment));
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(entries) });
}

impl<T> Drop for GrowingTable<T> {
    fn drop(&mut self) {
        for (segment, start) in (1..).zip(&self.segments) {
            // Relaxed: `&mut self` orders this thread after all others.
            let start = start.load(Relaxed);
            if !start.is_null() {
                // SAFETY: installed segments come from `alloc_segment`, and `&mut self` means that no reference is left.
                unsafe { free_segment(start, segment) };
            }
        }
    }
}
