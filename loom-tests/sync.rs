//! What `src/sync.rs` exports, made of loom's types, with constants shrunk so that models meet the rare paths.

pub(crate) use loom::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};
pub(crate) use loom::sync::{Mutex, MutexGuard};
/// Also where loom switches threads: it was seen never to do so of itself between a store and a load that waits for the
/// answer to it, and so to miss the executions in which the answer comes.
pub(crate) use loom::thread::yield_now as spin_loop;
use std::sync::Arc;
pub(crate) use std::sync::PoisonError;

/// So that the second slot already lives in an allocated segment.
pub(crate) const FIRST_SEGMENT: usize = 1;
/// So that two counters can be on one page, and a third on another.
pub(crate) const PAGE_CELLS: usize = 2;
/// A reader that looks again learns nothing that another execution would not show it.
pub(crate) const BANK_LOOKS: usize = 1;
pub(crate) const BANK_SCANS: usize = 1;
/// So that four samples in a bucket carry.
pub(crate) const LOW_BITS: u32 = 2;
/// So that folds from the queue soon go on to the banks, but not at once after a scan.
pub(crate) const REMEMBERED: usize = 3;

/// Stands in for `ArcSwap`, with exactly the edges that its documentation promises: `store` releases, `load` acquires,
/// and nothing from a reader to a writer. The values themselves are handed over outside of loom's sight, by index.
#[derive(Debug)]
pub(crate) struct Published<T> {
    newest: AtomicUsize,
    versions: std::sync::Mutex<Vec<Arc<T>>>,
}

impl<T> Published<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        Self { newest: AtomicUsize::new(0), versions: std::sync::Mutex::new(vec![value]) }
    }

    pub(crate) fn load(&self) -> Arc<T> {
        let newest = self.newest.load(Acquire);
        self.versions.lock().unwrap()[newest].clone()
    }

    pub(crate) fn store(&self, value: Arc<T>) {
        let mut versions = self.versions.lock().unwrap();
        versions.push(value);
        let newest = versions.len() - 1;
        drop(versions);
        self.newest.store(newest, Release);
    }
}

pub(crate) type Zeroed = Box<[AtomicU32]>;

pub(crate) fn zeroed_u32(len: usize) -> Zeroed {
    (0..len).map(|_| AtomicU32::new(0)).collect()
}

pub(crate) fn zeroed_u64(len: usize) -> Box<[AtomicU64]> {
    (0..len).map(|_| AtomicU64::new(0)).collect()
}
