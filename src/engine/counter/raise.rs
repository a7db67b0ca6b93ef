//! Raising a counter to an absolute value, such as one that another library keeps.
//!
//! **Protocol.** Under a lock of the page: read the counter, add what is missing to the own cell. Two that raise the same counter at
//! the same moment, each by what is missing, would add it twice. Whoever adds meanwhile is not waited for: what is added after the
//! reading comes on top.
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | read and add under one lock | the lock | what is missing is added twice | `counter::two_raise_one` |
//!
//! **Progress.** Blocking, between those that raise counters of one page.

use super::handles::CellHandle;
use crate::engine::slot::owner::CurrentThread;
use crate::sync::{Mutex, PoisonError};

/// The lock of a page's counters that are raised.
#[derive(Debug)]
pub(crate) struct Raising(Mutex<()>);

impl Default for Raising {
    fn default() -> Self {
        Self(Mutex::new(()))
    }
}

impl CellHandle {
    /// Raises a counter to `value`, unless it is there already.
    pub(crate) fn raise_to(&self, thread: impl CurrentThread, value: u64) {
        let lock = &self.page().raising.0;
        let _raising = lock.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(missing @ 1..) = value.checked_sub(self.value()) {
            self.page().add(thread, self.index(), missing);
        }
    }
}
