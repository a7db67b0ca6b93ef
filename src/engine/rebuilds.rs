//! Which rebuilds of a registry's snapshot are under way: a rebuild may read a cell for a series that was removed in between.
//!
//! **Protocol.** A rebuild begins before it copies any list of series, and ends after it has read the last cell. A removal takes its
//! series off the list, and then marks the last rebuild that has begun. Once that one has ended, no rebuild has a list with the
//! series on it.
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | begin before the lists are copied, end after the cells are read | the lock | a rebuild shows one series' writes as another's | `family::a_cell_is_kept_until_a_rebuild_has_ended` |
//! | mark after the series left the list | the lock | the same | `family::a_cell_is_kept_until_a_rebuild_has_ended` |
//!
//! **Progress.** Blocking, for a few instructions.

use crate::sync::{Mutex, MutexGuard, PoisonError};

/// The rebuilds of a registry: one at a time.
#[derive(Debug)]
pub(crate) struct Rebuilds(Mutex<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    begun: u64,
    ended: u64,
}

/// The last rebuild that had begun at some moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark(u64);

/// A rebuild that is under way. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Rebuild<'a>(&'a Rebuilds, u64);

impl Default for Rebuilds {
    fn default() -> Self {
        Self(Mutex::new(Numbers::default()))
    }
}

impl Rebuilds {
    pub(crate) fn begin(&self) -> Rebuild<'_> {
        let mut numbers = self.lock();
        numbers.begun += 1;
        Rebuild(self, numbers.begun)
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark(self.lock().begun)
    }

    /// Whether every rebuild up to the mark has ended.
    pub(crate) fn have_ended(&self, mark: Mark) -> bool {
        self.lock().ended >= mark.0
    }

    fn lock(&self) -> MutexGuard<'_, Numbers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Rebuild<'_> {
    fn drop(&mut self) {
        self.0.lock().ended = self.1;
    }
}
