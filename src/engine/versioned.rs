//! A value under a lock, with a number that tells readers whether it changed. Several values can share one number.
//!
//! **Writer.** Lock, change, raise the version. **Reader.** Load the version, then compare it with the one that it remembers; if it
//! differs, lock and copy.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | version raised, read | Relaxed | nothing | a thread that must see a change already synchronizes with it | `versioned::a_change_shows` |
//! | the value | the lock | the lock | | `versioned::a_change_shows` |
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | the version is raised by a read-modify-write | program order | two changes of two values are one | `versioned::two_changes_are_two` |
//! | the version is raised before what follows the change | program order | a series is found that no current snapshot has | `family::what_was_found_is_in_the_next_snapshot` |
//!
//! **Progress.** `get` is wait-free; everything else blocks.

use crate::sync::{AtomicUsize, Mutex, MutexGuard, PoisonError, Relaxed};
use std::sync::Arc;

/// How often any of the values that share it was changed.
#[derive(Debug)]
pub(crate) struct Version(AtomicUsize);

impl Default for Version {
    fn default() -> Self {
        Self(AtomicUsize::new(0))
    }
}

impl Version {
    /// Changes with every successful change. Load it before the values are copied: a change in between then counts as newer.
    #[inline]
    pub(crate) fn get(&self) -> usize {
        // Relaxed: publishes nothing; the value is read under the lock.
        self.0.load(Relaxed)
    }

    fn raise(&self) {
        // Relaxed: readers copy the values under their locks.
        self.0.fetch_add(1, Relaxed);
    }
}

/// See the module's header.
#[derive(Debug)]
pub(crate) struct Versioned<T> {
    value: Mutex<T>,
    version: Arc<Version>,
}

impl<T> Versioned<T> {
    /// A value with a version of its own.
    pub(crate) fn new(value: T) -> Self {
        Self::sharing(value, &Arc::default())
    }

    /// A value whose changes raise this version.
    pub(crate) fn sharing(value: T, version: &Arc<Version>) -> Self {
        Self {
            value: Mutex::new(value),
            version: Arc::clone(version),
        }
    }

    #[inline]
    pub(crate) fn version(&self) -> &Arc<Version> {
        &self.version
    }

    /// Changes the value. An error says that nothing was changed.
    pub(crate) fn change<R, E>(&self, change: impl FnOnce(&mut T) -> Result<R, E>) -> Result<R, E> {
        self.change_then(change, |_| ())
    }

    /// Changes the value, and calls `then` after the version was raised, still under the lock.
    pub(crate) fn change_then<R, E>(
        &self,
        change: impl FnOnce(&mut T) -> Result<R, E>,
        then: impl FnOnce(&R),
    ) -> Result<R, E> {
        let mut value = self.lock();
        let result = change(&mut value)?;
        self.version.raise();
        then(&result);
        Ok(result)
    }

    /// Reads the value.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        read(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        // A change that panicked has changed nothing: it runs no user code after its first store.
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
