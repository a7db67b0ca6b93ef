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
//! **No convoy.** While writers go on, no value stays current until the next reader has the lock. So rebuilds are numbered as
//! they start, and a reader notes the number before it waits: a value whose rebuild started later holds everything that the
//! reader must see, and serves all who waited. Of any number of readers that wait, one rebuilds.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | publish | Release | load | a snapshot visible before it is built | `recorder::read_your_write_through_a_hit` |
//! | load, before the epochs | Acquire | publish | a hit without the caller's own write | `recorder::read_your_write_through_a_hit` |
//! | second look under the lock | the lock | | two rebuilds for one change | `snapshot_cache::two_readers_one_rebuild` |
//! | request: `started`, a read-modify-write | Release | a rebuild's start | the rebuild misses what precedes the request, and serves it | `snapshot_cache::a_later_rebuild_serves_who_waits` |
//! | a rebuild's start: `started` | Acquire | request | the same | `snapshot_cache::a_later_rebuild_serves_who_waits` |
//!
//! **Progress.** A hit is as wait-free as `ArcSwap::load_full`, whose fallback may be repeated while values are published; a rebuild blocks other readers that also need one. A reader
//! that panics inside a rebuild leaves the last published value in place and the lock usable.

use crate::published::Published;
use crate::sync::{Acquire, AtomicU64, Mutex, MutexGuard, PoisonError, Release};
use std::sync::Arc;

/// `S` is what one rebuild keeps for the next; `T` is what readers get.
#[derive(Debug)]
pub(crate) struct SnapshotCache<S, T> {
    published: Published<T>,
    /// Rebuilds that were started.
    started: AtomicU64,
    locked: Mutex<Locked<S>>,
}

#[derive(Debug)]
struct Locked<S> {
    state: S,
    /// The number of the last rebuild that published.
    rebuild: u64,
}

/// A reader's request for a value: the number of the last rebuild that may have started before it.
#[derive(Debug)]
pub(crate) struct Request(u64);

impl<S, T> SnapshotCache<S, T> {
    pub(crate) fn new(state: S, first: T) -> Self {
        Self {
            published: Published::new(Arc::new(first)),
            started: AtomicU64::new(0),
            locked: Mutex::new(Locked { state, rebuild: 0 }),
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
        let serves = |value: &T, newer| newer || is_current(value);
        self.answer(self.request(), serves, rebuild)
    }

    /// Asks for a value, after the published one turned out not to be current. The caller may call the user's code before
    /// [`Self::answer`], which holds the lock.
    #[cold]
    pub(crate) fn request(&self) -> Request {
        // Release: a rebuild that starts later sees what precedes this. It changes nothing, but is a read-modify-write: a load
        // could miss the start of a rebuild that misses what the caller wrote.
        Request(self.started.fetch_add(0, Release))
    }

    /// The published value if it `serves`, otherwise the result of `rebuild`. `serves` also learns whether the value was
    /// rebuilt after the request, as a whole.
    #[cold]
    pub(crate) fn answer(
        &self,
        request: Request,
        serves: impl FnOnce(&T, bool) -> bool,
        rebuild: impl FnOnce(&mut S, &T) -> T,
    ) -> Arc<T> {
        let mut locked = self.lock();
        let published = self.published.load();
        if serves(&published, locked.rebuild > request.0) {
            return published;
        }
        // Acquire: pairs with every request that this rebuild comes after.
        let number = self.started.fetch_add(1, Acquire) + 1;
        let rebuilt = Arc::new(rebuild(&mut locked.state, &published));
        self.published.store(Arc::clone(&rebuilt));
        locked.rebuild = number;
        rebuilt
    }

    /// The last published value, however old.
    #[inline]
    pub(crate) fn latest(&self) -> Arc<T> {
        self.published.load()
    }

    /// Publishes the value that `change` makes of the state and the last value. No rebuild runs at the same time.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut S, &T) -> (T, R)) -> R {
        let mut locked = self.lock();
        let (value, result) = change(&mut locked.state, &self.published.load());
        self.published.store(Arc::new(value));
        result
    }

    /// [`Self::update`], unless `change` makes nothing.
    pub(crate) fn try_update<R>(
        &self,
        change: impl FnOnce(&mut S, &T) -> Option<(T, R)>,
    ) -> Option<R> {
        let mut locked = self.lock();
        let (value, result) = change(&mut locked.state, &self.published.load())?;
        self.published.store(Arc::new(value));
        Some(result)
    }

    fn lock(&self) -> MutexGuard<'_, Locked<S>> {
        // A rebuild that panicked has changed nothing: only the user's code may panic in it, and that runs first.
        self.locked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
