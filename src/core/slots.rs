//! Who owns which thread slot.
//!
//! A slot is a small dense index. While a thread owns it, that thread is the one writer of every cell that any
//! metric keeps for the slot: a write is a load and a store, never a read-modify-write. When the thread ends, the
//! slot goes back and the next thread continues the same cells; nothing is merged, nothing is lost.
//!
//! **Layout.** One flag a slot, in a table that grows without moving. There is no separate free list: claiming takes
//! the lowest free flag, which keeps slots dense (readers walk fewer of them) and makes hand-over one edge on one
//! atomic that loom can see. A claim costs one load for each live thread, once in a thread's life.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | claim: take the flag | Acquire | return | the new owner continues from old cells: counts lost | `slots::hand_over` |
//! | return: clear the flag | Release | claim | the same | `slots::hand_over` |
//!
//! **Progress.** Lock-free: a claim fails on a flag only because another thread took it.

use super::segments::{Position, Segments};
use super::sync::{Acquire, AtomicBool, Relaxed, Release};

/// The slots of a process: `true` means taken.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    taken: Segments<AtomicBool>,
}

impl Slots {
    /// Takes the lowest free slot for the calling thread.
    pub(crate) fn claim(&self) -> Position {
        for index in 0.. {
            let slot = Position::of(index);
            let taken = self.taken.get_or_alloc(slot);
            // Relaxed: a look before the attempt, which decides.
            if taken.load(Relaxed) {
                continue;
            }
            // Acquire: pairs with `give_back`; the last owner's stores to the slot's cells happened before.
            // Relaxed on failure: somebody else's slot, nothing of it is read.
            if taken.compare_exchange(false, true, Acquire, Relaxed).is_ok() {
                return slot;
            }
        }
        unreachable!("Position::of ends the loop first")
    }

    /// Gives a slot back. The caller owned it and writes through it no more.
    pub(crate) fn give_back(&self, slot: Position) {
        if let Some(taken) = self.taken.get(slot) {
            // Release: publishes this owner's stores to whoever claims next. A swap rather than a store because loom
            // (0.7) reports a store that races the failed compare-exchange of a claim; it runs once in a thread's life.
            taken.swap(false, Release);
        }
    }
}
