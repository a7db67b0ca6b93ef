//! Zeroed cells, one by one. The crate asks for them during a thread's first write to a histogram, so a task can have them do
//! what an allocator that records does.

use crate::sync::{AtomicU32, AtomicU64, thread_local};
use std::cell::Cell;

thread_local! {
    static ON_ALLOCATION: Cell<Option<Box<dyn FnOnce()>>> = Cell::new(None);
}

pub(crate) type Zeroed = Box<[AtomicU32]>;

pub(crate) fn zeroed_u32(len: usize) -> Zeroed {
    if let Some(call) = ON_ALLOCATION.with(Cell::take) {
        call();
    }
    (0..len).map(|_| AtomicU32::new(0)).collect()
}

pub(crate) fn zeroed_u64(len: usize) -> Box<[AtomicU64]> {
    (0..len).map(|_| AtomicU64::new(0)).collect()
}

/// The next time that this task allocates the counters of a histogram, `call` is called.
pub fn on_allocation(call: impl FnOnce() + 'static) {
    ON_ALLOCATION.with(|hook| hook.set(Some(Box::new(call))));
}
