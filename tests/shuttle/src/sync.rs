//! What `src/sync.rs` exports, made of shuttle's types.

use std::ops::Deref;

pub(crate) use shuttle::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
pub(crate) use shuttle::thread::yield_now as pause;
pub(crate) use shuttle::thread_local;
pub(crate) use std::sync::{PoisonError, TryLockError};

/// Nothing: shuttle takes a spin for a yield, and a reader that yields before each look at a bank misses the schedules in
/// which the writer has not moved.
pub(crate) fn spin_loop() {}

/// As `src/sync.rs` has it; shuttle knows no other order.
pub(crate) fn add_seq_cst(cell: &AtomicU64, amount: u64) -> u64 {
    cell.fetch_add(amount, Release)
}

/// See [`add_seq_cst`].
pub(crate) fn add_seq_cst_u32(cell: &AtomicU32, amount: u32) -> u32 {
    cell.fetch_add(amount, Release)
}

/// See [`add_seq_cst`].
pub(crate) fn load_seq_cst(cell: &AtomicU64) -> u64 {
    cell.load(Acquire)
}

/// See [`add_seq_cst`].
pub(crate) fn fence_seq_cst() {}

/// A static that each execution initialises anew.
#[derive(Debug)]
pub(crate) struct LazyLock<T: Sync>(shuttle::lazy_static::Lazy<T>);

impl<T: Sync> LazyLock<T> {
    pub(crate) const fn new(init: fn() -> T) -> Self {
        Self(shuttle::lazy_static::Lazy::new(init))
    }
}

impl<T: Sync + 'static> Deref for LazyLock<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: `LazyLock`s are statics (`src/thread.rs` has the only one), so they outlive every reference.
        let this: &'static Self = unsafe { &*std::ptr::from_ref(self) };
        this.0.get()
    }
}
