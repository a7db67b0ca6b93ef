//! A value derived from what others write, rebuilt only when that changed.
//!
//! **Reader.** Load the published value (Acquire), *then* ask whether it is still current, which compares epochs.
//! Current: the same `Arc` again. Otherwise take the gate, look again (another reader may have rebuilt meanwhile), build,
//! publish. In this order a reader that is ordered after a write never gets a value without it: were the epochs
//! compared first, a value published between, older than the write, would pass.
//!
//! Readers wait for each other at the gate and for nobody else; writers do not know that there is one. `latest` does not
//! wait at all.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | publish | Release | load | a snapshot seen before it is built | `recorder::read_your_write_through_a_hit` |
//! | load, before the epochs | Acquire | publish | own write missing from a hit | `recorder::read_your_write_through_a_hit` |
//! | second look in the gate | by the lock | | two rebuilds for one change | `cached::two_readers_one_rebuild` |
//!
//! **Progress.** A hit is wait-free; a rebuild is blocking among readers. A reader that panics inside a rebuild leaves the
//! last published value standing and the gate open.

use super::sync::{Mutex, MutexGuard, PoisonError, Published};
use std::sync::Arc;

/// `S` is what a rebuild keeps for the next one; `T` is what readers get.
#[derive(Debug)]
pub(crate) struct Cached<S, T> {
    published: Published<T>,
    gate: Mutex<S>,
}

impl<S, T> Cached<S, T> {
    pub(crate) fn new(state: S, first: T) -> Self {
        Self { published: Published::new(Arc::new(first)), gate: Mutex::new(state) }
    }

    /// The published value if `current` says so, otherwise what `rebuild` makes of the state and the last one.
    #[inline]
    pub(crate) fn read(&self, current: impl Fn(&T) -> bool, rebuild: impl FnOnce(&mut S, &T) -> T) -> Arc<T> {
        let published = self.published.load();
        if current(&published) {
            return published;
        }
        self.read_slow(current, rebuild)
    }

    #[cold]
    fn read_slow(&self, current: impl Fn(&T) -> bool, rebuild: impl FnOnce(&mut S, &T) -> T) -> Arc<T> {
        let mut state = self.lock();
        let published = self.published.load();
        if current(&published) {
            return published;
        }
        let rebuilt = Arc::new(rebuild(&mut state, &published));
        self.published.store(Arc::clone(&rebuilt));
        rebuilt
    }

    /// What was published last, however old.
    #[inline]
    pub(crate) fn latest(&self) -> Arc<T> {
        self.published.load()
    }

    /// Replaces the published value from inside the gate, if `change` makes one.
    pub(crate) fn replace<R>(&self, change: impl FnOnce(&mut S, &T) -> (Option<T>, R)) -> R {
        let mut state = self.lock();
        let (replacement, result) = change(&mut state, &self.published.load());
        if let Some(value) = replacement {
            self.published.store(Arc::new(value));
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, S> {
        // A rebuild that panicked has changed nothing: of what it calls only the user's clock may panic, which is asked first.
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
