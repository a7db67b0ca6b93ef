//! Which slot the current thread owns, the proof of it, and first writes that are re-entered.
//!
//! [`ThreadSlot`] is one thread's own state; no other thread sees it, so it needs no atomics. [`Owner`] is the proof that the
//! current thread owns a slot: safe code gets one only for its own `ThreadSlot`, cannot send it to another thread, and cannot
//! keep it longer than it borrows the `ThreadSlot` or the [`CurrentThread`]. Every method that only the owner of a slot may call takes one.
//!
//! **Claim and release.** A slot is claimed at a thread's first write to any metric. When the thread ends it is released. A
//! write that comes after that, from the destructor of another thread-local, claims a slot for that one write.
//!
//! **The word at hand.** A thread remembers the word ([`changes`](super::changes)) of its slot in the registry that it wrote to last, so
//! that a write need not look for it: what has no near cache would be waited for one after the other. The registry is known by its
//! number, which no other ever has. A thread that gives its slot back forgets the word, which belongs to the slot.
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | the word is forgotten with the slot | program order | two threads write to one word | `slots::a_word_is_forgotten_with_its_slot` |
//!
//! **First writes.** The first write of a thread to a metric allocates. A global allocator that records into a metric
//! re-enters the first write of that same metric on the same thread. [`first_write`] notices this, defers the inner value to
//! the outer call's stack, and writes it when the outer write is done. So first writes nest at most once for each metric that
//! the allocator records into. What is deferred takes bounded space: amounts are added up; of values, as a histogram records
//! them, 32 different ones are kept, and [`first_write_of_value`] counts the others as lost.
//!
//! Until the outer write is done the inner ones are missing: another thread may see what the hook wrote to B and not yet what it
//! wrote to A before.
//!
//! **Progress.** A first write blocks where what it uses does: the allocator, the mapping of memory, the initialisation of the
//! process' table of slots (a `Once`), the registration of a thread-local's destructor. A signal handler must not interrupt one
//! and write.
//!
//! What threads share here is in [`claims`](super::claims), which has the orderings.

use super::change_word::ChangeWord;
use super::claims::SlotClaims;
use super::growing_table::SlotId;
use std::cell::Cell;
use std::marker::PhantomData;

/// One thread's slot, and the first writes that it is in.
#[derive(Debug)]
pub(crate) struct ThreadSlot {
    /// [`SlotId::NONE`] before the first write and after the release.
    slot: Cell<SlotId>,
    /// The slot's word in the registry with this number; [`NO_REGISTRY`]: none.
    word: Cell<(u64, *const ChangeWord)>,
    first_writes: Cell<*const FirstWrite>,
}

/// The number of no registry.
pub(crate) const NO_REGISTRY: u64 = 0;

const NO_WORD: (u64, *const ChangeWord) = (NO_REGISTRY, std::ptr::null());

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

    /// The time by the crate's own coarse clock: milliseconds from some instant on, at least 1.
    fn ticks(self) -> u64;

    /// The proof of what this thread owns now.
    #[inline(always)]
    fn owner(&self) -> Owner<'_> {
        Owner {
            slot: self.with(|own| own.slot.get()),
            thread: PhantomData,
        }
    }

    /// The number of the registry that the thread wrote to last, and its slot's word there, which is alive as long as that is.
    #[inline(always)]
    fn word(&self) -> (u64, *const ChangeWord) {
        self.with(|own| own.word.get())
    }

    /// Remembers the word of this thread's slot in the registry with this number, if it has one.
    fn remember_word(&self, registry: u64, word: &ChangeWord) {
        if registry != NO_REGISTRY {
            self.with(|own| own.word.set((registry, word)));
        }
    }
}

impl ThreadSlot {
    pub(crate) const fn new() -> Self {
        Self {
            slot: Cell::new(SlotId::NONE),
            word: Cell::new(NO_WORD),
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
        self.word.set(NO_WORD);
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
            word: Cell::new(NO_WORD),
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

/// Different values that a first write of values can defer.
const DEFERRED: usize = 32;

/// What a first write that is under way defers: bounded, whatever comes.
trait Deferred {
    fn defer(&self, value: u64);
}

/// Amounts, for which their sum stands. `None`: nothing was deferred.
struct DeferredSum(Cell<Option<u64>>);

impl Deferred for DeferredSum {
    fn defer(&self, amount: u64) {
        let sum = self.0.get().unwrap_or(0);
        self.0.set(Some(sum.wrapping_add(amount)));
    }
}

/// Values, each with the number of times that it came.
struct DeferredValues {
    values: [Cell<(u64, u64)>; DEFERRED],
    len: Cell<usize>,
    /// Values for which there was no room.
    lost: Cell<u64>,
}

impl DeferredValues {
    fn new() -> Self {
        Self {
            values: [const { Cell::new((0, 0)) }; DEFERRED],
            len: Cell::new(0),
            lost: Cell::new(0),
        }
    }

    fn held(&self) -> &[Cell<(u64, u64)>] {
        &self.values[..self.len.get()]
    }
}

impl Deferred for DeferredValues {
    fn defer(&self, value: u64) {
        let len = self.len.get();
        if let Some(held) = self.held().iter().find(|held| held.get().0 == value) {
            held.set((value, held.get().1 + 1));
        } else if let Some(free) = self.values.get(len) {
            free.set((value, 1));
            self.len.set(len + 1);
        } else {
            self.lost.set(self.lost.get() + 1);
        }
    }
}

/// A first write that is under way, on the stack of the thread that is in it.
#[derive(Debug)]
struct FirstWrite {
    /// Tells one metric, and one kind of write to it, from all others while it lives: an address and a number.
    key: (*const (), usize),
    deferred: *const dyn Deferred,
    outer: *const FirstWrite,
}

impl FirstWrite {
    /// Defers `value` to the first write of `key` on this thread. `false`: there is none.
    fn defer(own: &ThreadSlot, key: (*const (), usize), value: u64) -> bool {
        let mut current = own.first_writes.get();
        // SAFETY: the list names first writes on this very thread's stack; each leaves the list before it ends.
        while let Some(write) = unsafe { current.as_ref() } {
            if write.key == key {
                // SAFETY: as above; what it defers to outlives it.
                unsafe { &*write.deferred }.defer(value);
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

/// Calls `write` with a slot, unless a first write of `key` is under way on this thread: then defers `value` to it and returns
/// `false`. Values that are written during the call are deferred to `deferred`.
fn write_or_defer<T: CurrentThread>(
    thread: T,
    key: (*const (), usize),
    value: u64,
    deferred: &(impl Deferred + 'static),
    write: impl FnOnce(Owner<'_>),
) -> bool {
    if thread.with(|own| FirstWrite::defer(own, key, value)) {
        return false;
    }
    let current = FirstWrite {
        key,
        deferred: std::ptr::from_ref(deferred),
        outer: thread.with(|own| own.first_writes.get()),
    };
    thread.with(|own| own.first_writes.set(&raw const current));
    let _pop = PopOnDrop(thread, &current);
    with_owner(thread, write);
    true
}

/// Adds `amount` to a metric that may have nothing for this thread yet. `write` creates what is missing.
#[cold]
pub(crate) fn first_write<T: CurrentThread>(
    thread: T,
    key: (*const (), usize),
    amount: u64,
    write: impl Fn(Owner<'_>, u64),
) {
    let later = DeferredSum(Cell::new(None));
    if !write_or_defer(thread, key, amount, &later, |owner| write(owner, amount)) {
        return;
    }
    if let Some(sum) = later.0.get() {
        with_owner(thread, |owner| write(owner, sum));
    }
}

/// [`first_write`], for values that do not add up. `lose` counts those for which there was no room.
#[cold]
pub(crate) fn first_write_of_value<T: CurrentThread>(
    thread: T,
    key: (*const (), usize),
    value: u64,
    write: impl Fn(Owner<'_>, u64),
    lose: impl Fn(Owner<'_>, u64),
) {
    let later = DeferredValues::new();
    if !write_or_defer(thread, key, value, &later, |owner| write(owner, value)) {
        return;
    }
    if later.len.get() == 0 {
        return;
    }
    with_owner(thread, |owner| {
        for held in later.held() {
            let (value, times) = held.get();
            (0..times).for_each(|_| write(owner, value));
        }
        if later.lost.get() > 0 {
            lose(owner, later.lost.get());
        }
    });
}
