//! Memory that may be refused: here a box is to a thread that asked for that. Cells are made one by one, since an atomic of loom or shuttle is no plain number. The
//! crate asks for the counters of an octave during a record, so a thread can have that do what an allocator that records does.
//!
//! `tests/shuttle` compiles this file as well.

use crate::sync::{AtomicU32, AtomicU64, thread_local};
use std::cell::Cell;

thread_local! {
    static ON_ALLOCATION: Cell<Option<Box<dyn FnOnce()>>> = Cell::new(None);
    static REFUSES: Cell<bool> = Cell::new(false);
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
    (!REFUSES.with(Cell::get)).then(|| Box::new(value))
}

/// From now on this thread is refused every box: a reader of a shared block has no other bank then to send writers to.
#[allow(dead_code, reason = "only models call it")]
pub(crate) fn refuse_boxes() {
    REFUSES.with(|refuses| refuses.set(true));
}

/// The next time that this thread allocates the counters of an octave, `call` is called.
pub(crate) fn on_allocation(call: impl FnOnce() + 'static) {
    ON_ALLOCATION.with(|hook| hook.set(Some(Box::new(call))));
}
