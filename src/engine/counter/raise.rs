//! Raising a counter to an absolute value, such as one that another library keeps.
//!
//! **Protocol.** Under a lock of the page: read the counter, add what is missing to the own cell. Two that raise the same counter at
//! the same moment, each by what is missing, would add it twice. Additions at the same time are not waited for: what is added after the
//! reading comes on top.
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | read and add under one lock | the lock | what is missing is added twice | `counter::two_raise_one` |
//!
//! **Progress.** Blocking, between those that raise counters of one page.

use crate::sync::{Mutex, PoisonError};

/// The lock of a page's counters that are raised.
#[derive(Debug)]
pub(crate) struct Raising(Mutex<()>);

impl Default for Raising {
    fn default() -> Self {
        Self(Mutex::new(()))
    }
}

impl Raising {
    /// Raises a counter to `value`, unless it is there already. `read` reads it, `add` adds to it.
    pub(super) fn raise_to(&self, value: u64, read: impl FnOnce() -> u64, add: impl FnOnce(u64)) {
        let _raising = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(missing @ 1..) = value.checked_sub(read()) {
            add(missing);
        }
    }
}
