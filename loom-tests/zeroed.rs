//! Memory that may be refused: here it never is. Cells one by one, since a loom atomic is no plain number. A thread can have an
//! allocation of cells do what an allocator that records does.

use crate::sync::{AtomicU32, AtomicU64};
use std::cell::Cell;

loom::thread_local! {
    static ON_ALLOCATION: Cell<Option<Box<dyn FnOnce()>>> = Cell::new(None);
}

pub(crate) fn zeroed_u32(len: usize) -> Option<Box<[AtomicU32]>> {
    if let Some(call) = ON_ALLOCATION.with(Cell::take) {
        call();
    }
    Some((0..len).map(|_| AtomicU32::new(0)).collect())
}

pub(crate) fn zeroed_u64(len: usize) -> Option<Box<[AtomicU64]>> {
    Some((0..len).map(|_| AtomicU64::new(0)).collect())
}

pub(crate) fn try_box<T>(value: T) -> Option<Box<T>> {
    Some(Box::new(value))
}

/// The next time that this thread allocates the counters of an octave, `call` is called.
pub(crate) fn on_allocation(call: impl FnOnce() + 'static) {
    ON_ALLOCATION.with(|hook| hook.set(Some(Box::new(call))));
}
