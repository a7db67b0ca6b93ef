//! A value under a lock, with a number that tells readers whether it changed.
//!
//! **Writer.** Lock, change, raise the version. **Reader.** Compare the version it remembers; if it differs, lock and copy.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | version raised, read | Relaxed | nothing | a thread that must see a change already synchronizes with it | `versioned::a_change_shows` |
//! | the value | the lock | the lock | | `versioned::a_change_shows` |
//!
//! **Progress.** `version` is wait-free; everything else blocks.

use crate::sync::{AtomicUsize, Mutex, MutexGuard, PoisonError, Relaxed};

/// See the module's header.
#[derive(Debug)]
pub(crate) struct Versioned<T> {
    value: Mutex<T>,
    version: AtomicUsize,
}

impl<T> Versioned<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            value: Mutex::new(value),
            version: AtomicUsize::new(0),
        }
    }

    /// Changes with every successful [`Self::change`].
    #[inline]
    pub(crate) fn version(&self) -> usize {
        // Relaxed: publishes nothing; the value is read under the lock.
        self.version.load(Relaxed)
    }

    /// Changes the value. An error says that nothing was changed.
    pub(crate) fn change<R, E>(&self, change: impl FnOnce(&mut T) -> Result<R, E>) -> Result<R, E> {
        let mut value = self.lock();
        let result = change(&mut value)?;
        // Relaxed, both: only the holder of the lock stores, and readers copy the value under the lock.
        self.version
            .store(self.version.load(Relaxed).wrapping_add(1), Relaxed);
        Ok(result)
    }

    /// Reads the value, and the version that it has.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&T, usize) -> R) -> R {
        let value = self.lock();
        read(&value, self.version())
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        // A change that panicked has changed nothing: it runs no user code after its first store.
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
