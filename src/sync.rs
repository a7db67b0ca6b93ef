//! The standard library's atomics and locks. No other file names them.
//!
//! `loom-tests/` and `tests/shuttle/` compile the same sources against a file of this name that is made of loom's or
//! shuttle's types, so the three must export the same names.

pub(crate) use std::hint::spin_loop;
pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};
pub(crate) use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError, TryLockError};
pub(crate) use std::thread_local;

use std::sync::atomic::Ordering::SeqCst;

/// Adds. Of two threads, one that adds here and then calls [`load_seq_cst`] for another cell, and one that changes that cell, calls
/// [`fence_seq_cst`] and then loads this one, at least one sees what the other did. On x86-64 it costs what any addition costs.
#[inline(always)]
pub(crate) fn add_seq_cst(cell: &AtomicU64, amount: u64) -> u64 {
    // SeqCst: see above. It is a Release as well.
    cell.fetch_add(amount, SeqCst)
}

/// [`add_seq_cst`], for a cell of 32 bits.
#[inline(always)]
pub(crate) fn add_seq_cst_u32(cell: &AtomicU32, amount: u32) -> u32 {
    // SeqCst: see above.
    cell.fetch_add(amount, SeqCst)
}

/// See [`add_seq_cst`].
#[inline(always)]
pub(crate) fn load_seq_cst(cell: &AtomicU64) -> u64 {
    // SeqCst: see above.
    cell.load(SeqCst)
}

/// See [`add_seq_cst`].
pub(crate) fn fence_seq_cst() {
    // SeqCst: see above.
    fence(SeqCst);
}

/// Waits for other threads to get on. It sleeps rather than yields: beside more threads than processors, one that yields runs
/// again only when all others have had their turn.
pub(crate) fn pause() {
    std::thread::sleep(std::time::Duration::from_micros(100));
}
