//! The counters of an owned bank's buckets, by octave. An octave gets its counters when a value first falls into it, so memory is taken by
//! what is recorded.
//!
//! ```text
//! fast   64 pointers, by a float's exponent field modulo 64 ──► lower halves of an octave with a fast path, moved
//! slow   65 pointers, by octave ──► lower halves of the other octaves         made at the first value that needs it
//! highs  65 pointers, by octave ──► upper halves                              made at the first carry
//! ```
//!
//! **Fast path.** The leading bits of a value as a float, less [`BucketLayout::bias`], are its bucket. A pointer in `fast` is moved
//! back by the number of its octave's first bucket and the bias: the counter of a value is there plus the leading bits.
//!
//! **Protocol.** A thread that needs missing counters allocates them, zeroed, and installs them with a compare-exchange. If two
//! threads race, one frees its own. They stay where they are until the bank is dropped.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | `get`: pointer | Acquire | the install | counters visible before they are zeroed | `shared::two_make_an_octave` |
//! | install: success | Release | `get` | the same | `shared::two_make_an_octave` |
//! | install: failure | Acquire | the install | the same, for the thread that came second | `shared::two_make_an_octave` |
//! | `fast` by the only thread that installs | Relaxed | its own install, or a flip | | |
//!
//! **Progress.** Wait-free, but for the allocation.

use super::bucket_layout::{BucketLayout, EXPONENT_BIAS, MANTISSA_BITS, MAX_OCTAVES};
use crate::engine::slot::once_box::OnceBox;
use crate::sync::{Acquire, AtomicPtr, AtomicU32, Relaxed, Release};
use crate::zeroed::{try_box, zeroed_u32};
use std::ptr::NonNull;

/// See the module's header.
#[derive(Debug)]
pub(super) struct Octaves {
    fast: [AtomicPtr<AtomicU32>; FAST],
    slow: OnceBox<Table>,
    highs: OnceBox<Table>,
    layout: BucketLayout,
}

/// Exponent fields of a positive `i64` as a float, modulo this, differ.
const FAST: usize = 64;

/// Counters by octave; null: none.
#[derive(Debug)]
pub(super) struct Table(pub(super) [AtomicPtr<AtomicU32>; MAX_OCTAVES]);

impl Table {
    fn new() -> Self {
        Self(std::array::from_fn(
            |_| AtomicPtr::new(std::ptr::null_mut()),
        ))
    }
}

/// An octave's counters, in which half, and how far its pointer is moved.
pub(super) struct Place<'a> {
    pub(super) pointer: &'a AtomicPtr<AtomicU32>,
    pub(super) moved: usize,
    pub(super) len: usize,
}

impl<'a> Place<'a> {
    #[inline]
    pub(super) fn get(&self) -> Option<&'a [AtomicU32]> {
        // Acquire: pairs with the install.
        let moved = self.pointer.load(Acquire);
        // SAFETY: an install put it there.
        (!moved.is_null()).then(|| unsafe { self.counters(moved) })
    }

    pub(super) fn get_or_alloc(&self) -> Option<&'a [AtomicU32]> {
        if let Some(counters) = self.get() {
            return Some(counters);
        }
        let counters = Box::into_raw(zeroed_u32(self.len)?);
        let moved = counters.cast::<AtomicU32>().wrapping_sub(self.moved);
        // Release: publishes the zeroed counters. Acquire on failure: the other thread's counters are returned.
        match self
            .pointer
            .compare_exchange(std::ptr::null_mut(), moved, Release, Acquire)
        {
            // SAFETY: just installed.
            Ok(_) => Some(unsafe { self.counters(moved) }),
            Err(first) => {
                // SAFETY: never published, so this thread is its only owner.
                drop(unsafe { Box::from_raw(counters) });
                // SAFETY: an install put it there.
                Some(unsafe { self.counters(first) })
            }
        }
    }

    /// # Safety
    /// `moved` was installed here, and is visible.
    unsafe fn counters(&self, moved: *mut AtomicU32) -> &'a [AtomicU32] {
        // SAFETY: what an install moved is moved back: an allocation of `len` counters that lives until `Octaves` is dropped.
        unsafe { std::slice::from_raw_parts(moved.wrapping_add(self.moved), self.len) }
    }

    /// Frees the counters. No reference to them is left, and none is made later.
    pub(super) fn free(&self) {
        // Relaxed: `&mut self` of the caller orders this thread after all others.
        let moved = self.pointer.load(Relaxed);
        if !moved.is_null() {
            let counters = moved.wrapping_add(self.moved);
            let counters = std::ptr::slice_from_raw_parts_mut(counters, self.len);
            // SAFETY: an install put it there, and the caller drops the tables: no reference is left.
            drop(unsafe { Box::from_raw(counters) });
        }
    }
}

impl Octaves {
    pub(super) fn new(layout: BucketLayout) -> Self {
        Self {
            fast: std::array::from_fn(|_| AtomicPtr::new(std::ptr::null_mut())),
            slow: OnceBox::default(),
            highs: OnceBox::default(),
            layout,
        }
    }

    /// The lower half of a value's counter, if the value's octave has a fast path and counters. For a thread that installed the counters
    /// itself, or is ordered behind who did. `shift`: [`BucketLayout::mantissa_shift`].
    #[inline(always)]
    pub(super) fn get_fast(&self, value: u64, shift: u8) -> Option<&AtomicU32> {
        let float = (value as i64 as f64).to_bits();
        // Relaxed: this thread's own last store, or one that it is ordered behind.
        let moved = self.fast[(float >> MANTISSA_BITS) as usize % FAST].load(Relaxed);
        if moved.is_null() || value as i64 <= 0 {
            return None;
        }
        debug_assert_eq!(u32::from(shift), self.layout.mantissa_shift());
        let counter = moved.wrapping_add((float >> shift) as usize);
        // SAFETY: inside of an allocation. See `Place::counters` and the module's header: a positive number's octave is that of its
        // exponent, and has a fast path, so the leading bits less what the pointer was moved by are below the octave's length.
        let counter = unsafe { NonNull::new_unchecked(counter) };
        // SAFETY: the same; the counters live until `Octaves` is dropped.
        Some(unsafe { counter.as_ref() })
    }

    /// The lower halves of an octave's counters, if it has any.
    pub(super) fn lows(&self, octave: usize) -> Option<&[AtomicU32]> {
        match self.fast_place(octave) {
            Some(place) => place.get(),
            None => self.place(self.slow.get()?, octave).get(),
        }
    }

    /// The lower halves of an octave's counters. `None`: there is no memory for them.
    pub(super) fn lows_or_alloc(&self, octave: usize) -> Option<&[AtomicU32]> {
        match self.fast_place(octave) {
            Some(place) => place.get_or_alloc(),
            None => self
                .place(table_or_alloc(&self.slow)?, octave)
                .get_or_alloc(),
        }
    }

    /// The upper halves of an octave's counters, if it has any.
    pub(super) fn highs(&self, octave: usize) -> Option<&[AtomicU32]> {
        self.place(self.highs.get()?, octave).get()
    }

    /// The upper halves of an octave's counters. `None`: there is no memory for them.
    pub(super) fn highs_or_alloc(&self, octave: usize) -> Option<&[AtomicU32]> {
        self.place(table_or_alloc(&self.highs)?, octave)
            .get_or_alloc()
    }

    /// Makes counters for the octaves that `other` has, so that writers need not. Where there is no memory for them, it is up to writers.
    pub(super) fn make_those_of(&self, other: &Self) {
        let used = |octave: &usize| other.lows(*octave).is_some();
        for octave in (0..self.layout.octaves()).filter(used) {
            let _ = self.lows_or_alloc(octave);
        }
    }

    /// Where an octave that has a fast path has its lower halves.
    fn fast_place(&self, octave: usize) -> Option<Place<'_>> {
        if octave == 0 || !self.layout.has_fast_path(octave) {
            return None;
        }
        let len = self.layout.octave_len();
        Some(Place {
            pointer: &self.fast[(octave + EXPONENT_BIAS) % FAST],
            moved: octave * len + self.layout.bias(),
            len,
        })
    }

    fn place<'a>(&self, table: &'a Table, octave: usize) -> Place<'a> {
        Place {
            pointer: &table.0[octave],
            moved: 0,
            len: self.layout.octave_len(),
        }
    }
}

pub(super) fn table_or_alloc(table: &OnceBox<Table>) -> Option<&Table> {
    table.try_get_or_set(|| try_box(Table::new()))
}

impl Drop for Octaves {
    fn drop(&mut self) {
        let fast = (0..self.layout.octaves()).filter_map(|octave| self.fast_place(octave));
        fast.for_each(|place| place.free());
        for table in [self.slow.get(), self.highs.get()].into_iter().flatten() {
            (0..MAX_OCTAVES).for_each(|octave| self.place(table, octave).free());
        }
    }
}
