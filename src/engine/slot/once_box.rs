//! A pointer that goes from null to its value once.
//!
//! Not `std::sync::OnceLock`, which blocks the second of two threads that initialise it: here both create a value and one of
//! the two is dropped. `once_cell::race::OnceBox` does that too, but loom could not see its atomic.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | `get`: pointer | Acquire | the install | a value visible before it is initialised | `once_box::made_before_it_is_seen` |
//! | `set`: success | Release | `get`, failure | the same | `once_box::made_before_it_is_seen` |
//! | `set`: failure | Acquire | the install | the same, for the thread that came second | `once_box::two_set_one` |
//!
//! **Progress.** Wait-free, given the allocated value.

use crate::sync::{Acquire, AtomicPtr, Relaxed, Release};
use std::marker::PhantomData;

/// See the module's header.
#[derive(Debug)]
pub(crate) struct OnceBox<T> {
    value: AtomicPtr<T>,
    /// It owns a `T`: `OnceBox<T>` is Send where `T` is. (`AtomicPtr` alone would be Send for every `T`.)
    owned: PhantomData<Option<Box<T>>>,
}

// SAFETY: sharing a `OnceBox` hands out `&T` on other threads (T: Sync) and lets any thread install a `T` that another one
// drops (T: Send).
unsafe impl<T: Send + Sync> Sync for OnceBox<T> {}

impl<T> Default for OnceBox<T> {
    fn default() -> Self {
        Self {
            value: AtomicPtr::new(std::ptr::null_mut()),
            owned: PhantomData,
        }
    }
}

impl<T> OnceBox<T> {
    #[inline(always)]
    pub(crate) fn get(&self) -> Option<&T> {
        // Acquire: pairs with the install in `set`.
        let value = self.value.load(Acquire);
        // SAFETY: null, or a box that `set` installed; it is never replaced, and freed only by `drop`.
        unsafe { value.as_ref() }
    }

    /// [`Self::get`], for a thread that is ordered after the install by other means.
    ///
    /// # Safety
    /// Each call of [`Self::set`] that may install the value either happens before this one or comes after it on the same thread.
    #[inline(always)]
    pub(crate) unsafe fn get_own(&self) -> Option<&T> {
        // Relaxed: the install happened before, says the caller, and what it published with it.
        let value = self.value.load(Relaxed);
        // SAFETY: as in `get`.
        unsafe { value.as_ref() }
    }

    /// The value, which `create` makes if it is missing.
    pub(crate) fn get_or_set(&self, create: impl FnOnce() -> Box<T>) -> &T {
        self.get().unwrap_or_else(|| self.set(create()))
    }

    /// The value, which `create` makes if it is missing. `None`: it could not.
    pub(crate) fn try_get_or_set(&self, create: impl FnOnce() -> Option<Box<T>>) -> Option<&T> {
        match self.get() {
            Some(value) => Some(value),
            None => Some(self.set(create()?)),
        }
    }

    /// Installs `value` unless there is one already, and returns the one that is there.
    pub(crate) fn set(&self, value: Box<T>) -> &T {
        let value = Box::into_raw(value);
        // Release: publishes the initialised value. Acquire on failure: the other thread's value is returned.
        match self
            .value
            .compare_exchange(std::ptr::null_mut(), value, Release, Acquire)
        {
            // SAFETY: just installed; freed only by `drop`.
            Ok(_) => unsafe { &*value },
            Err(first) => {
                // SAFETY: never published, so this thread is its only owner.
                drop(unsafe { Box::from_raw(value) });
                // SAFETY: installed by an earlier `set`; freed only by `drop`.
                unsafe { &*first }
            }
        }
    }
}

impl<T> Drop for OnceBox<T> {
    fn drop(&mut self) {
        // Relaxed: `&mut self` orders this thread after all others.
        let value = self.value.load(Relaxed);
        if !value.is_null() {
            // SAFETY: installed by `set`, and `&mut self` means that no reference to it is left.
            drop(unsafe { Box::from_raw(value) });
        }
    }
}
