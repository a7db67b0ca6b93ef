//! Which slot the calling thread owns: the thread-local glue around [`core::slots`](crate::core::slots).
//!
//! A slot is claimed at a thread's first write to anything and given back by a thread-local's destructor. A write from a
//! destructor that runs later still claims a slot for that one write. The hot path reads a constant-initialised
//! thread-local that has no destructor of its own, so it needs neither a registration nor a check that it is alive.
//!
//! **First touches re-entered.** A global allocator that records into a metric re-enters the first touch of that metric
//! on the same thread, since a first touch allocates. [`first_touch`] notices, sets the inner values aside on the outer
//! call's stack, and records them when the outer touch is through.

use crate::core::segments::Position;
use crate::core::slots::Slots;
use std::cell::Cell;
use std::sync::LazyLock;

static SLOTS: LazyLock<Slots> = LazyLock::new(Slots::default);

thread_local! {
    static SLOT: Cell<Position> = const { Cell::new(Position::NONE) };
    static OWNER: Owner = const { Owner };
    static TOUCHING: Cell<*const Touch> = const { Cell::new(std::ptr::null()) };
}

/// Gives the thread's slot back when the thread ends.
struct Owner;

impl Drop for Owner {
    fn drop(&mut self) {
        let slot = SLOT.replace(Position::NONE);
        if slot != Position::NONE {
            SLOTS.give_back(slot);
        }
    }
}

/// The calling thread's slot; [`Position::NONE`], where nothing is ever found, before its first write.
#[inline]
pub(crate) fn slot() -> Position {
    SLOT.get()
}

/// Calls `write` with a slot that the calling thread owns.
fn with_slot(write: impl FnOnce(Position)) {
    if SLOT.get() != Position::NONE {
        return write(SLOT.get());
    }
    let lasting = OWNER.try_with(|_| ()).is_ok();
    let claimed = SLOTS.claim();
    if SLOT.get() != Position::NONE {
        // Claiming allocated, and the allocator wrote to a metric, on this thread: it has claimed a slot already.
        SLOTS.give_back(claimed);
        return write(SLOT.get());
    }
    SLOT.set(claimed);
    write(claimed);
    if !lasting {
        // The thread is ending and nobody will give the slot back later.
        SLOT.set(Position::NONE);
        SLOTS.give_back(claimed);
    }
}

/// Values that one first touch can be re-entered with; a nested touch of the same metric takes the next as many.
const ASIDE: usize = 32;

/// What tells one metric, and one kind of write to it, from all others while its registry lives: an address and a number.
pub(crate) type Metric = (*const (), usize);

/// A first touch that is under way, on the stack of the thread that is in it.
struct Touch {
    metric: Metric,
    values: [Cell<u64>; ASIDE],
    len: Cell<usize>,
    outer: *const Touch,
}

impl Touch {
    /// Sets `value` aside in the innermost touch of `metric` on this thread, if there is one with room.
    fn set_aside(metric: Metric, value: u64) -> bool {
        let mut touch = TOUCHING.get();
        // SAFETY: `TOUCHING` names touches on this very thread's stack; each is taken off the list before it ends.
        while let Some(current) = unsafe { touch.as_ref() } {
            if current.metric == metric {
                let len = current.len.get();
                if let Some(place) = current.values.get(len) {
                    place.set(value);
                    current.len.set(len + 1);
                    return true;
                }
                return false;
            }
            touch = current.outer;
        }
        false
    }
}

/// Takes the innermost touch off the thread's list, also when its write unwinds.
struct Leave<'a>(&'a Touch);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        TOUCHING.set(self.0.outer);
    }
}

/// Writes `value` to a metric that may have nothing for this thread yet. `write` makes what is missing.
///
#[cold]
pub(crate) fn first_touch(metric: Metric, value: u64, write: impl Fn(Position, u64)) {
    if Touch::set_aside(metric, value) {
        return;
    }
    let touch = Touch { metric, values: [const { Cell::new(0) }; ASIDE], len: Cell::new(0), outer: TOUCHING.get() };
    TOUCHING.set(&raw const touch);
    let leave = Leave(&touch);
    with_slot(|slot| write(slot, value));
    drop(leave);
    for value in &touch.values[..touch.len.get()] {
        with_slot(|slot| write(slot, value.get()));
    }
}
