//! A table that grows without moving: an index names the same entry for ever.
//!
//! **Layout.** The first `FIRST_SEGMENT` entries are in the table itself: one load finds them. Segment `k` has
//! `FIRST_SEGMENT << k` entries and is allocated when one of them is first asked for. An index is turned into a
//! [`Position`] (segment, offset) once, by whoever keeps it, so that looking it up takes no arithmetic.
//!
//! **Protocol.** Whoever needs a missing segment allocates it, fills it with defaults and installs it with a
//! compare-exchange; of two that race, one wins and the other frees its own. Readers load the pointer and index.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | `get`: segment pointer | Acquire | the install | entries seen before they are initialised | `cells::a_before_b` |
//! | `segment`: likewise | Acquire | the install | the same | `cells::first_touch_across_pages` |
//! | install: success | Release | `get` | the same | `cells::a_before_b` |
//! | install: failure | Relaxed | nothing: the loser looks again with `get` | | |
//!
//! **Progress.** Wait-free; `get_or_alloc` allocates. **Limit.** 2^29 entries, more than any system has threads.

use super::sync::{Acquire, AtomicPtr, FIRST_SEGMENT, Relaxed, Release};

/// Segments a table can have, its own included; one more stays null for ever, so that [`Position::NONE`] can be looked up.
const SEGMENTS: usize = 24;

/// Where an index lives: computed once, looked up often. One word, so that a look-up loads it at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// The segment in the upper half, at most `SEGMENTS`; the offset in the lower, below the segment's length.
    word: u64,
}

impl Position {
    /// No index at all: every look-up of it finds nothing.
    pub(crate) const NONE: Self = Self { word: (SEGMENTS as u64) << 32 };

    pub(crate) const fn of(index: usize) -> Self {
        let shifted = index + FIRST_SEGMENT;
        let segment = shifted.ilog2() - FIRST_SEGMENT.ilog2();
        assert!((segment as usize) < SEGMENTS, "more entries than any system has threads or memory");
        let offset = shifted - segment_len(segment as usize);
        Self { word: (segment as u64) << 32 | offset as u64 }
    }

    /// This position and a byte in one word.
    pub(crate) const fn pack(self, byte: u8) -> u64 {
        self.word << 8 | byte as u64
    }

    /// What [`Self::pack`] packed.
    #[inline(always)]
    pub(crate) const fn unpack(word: u64) -> (Self, u8) {
        (Self { word: word >> 8 }, word as u8)
    }

    #[inline]
    const fn segment(self) -> usize {
        (self.word >> 32) as usize
    }

    #[inline]
    const fn offset(self) -> usize {
        self.word as u32 as usize
    }

    /// The first index of a segment.
    pub(crate) const fn first_of(segment: usize) -> usize {
        segment_len(segment) - FIRST_SEGMENT
    }

    /// The index that this is the position of.
    pub(crate) const fn index(self) -> usize {
        Self::first_of(self.segment()) + self.offset()
    }
}

const fn segment_len(segment: usize) -> usize {
    FIRST_SEGMENT << segment
}

/// The table. `T::default()` is an entry that nobody has touched.
#[derive(Debug)]
pub(crate) struct Segments<T> {
    first: [T; FIRST_SEGMENT],
    /// From the second segment on; the last is [`Position::NONE`]'s.
    more: [AtomicPtr<T>; SEGMENTS],
}

impl<T: Default> Default for Segments<T> {
    fn default() -> Self {
        Self {
            first: std::array::from_fn(|_| T::default()),
            more: std::array::from_fn(|_| AtomicPtr::new(std::ptr::null_mut())),
        }
    }
}

impl<T: Default> Segments<T> {
    /// The entry, if it is in the first segment.
    #[inline(always)]
    pub(crate) fn near(&self, at: Position) -> Option<&T> {
        // Of the first segment the word is the offset; of all others it is larger, on 32-bit targets too.
        if at.word < FIRST_SEGMENT as u64 { Some(&self.first[at.word as usize]) } else { None }
    }

    /// The entry, if its segment exists.
    #[inline]
    pub(crate) fn get(&self, at: Position) -> Option<&T> {
        if let Some(entry) = self.near(at) {
            return Some(entry);
        }
        // Acquire: pairs with the install in `segment_slow`, whose entries were initialised before it.
        let segment = self.more[at.segment() - 1].load(Acquire);
        if segment.is_null() {
            return None;
        }
        // SAFETY: a position's offset is below its segment's length (`Position::of`; NONE's segment is never
        // allocated), so this stays inside the segment's allocation.
        let entry = unsafe { segment.add(at.offset()) };
        // SAFETY: an installed segment is fully initialised and lives until the table is dropped.
        Some(unsafe { &*entry })
    }

    /// The entry, after allocating its segment if need be.
    pub(crate) fn get_or_alloc(&self, at: Position) -> &T {
        loop {
            if let Some(entry) = self.get(at) {
                return entry;
            }
            self.segment_slow(at.segment());
        }
    }

    /// The entries of one segment; none if it does not exist.
    #[inline]
    pub(crate) fn segment(&self, segment: usize) -> &[T] {
        let Some(more) = segment.checked_sub(1) else {
            return &self.first;
        };
        // Acquire: as in `get`.
        let start = self.more[more].load(Acquire);
        if start.is_null() {
            return &[];
        }
        // SAFETY: an installed segment is an initialised allocation of `segment_len` entries that lives until the
        // table is dropped.
        unsafe { std::slice::from_raw_parts(start, segment_len(segment)) }
    }

    #[cold]
    fn segment_slow(&self, segment: usize) {
        let entries: Box<[T]> = (0..segment_len(segment)).map(|_| T::default()).collect();
        let entries = Box::into_raw(entries).cast::<T>();
        // Release: publishes the initialised entries. Relaxed on failure: the caller looks again.
        let installed = self.more[segment - 1].compare_exchange(std::ptr::null_mut(), entries, Release, Relaxed);
        if installed.is_err() {
            // SAFETY: never published, so this thread is its only owner.
            unsafe { free_segment(entries, segment) };
        }
    }
}

/// # Safety
/// `start` came from `Box<[T]>::into_raw` with this segment's length, and nobody uses it any more.
unsafe fn free_segment<T>(start: *mut T, segment: usize) {
    let entries = std::ptr::slice_from_raw_parts_mut(start, segment_len(segment));
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(entries) });
}

impl<T> Drop for Segments<T> {
    fn drop(&mut self) {
        for (segment, start) in (1..).zip(&self.more) {
            // Relaxed: `&mut self` orders this thread after all others.
            let start = start.load(Relaxed);
            if !start.is_null() {
                // SAFETY: installed segments come from `segment_slow`, and `&mut self` means nobody else has one.
                unsafe { free_segment(start, segment) };
            }
        }
    }
}
