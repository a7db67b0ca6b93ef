//! The one file that names the standard library's atomics and locks.
//!
//! Everything concurrent goes through here, so that `loom-tests/` can compile the very files of `src/core/` a second
//! time with a `sync` made of loom's types. What the two must agree on is exactly what this file exports.

pub(crate) use std::hint::spin_loop;
use std::ptr::NonNull;
use std::sync::Arc;
pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};
pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

/// How many entries the first segment of a [`Segments`](crate::core::segments::Segments) has: a power of two.
pub(crate) const FIRST_SEGMENT: usize = 32;
/// Cells in a page: 2 KiB of counters.
pub(crate) const PAGE_CELLS: usize = 256;
/// How often a reader looks whether the writer has moved to the other bank, before it reads the bank as it stands.
pub(crate) const BANK_LOOKS: usize = 16;
/// How often a reader scans a bank that will not add up, before it accepts the scan and says so.
pub(crate) const BANK_SCANS: usize = 4;
/// Bits of a bucket's count that are touched at each record; the others once in 2 to the power of so many.
pub(crate) const LOW_BITS: u32 = 31;
/// Samples folded from a queue that a reader remembers before it drains the bank instead.
pub(crate) const REMEMBERED: usize = 512;

/// A value published by one thread and read by many: `store` releases, `load` acquires.
#[derive(Debug)]
pub(crate) struct Published<T>(arc_swap::ArcSwap<T>);

impl<T> Published<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        Self(arc_swap::ArcSwap::new(value))
    }

    /// Acquire: what the publisher did before its `store` is visible to who gets its value here.
    #[inline]
    pub(crate) fn load(&self) -> Arc<T> {
        self.0.load_full()
    }

    /// Release: publishes all that was done before.
    pub(crate) fn store(&self, value: Arc<T>) {
        self.0.store(value);
    }
}

/// Zeroed cells of which only those that are used take memory: on Linux, straight from the operating system, which backs
/// them page by page as they are touched. (An allocator may clear what it gives, and thereby touch all of it: glibc's does,
/// for anything below its threshold of 128 KiB.) Elsewhere, and if the system refuses, from the allocator.
#[derive(Debug)]
pub(crate) struct Zeroed {
    cells: NonNull<AtomicU32>,
    len: usize,
    mapped: bool,
}

// SAFETY: `Zeroed` owns its cells as a `Box<[AtomicU32]>` would, and that is Send.
unsafe impl Send for Zeroed {}
// SAFETY: likewise; all access is through `&[AtomicU32]`.
unsafe impl Sync for Zeroed {}

/// Zeroed cells.
pub(crate) fn zeroed_u32(len: usize) -> Zeroed {
    if let Some(cells) = map_zeroed(len) {
        return Zeroed { cells, len, mapped: true };
    }
    let cells = Box::into_raw(vec![0_u32; len].into_boxed_slice());
    // SAFETY: `Box::into_raw` never returns null.
    let cells = unsafe { NonNull::new_unchecked(cells.cast()) };
    Zeroed { cells, len, mapped: false }
}

impl std::ops::Deref for Zeroed {
    type Target = [AtomicU32];

    #[inline(always)]
    fn deref(&self) -> &[AtomicU32] {
        // SAFETY: `len` zeroed u32, from one allocation or mapping that lives as long as `self`; AtomicU32 has the size, the
        // bit validity and (checked below) the alignment of u32.
        unsafe { std::slice::from_raw_parts(self.cells.as_ptr(), self.len) }
    }
}

impl Drop for Zeroed {
    fn drop(&mut self) {
        if self.mapped {
            unmap(self.cells, self.len);
        } else {
            let cells = std::ptr::slice_from_raw_parts_mut(self.cells.as_ptr().cast::<u32>(), self.len);
            // SAFETY: not mapped, so it came from `Box::into_raw` of just this type and length.
            drop(unsafe { Box::from_raw(cells) });
        }
    }
}

#[cfg(target_os = "linux")]
fn map_zeroed(len: usize) -> Option<NonNull<AtomicU32>> {
    let (bytes, access) = (len * size_of::<AtomicU32>(), libc::PROT_READ | libc::PROT_WRITE);
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new anonymous mapping at an address of the system's choice touches nothing that exists.
    let cells = unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, flags, -1, 0) };
    if cells == libc::MAP_FAILED { None } else { NonNull::new(cells.cast()) }
}

#[cfg(target_os = "linux")]
fn unmap(cells: NonNull<AtomicU32>, len: usize) {
    // SAFETY: a mapping of `map_zeroed` with this length, whose owner is being dropped.
    unsafe { libc::munmap(cells.as_ptr().cast(), len * size_of::<AtomicU32>()) };
}

#[cfg(not(target_os = "linux"))]
fn map_zeroed(_len: usize) -> Option<NonNull<AtomicU32>> {
    None
}

#[cfg(not(target_os = "linux"))]
fn unmap(_cells: NonNull<AtomicU32>, _len: usize) {}

/// Zeroed cells of 64 bits, from the allocator.
pub(crate) fn zeroed_u64(len: usize) -> Box<[AtomicU64]> {
    let cells = Box::into_raw(vec![0_u64; len].into_boxed_slice());
    // SAFETY: AtomicU64 has the size, the bit validity and (checked below) the alignment of u64, and the box that the
    // pointer came from is gone, so this is its only owner.
    unsafe { Box::from_raw(cells as *mut [AtomicU64]) }
}

const _: () = assert!(align_of::<AtomicU32>() == align_of::<u32>());
const _: () = assert!(align_of::<AtomicU64>() == align_of::<u64>(), "epoch-metrics needs 8-byte aligned u64");
