//! The counters of a [shared bank](super::shared)'s buckets, by octave. An octave gets its counters when a value first falls into it.
//!
//! ```text
//! near    a few pointers, by octave modulo their number ──► lower halves      of the first octave that takes the place
//! owners  a byte for each of these places: its octave, plus 1
//! far     65 pointers, by octave ──► lower halves of the other octaves        made when the first one finds its place taken
//! highs   65 pointers, by octave ──► upper halves                             made at the first carry
//! ```
//!
//! **Near places** are in the histogram itself: a record that comes after a while waits for one line less, and a histogram whose values
//! span few octaves needs no table. An octave that takes a place keeps it, and one that finds it taken never gets it.
//!
//! **Protocol.** Take the place, or find out whose it is, by a compare-exchange; then as [`Place`] says.
//!
//! **Touched octaves.** A bit for each octave tells readers which ones to look at; two that are 64 apart share one. A writer adds to a
//! bucket, then sets the bit unless it is set. A reader takes all bits, then loads buckets. At least one of the two has to see what the
//! other did, as with [`dirty`](crate::engine::family::dirty): the addition and the look at the bit are sequentially consistent, and there
//! is a fence between the reader's two steps. So the buckets of an octave that is not touched hold nothing that the tail or the sum
//! counts and the reader does not know.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | addition to a bucket, and look at its octave's bit | sequentially consistent ([`sync`](crate::sync)) | the reader's fence | an octave is not looked at, and a sample is missing | `shared::a_touched_octave_is_read` |
//! | fence, between taking the bits and the buckets | sequentially consistent ([`sync`](crate::sync)) | the writer's addition and look | the same | `shared::a_touched_octave_is_read` |
//! | bit, set | Relaxed | nothing: published by `large`, sum and tail | | |
//! | bits, taken | Relaxed | nothing: the fence orders it | | |
//! | `owners` | Relaxed | nothing: a byte changes once, and the pointers publish the counters | | |
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | a place is taken by an exchange of the bytes that were checked | program order | one octave's samples count for another | `shared::two_take_a_place` |
//!
//! **Progress.** Wait-free, but for the allocation: an exchange is repeated at most once for each place.

use super::bucket_layout::{BucketLayout, MAX_OCTAVES};
use super::octaves::{Place, Table, table_or_alloc};
use crate::engine::slot::once_box::OnceBox;
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, Relaxed, fence_seq_cst, load_seq_cst};
use crate::tuning::NEAR_OCTAVES;

/// The octaves to which samples were added since a reader looked.
#[derive(Debug, Default)]
pub(super) struct Touched(AtomicU64);

/// Octaves to look at: all to which samples were added, and perhaps others.
pub(super) struct TouchedOctaves(u64);

/// See the module's header.
#[derive(Debug)]
#[repr(C)]
pub(super) struct SharedOctaves {
    owners: AtomicU64,
    near: [AtomicPtr<AtomicU32>; NEAR_OCTAVES],
    highs: OnceBox<Table>,
    octave_len: u32,
    far: OnceBox<Table>,
}

const _: () = assert!(NEAR_OCTAVES <= 8 && MAX_OCTAVES < 0xFF, "a byte each");

/// The place that an octave may take, and how far its byte is shifted.
#[inline]
fn near_place(octave: usize) -> (usize, u32) {
    // Not `%`: in models there is one place, and clippy objects to that.
    let place = octave.rem_euclid(NEAR_OCTAVES);
    (place, 8 * place as u32)
}

impl Touched {
    /// Says that a sample was added to an octave, after [`add_seq_cst_u32`](crate::sync::add_seq_cst_u32).
    #[inline(always)]
    pub(super) fn mark(&self, octave: usize) {
        if load_seq_cst(&self.0) & bit_of(octave) == 0 {
            self.set(octave);
        }
    }

    #[cold]
    fn set(&self, octave: usize) {
        // Relaxed: published by `large`, sum and tail.
        self.0.fetch_or(bit_of(octave), Relaxed);
    }

    /// Takes the octaves that were touched since they were last taken. Call it after the tail, the sum and `large` were loaded, and load the buckets of
    /// these octaves then.
    pub(super) fn take(&self) -> TouchedOctaves {
        // Relaxed: the fence orders it.
        let touched = TouchedOctaves(self.0.swap(0, Relaxed));
        // What those added who found a bit set is visible after this.
        fence_seq_cst();
        touched
    }
}

impl TouchedOctaves {
    pub(super) fn contains(&self, octave: usize) -> bool {
        self.0 & bit_of(octave) != 0
    }
}

fn bit_of(octave: usize) -> u64 {
    1 << (octave % u64::BITS as usize)
}

impl SharedOctaves {
    pub(super) fn new(layout: &BucketLayout) -> Self {
        Self {
            owners: AtomicU64::new(0),
            near: std::array::from_fn(|_| AtomicPtr::new(std::ptr::null_mut())),
            highs: OnceBox::default(),
            octave_len: layout.octave_len() as u32,
            far: OnceBox::default(),
        }
    }

    /// Whether no octave has counters.
    pub(super) fn is_empty(&self) -> bool {
        // Relaxed: who must see a record is ordered after it, and so after the byte that the record found.
        self.owners.load(Relaxed) == 0
    }

    /// The lower halves of an octave's counters, if it has any.
    #[inline]
    pub(super) fn lows(&self, octave: usize) -> Option<&[AtomicU32]> {
        let (place, shift) = near_place(octave);
        // Relaxed: as the header says.
        let owner = self.owners.load(Relaxed) >> shift & 0xFF;
        if owner == octave as u64 + 1 {
            self.place(&self.near[place]).get()
        } else {
            self.far_lows(octave)
        }
    }

    #[cold]
    fn far_lows(&self, octave: usize) -> Option<&[AtomicU32]> {
        self.place(&self.far.get()?.0[octave]).get()
    }

    /// The lower halves of an octave's counters. `None`: there is no memory for them.
    pub(super) fn lows_or_alloc(&self, octave: usize) -> Option<&[AtomicU32]> {
        let pointer = if self.takes_place(octave) {
            &self.near[near_place(octave).0]
        } else {
            &table_or_alloc(&self.far)?.0[octave]
        };
        self.place(pointer).get_or_alloc()
    }

    /// Whether the near place is the octave's, which takes it if it is free.
    fn takes_place(&self, octave: usize) -> bool {
        let (_, shift) = near_place(octave);
        let wanted = octave as u64 + 1;
        // Relaxed: a guess, which the exchange checks.
        let mut owners = self.owners.load(Relaxed);
        loop {
            match owners >> shift & 0xFF {
                0 => {}
                owner => return owner == wanted,
            }
            let taken = owners | wanted << shift;
            // Relaxed, both: as the header says.
            match self
                .owners
                .compare_exchange(owners, taken, Relaxed, Relaxed)
            {
                Ok(_) => return true,
                Err(now) => owners = now,
            }
        }
    }

    /// The upper halves of an octave's counters, if it has any.
    #[inline]
    pub(super) fn highs(&self, octave: usize) -> Option<&[AtomicU32]> {
        self.place(&self.highs.get()?.0[octave]).get()
    }

    /// The upper halves of an octave's counters. `None`: there is no memory for them.
    pub(super) fn highs_or_alloc(&self, octave: usize) -> Option<&[AtomicU32]> {
        self.place(&table_or_alloc(&self.highs)?.0[octave])
            .get_or_alloc()
    }

    /// Makes counters for the octaves that `other` has, so that writers need not. Where there is no memory for them, it is up to writers.
    pub(super) fn make_those_of(&self, other: &Self) {
        for octave in (0..MAX_OCTAVES).filter(|octave| other.lows(*octave).is_some()) {
            let _ = self.lows_or_alloc(octave);
        }
    }

    #[inline]
    fn place<'a>(&self, pointer: &'a AtomicPtr<AtomicU32>) -> Place<'a> {
        Place {
            pointer,
            moved: 0,
            len: self.octave_len as usize,
        }
    }
}

impl Drop for SharedOctaves {
    fn drop(&mut self) {
        let tables = [self.far.get(), self.highs.get()].into_iter().flatten();
        for pointer in tables.flat_map(|table| &table.0).chain(&self.near) {
            self.place(pointer).free();
        }
    }
}
