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

/// Waits for other threads to get on. It sleeps rather than yields: beside more threads than processors, one that yields runs
/// again only when all others have had their turn.
pub(crate) fn pause() {
    std::thread::sleep(std::time::Duration::from_micros(100));
}
