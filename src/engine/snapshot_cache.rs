//! A value derived from what others write, rebuilt only when that changed.
//!
//! **Reader.** Load the published value (Acquire), *then* ask whether it is still current, which compares epochs. If it is,
//! return the same `Arc`. Otherwise take the lock, look again (another reader may have rebuilt it), build, publish. In this
//! order a read that follows a write always contains the write. Comparing the epochs first would accept a value that was
//! published in between and predates the write.
//!
//! Whatever a value is built from must be read inside `is_current` and `rebuild`, not before: values that were read before
//! the lock was taken may be older than those of the published value, and an older value would replace a newer one.
//!
//! Readers wait for each other at the lock and for nothing else. Writers do not know that it exists. `latest` never waits.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | publish | Release | load | a snapshot visible before it is built | `recorder::read_your_write_through_a_hit` |
//! | load, before the epochs | Acquire | publish | a hit without the caller's own write | `recorder::read_your_write_through_a_hit` |
//! | second look under the lock | the lock | | two rebuilds for one change | `snapshot_cache::two_readers_one_rebuild` |
//!
//! **Progress.** A hit is as wait-free as `ArcSwap::load_full`; a rebuild blocks other readers that also need one. A reader
//! that panics inside a rebuild leaves the last published value in place and the lock usable.

use crate::published::Published;
use crate::sync::{Mutex, MutexGuard, PoisonError};
use std::sync::Arc;

/// `S` is what one rebuild keeps for the next; `T` is what readers get.
#[derive(Debug)]
pub(crate) struct SnapshotCache<S, T> {
    published: Published<T>,
    state: Mutex<S>,
}

impl<S, T> SnapshotCache<S, T> {
    pub(crate) fn new(state: S, first: T) -> Self {
        Self {
            published: Published::new(Arc::new(first)),
            state: Mutex::new(state),
        }
    }

    /// The published value if it is current, otherwise the result of `rebuild`, which gets the state and the last value.
    #[inline]
    pub(crate) fn read(
        &self,
        is_current: impl Fn(&T) -> bool,
        rebuild: impl FnOnce(&mut S, &T) -> T,
    ) -> Arc<T> {
        let published = self.published.load();
        if is_current(&published) {
            return published;
        }
        self.read_slow(is_current, rebuild)
    }

    #[cold]
    fn read_slow(
        &self,
        is_current: impl Fn(&T) -> bool,
        rebuild: impl FnOnce(&mut S, &T) -> T,
    ) -> Arc<T> {
        let mut state = self.lock();
        let published = self.published.load();
        if is_current(&published) {
            return published;
        }
        let rebuilt = Arc::new(rebuild(&mut state, &published));
        self.published.store(Arc::clone(&rebuilt));
        rebuilt
    }

    /// The last published value, however old.
    #[inline]
    pub(crate) fn latest(&self) -> Arc<T> {
        self.published.load()
    }

    /// Publishes the value that `change` makes of the state and the last value. No rebuild runs at the same time.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut S, &T) -> (T, R)) -> R {
        let mut state = self.lock();
        let (value, result) = change(&mut state, &self.published.load());
        self.published.store(Arc::new(value));
        result
    }

    /// [`Self::update`], unless `change` makes nothing.
    pub(crate) fn try_update<R>(
        &self,
        change: impl FnOnce(&mut S, &T) -> Option<(T, R)>,
    ) -> Option<R> {
        let mut state = self.lock();
        let (value, result) = change(&mut state, &self.published.load())?;
        self.published.store(Arc::new(value));
        Some(result)
    }

    fn lock(&self) -> MutexGuard<'_, S> {
        // A rebuild that panicked has changed nothing: only the user's code may panic in it, and that runs first.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
