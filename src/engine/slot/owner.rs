//! Which slot the current thread owns, the proof of it, and first writes that are re-entered.
//!
//! [`ThreadSlot`] is one thread's own state; no other thread sees it, so it needs no atomics. [`Owner`] is the proof that the
//! current thread owns a slot: safe code gets one only for its own `ThreadSlot`, cannot send it to another thread, and cannot
//! keep it longer than it borrows the `ThreadSlot` or the [`CurrentThread`]. Every method that only the owner of a slot may call takes one.
//!
//! **Claim and release.** A slot is claimed at a thread's first write to any metric. When the thread ends it is released. A
//! write that comes after that, from the destructor of another thread-local, claims a slot for that one write.
//!
//! **First writes.** The first write of a thread to a metric allocates. A global allocator that records into a metric
//! re-enters the first write of that same metric on the same thread. [`first_write`] notices this, defers the inner value to
//! the outer call's stack, and writes it when the outer write is done.
//!
//! What threads share here is in [`claims`](super::claims), which has the orderings.

use super::claims::SlotClaims;
use super::growing_table::SlotId;
use std::cell::Cell;
use std::marker::PhantomData;

/// One thread's slot, and the first writes that it is in.
#[derive(Debug)]
pub(crate) struct ThreadSlot {
    /// [`SlotId::NONE`] before the first write and after the release.
    slot: Cell<SlotId>,
    first_writes: Cell<*const FirstWrite>,
}

/// Proof that the current thread owns a slot. It may be [`SlotId::NONE`], where no look-up finds anything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner<'t> {
    slot: SlotId,
    /// Borrows the thread's own state. `&ThreadSlot` is not Send, so neither is this.
    thread: PhantomData<&'t ThreadSlot>,
}

impl Owner<'_> {
    #[inline(always)]
    pub(crate) fn slot(self) -> SlotId {
        self.slot
    }
}

/// The current thread, as the engine needs to know it. `thread.rs` implements it with thread-locals, models by hand.
///
/// # Safety
/// `claims` is the same for all threads that write to the same metrics, and `with` always gives the same state on one thread.
pub(crate) unsafe trait CurrentThread: Copy {
    /// Calls `f` with the thread's own state.
    fn with<R>(self, f: impl FnOnce(&ThreadSlot) -> R) -> R;
    /// The slots of the process.
    fn claims(&self) -> &SlotClaims;
    /// Arranges that [`ThreadSlot::release`] is called when the thread ends. `false`: it is ending already.
    fn release_at_exit(self) -> bool;

    /// The proof of what this thread owns now.
    #[inline(always)]
    fn owner(&self) -> Owner<'_> {
        Owner {
            slot: self.with(|own| own.slot.get()),
            thread: PhantomData,
        }
    }
}

impl ThreadSlot {
    pub(crate) const fn new() -> Self {
        Self {
            slot: Cell::new(SlotId::NONE),
            first_writes: Cell::new(std::ptr::null()),
        }
    }

    /// The proof of what this thread owns now.
    #[inline(always)]
    pub(crate) fn owner(&self) -> Owner<'_> {
        Owner {
            slot: self.slot.get(),
            thread: PhantomData,
        }
    }

    /// Gives the slot back, if there is one.
    pub(crate) fn release(&self, claims: &SlotClaims) {
        let slot = self.slot.replace(SlotId::NONE);
        if slot != SlotId::NONE {
            claims.release(slot);
        }
    }

    fn owns_a_slot(&self) -> bool {
        self.slot.get() != SlotId::NONE
    }

    /// Makes the current thread the owner of `slot` without a claim, for models that give each thread a certain slot.
    ///
    /// # Safety
    /// While this state exists no other thread owns `slot`, or the two are ordered by other means.
    #[allow(dead_code, reason = "only models call it")]
    pub(crate) unsafe fn assume(slot: SlotId) -> Self {
        Self {
            slot: Cell::new(slot),
            first_writes: Cell::new(std::ptr::null()),
        }
    }
}

/// Calls `write` with a slot that the current thread owns, claiming one if it has none.
fn with_owner(thread: impl CurrentThread, write: impl FnOnce(Owner<'_>)) {
    if thread.with(ThreadSlot::owns_a_slot) {
        return write(thread.owner());
    }
    let lasting = thread.release_at_exit();
    let claimed = thread.claims().claim();
    thread.with(|own| {
        if own.owns_a_slot() {
            // The claim allocated, and the allocator wrote to a metric on this thread, which claimed a slot for it.
            thread.claims().release(claimed);
            return write(own.owner());
        }
        own.slot.set(claimed);
        write(own.owner());
        if !lasting {
            // The thread is ending, and no destructor will release the slot.
            own.release(thread.claims());
        }
    });
}

/// Values that one first write can defer. A nested first write of the same metric can defer as many again.
const DEFERRED: usize = 32;

/// A first write that is under way, on the stack of the thread that is in it.
#[derive(Debug)]
struct FirstWrite {
    /// Tells one metric, and one kind of write to it, from all others while it lives: an address and a number.
    key: (*const (), usize),
    deferred: [Cell<u64>; DEFERRED],
    len: Cell<usize>,
    outer: *const FirstWrite,
}

impl FirstWrite {
    /// Defers `value` to the innermost first write of `key` on this thread. `false`: there is none, or it is full.
    fn defer(own: &ThreadSlot, key: (*const (), usize), value: u64) -> bool {
        let mut current = own.first_writes.get();
        // SAFETY: the list names first writes on this very thread's stack; each leaves the list before it ends.
        while let Some(write) = unsafe { current.as_ref() } {
            if write.key == key {
                let len = write.len.get();
                let Some(place) = write.deferred.get(len) else {
                    return false;
                };
                place.set(value);
                write.len.set(len + 1);
                return true;
            }
            current = write.outer;
        }
        false
    }
}

/// Takes the innermost first write off its thread's list, even if it unwinds.
struct PopOnDrop<'a, T: CurrentThread>(T, &'a FirstWrite);

impl<T: CurrentThread> Drop for PopOnDrop<'_, T> {
    fn drop(&mut self) {
        self.0.with(|own| own.first_writes.set(self.1.outer));
    }
}

/// Writes `value` to a metric that may have nothing for this thread yet. `write` creates what is missing.
#[cold]
pub(crate) fn first_write<T: CurrentThread>(
    thread: T,
    key: (*const (), usize),
    value: u64,
    write: impl Fn(Owner<'_>, u64),
) {
    if thread.with(|own| FirstWrite::defer(own, key, value)) {
        return;
    }
    let outer = thread.with(|own| own.first_writes.get());
    let current = FirstWrite {
        key,
        deferred: [const { Cell::new(0) }; DEFERRED],
        len: Cell::new(0),
        outer,
    };
    thread.with(|own| own.first_writes.set(&raw const current));
    let pop = PopOnDrop(thread, &current);
    with_owner(thread, |owner| write(owner, value));
    drop(pop);
    for deferred in &current.deferred[..current.len.get()] {
        with_owner(thread, |owner| write(owner, deferred.get()));
    }
}
