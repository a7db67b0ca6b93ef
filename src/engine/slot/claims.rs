//! Which slots are taken.
//!
//! **Layout.** One flag for each slot, in a table that grows without moving. There is no separate free list: a claim takes the
//! lowest free flag. That keeps slots dense, so that readers walk fewer slots, and makes a hand-over one edge on one atomic.
//! A claim costs one load for each live thread, once in a thread's life.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | claim: take the flag | Acquire | release | the new owner continues from old cells: counts are lost | `slots::hand_over` |
//! | release: clear the flag | Release | claim | the same | `slots::hand_over` |
//!
//! **Progress.** Lock-free: a claim fails on a flag only because another thread took it. The first use of a segment allocates,
//! and allocators lock.

use super::growing_table::{GrowingTable, SlotId};
use crate::sync::{Acquire, AtomicBool, Relaxed, Release};

/// The slots of a process. `true`: taken.
#[derive(Debug, Default)]
pub(crate) struct SlotClaims {
    taken: GrowingTable<AtomicBool>,
}

impl SlotClaims {
    /// Takes the lowest free slot for the calling thread.
    pub(crate) fn claim(&self) -> SlotId {
        let mut index = 0;
        loop {
            let slot = SlotId::new(index);
            if self.try_claim(slot) {
                return slot;
            }
            index += 1;
        }
    }

    fn try_claim(&self, slot: SlotId) -> bool {
        let taken = self.taken.get_or_alloc(slot);
        // Relaxed: a look before the attempt, which decides.
        if taken.load(Relaxed) {
            return false;
        }
        // Acquire: pairs with `release`; the last owner's stores to the slot's cells happened before.
        // Relaxed on failure: the slot is another thread's, and nothing of it is read.
        taken
            .compare_exchange(false, true, Acquire, Relaxed)
            .is_ok()
    }

    /// Gives a slot back. The caller owned it and writes through it no more.
    pub(crate) fn release(&self, slot: SlotId) {
        if let Some(taken) = self.taken.get(slot) {
            // Release: publishes this owner's stores to the thread that claims the slot next. A swap rather than a store:
            // loom (0.7) reports a store that races the failed compare-exchange of a claim. It runs once in a thread's life.
            taken.swap(false, Release);
        }
    }
}
