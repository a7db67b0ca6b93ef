//! What `src/sync.rs` exports to the engine, made of loom's types.

pub(crate) use loom::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};
pub(crate) use loom::sync::{Mutex, MutexGuard};
/// Both are also where loom switches threads. Without that it never does so between a store and a load that waits for the
/// answer to it, and misses the executions in which the answer comes.
pub(crate) use loom::thread::{yield_now as pause, yield_now as spin_loop};
pub(crate) use loom::thread_local;
pub(crate) use std::sync::{PoisonError, TryLockError};

use loom::sync::atomic::Ordering::SeqCst;

/// As `src/sync.rs` has it. Loom knows sequential consistency of fences alone.
pub(crate) fn add_seq_cst(cell: &AtomicU64, amount: u64) -> u64 {
    let before = cell.fetch_add(amount, Release);
    fence(SeqCst);
    before
}

pub(crate) fn add_seq_cst_u32(cell: &AtomicU32, amount: u32) -> u32 {
    let before = cell.fetch_add(amount, Release);
    fence(SeqCst);
    before
}

pub(crate) fn load_seq_cst(cell: &AtomicU64) -> u64 {
    cell.load(Relaxed)
}

pub(crate) fn fence_seq_cst() {
    fence(SeqCst);
}
