//! When a thread gets cells of its own: the rule, and the budget that its cells come out of.
//!
//! **Rule.** A thread counts its writes to the shared cells of a page or a histogram ([`SlotRate`]). Every [`LOOK_EVERY`]th time it
//! looks at the crate's own coarse clock. If the look before was at most [`PACE`] ago, the run goes on; otherwise a new run
//! begins. A run of [`SUSTAIN`] promotes the thread: it has written [`LOOK_EVERY`] times in each [`PACE`] for that long. Writes within
//! one tick of the clock make a run no longer, so a burst that is shorter than [`SUSTAIN`] promotes no thread, however large it is and
//! however often it comes.
//!
//! **Budget.** The bytes of all owned cells of a registry. A thread for which there is no room stays with the shared cells and
//! starts a new run, so it asks again after another [`SUSTAIN`]. [`Room`] gives the bytes back when the cells are dropped.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | rate: load, store | Relaxed | nothing: only the slot's owner uses it, and owners are ordered by [`claims`](super::claims) | | |
//! | budget: all | Relaxed | nothing: bytes and statistics, which publish nothing | | |
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | room is taken by an exchange of the value that was checked | program order | more than the limit is taken | `adaptive::the_limit_holds` |
//!
//! **Progress.** Counting is wait-free. Taking room is lock-free: it is repeated if another thread took or gave back room.

use super::changes::Changes;
use super::owner::NO_REGISTRY;
use crate::ownership::Ownership;
use crate::sync::{AtomicU64, Relaxed};
use crate::tuning::{LOOK_EVERY, PACE, SUSTAIN};
use std::sync::Arc;

/// Bits of a [`WriteRate`] that count writes since the last look, and the length of the run.
const COUNT_BITS: u32 = 8;
const RUN_BITS: u32 = 12;

const _: () = assert!(LOOK_EVERY.is_power_of_two() && LOOK_EVERY <= 1 << COUNT_BITS);
const _: () = assert!(SUSTAIN < 1 << RUN_BITS);

/// How often one thread writes to the shared cells of one page or histogram. One word: from the lowest bit the writes since the
/// last look, the length of the run, and the time of the last look (0: there was none). Times are in ticks of 1 ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WriteRate(u64);

impl WriteRate {
    /// The rate after one more write, and whether the thread should be promoted. `ticks` is called at every [`LOOK_EVERY`]th write,
    /// and returns at least 1.
    #[inline]
    pub(crate) fn after_a_write(self, ticks: impl FnOnce() -> u64) -> (Self, bool) {
        let counted = self.0 + 1;
        if !counted.is_multiple_of(LOOK_EVERY) {
            (Self(counted), false)
        } else {
            self.look(ticks())
        }
    }

    #[cold]
    fn look(self, now: u64) -> (Self, bool) {
        let last = self.0 >> (COUNT_BITS + RUN_BITS);
        let run = self.0 >> COUNT_BITS & ((1 << RUN_BITS) - 1);
        let run = match now.checked_sub(last) {
            Some(gap) if last != 0 && gap <= PACE => (run + gap.min(SUSTAIN)).min(SUSTAIN),
            _ => 0,
        };
        let promoted = run == SUSTAIN;
        // Whether there is room or not: one that is refused asks again after another run.
        let run = if promoted { 0 } else { run };
        let next = now << (COUNT_BITS + RUN_BITS) | run << COUNT_BITS;
        (Self(next), promoted)
    }
}

/// The [`WriteRate`] of one slot, where its owner keeps it.
#[derive(Debug, Default)]
pub(crate) struct SlotRate(AtomicU64);

impl SlotRate {
    /// Whether the next write looks at the clock.
    #[inline]
    pub(crate) fn is_due(&self) -> bool {
        // Relaxed: as in `count`.
        (self.0.load(Relaxed) + 1).is_multiple_of(LOOK_EVERY)
    }

    /// [`Self::count`], of a write that is not due to look at the clock.
    #[inline]
    pub(crate) fn count_undue(&self) {
        // Relaxed, both: as in `count`.
        self.0.store(self.0.load(Relaxed) + 1, Relaxed);
    }

    /// Counts a write of the slot's owner. Returns whether it should be promoted.
    #[inline]
    pub(crate) fn count(&self, ticks: impl FnOnce() -> u64) -> bool {
        // Relaxed: this thread's own last store, or that of an owner before it, which the claim ordered.
        let (rate, promoted) = WriteRate(self.0.load(Relaxed)).after_a_write(ticks);
        // Relaxed: only owners load it.
        self.0.store(rate.0, Relaxed);
        promoted
    }
}

/// Bytes that owned cells may take, and how many they do.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    used: AtomicU64,
    owners: AtomicU64,
    refused: AtomicU64,
}

/// What a [`Budget`] has given out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BudgetUse {
    /// Bytes of all owned cells.
    pub(crate) bytes: u64,
    /// Owners: each thread counts once for each page or histogram where it owns cells.
    pub(crate) owners: u64,
    /// How often there was no room.
    pub(crate) refused: u64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            limit,
            used: AtomicU64::new(0),
            owners: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// Takes `bytes`, if there is room for them; otherwise counts that there was none.
    pub(crate) fn try_take(&self, bytes: u64) -> bool {
        // Relaxed: a guess, which the exchange checks.
        let mut used = self.used.load(Relaxed);
        loop {
            let Some(more) = used
                .checked_add(bytes)
                .filter(|needed| *needed <= self.limit)
            else {
                // Relaxed: statistics.
                self.refused.fetch_add(1, Relaxed);
                return false;
            };
            // Relaxed, both: only the number counts, and it publishes nothing.
            match self
                .used
                .compare_exchange_weak(used, more, Relaxed, Relaxed)
            {
                Ok(_) => return true,
                Err(now) => used = now,
            }
        }
    }

    /// Takes `bytes`, whether there is room or not.
    pub(crate) fn take(&self, bytes: u64) {
        // Relaxed: as in `try_take`.
        self.used.fetch_add(bytes, Relaxed);
    }

    /// Gives back what was taken.
    pub(crate) fn give_back(&self, bytes: u64) {
        // Relaxed: as in `try_take`.
        self.used.fetch_sub(bytes, Relaxed);
    }

    pub(crate) fn usage(&self) -> BudgetUse {
        // Relaxed, all: statistics.
        BudgetUse {
            bytes: self.used.load(Relaxed),
            owners: self.owners.load(Relaxed),
            refused: self.refused.load(Relaxed),
        }
    }
}

/// Whether threads own cells, the budget, and the words that count writes: what all metrics of a registry share.
#[derive(Debug)]
pub(crate) struct Promotion {
    /// The registry's number, which no other ever has; or [`NO_REGISTRY`], if its words are not to be remembered.
    pub(crate) registry: u64,
    pub(crate) ownership: Ownership,
    pub(crate) budget: Budget,
    pub(crate) changes: Changes,
}

impl Promotion {
    /// Bytes of owned cells, if the user does not say.
    pub(crate) const DEFAULT_LIMIT: u64 = 64 << 20;

    pub(crate) fn new(ownership: Ownership, limit: u64) -> Self {
        Self {
            registry: NO_REGISTRY,
            ownership,
            budget: Budget::new(limit),
            changes: Changes::default(),
        }
    }

    /// # Safety
    /// No other registry of the process has this number, at any time.
    pub(crate) unsafe fn numbered(self, registry: u64) -> Self {
        Self { registry, ..self }
    }

    /// Room for `bytes`, if there is any.
    pub(crate) fn try_room(self: &Arc<Self>, bytes: u64) -> Option<Room> {
        self.budget.try_take(bytes).then(|| self.taken(bytes))
    }

    /// Room for `bytes`, whether there is any or not: for threads that own cells from their first write on.
    pub(crate) fn room(self: &Arc<Self>, bytes: u64) -> Room {
        self.budget.take(bytes);
        self.taken(bytes)
    }

    fn taken(self: &Arc<Self>, bytes: u64) -> Room {
        // Relaxed: statistics.
        self.budget.owners.fetch_add(1, Relaxed);
        Room {
            promotion: Arc::clone(self),
            bytes,
        }
    }
}

impl Default for Promotion {
    fn default() -> Self {
        Self::new(Ownership::default(), Self::DEFAULT_LIMIT)
    }
}

/// Bytes that were taken from a budget for one thread's cells. They are given back when this is dropped, so keep it with the cells.
#[derive(Debug)]
pub(crate) struct Room {
    promotion: Arc<Promotion>,
    bytes: u64,
}

impl Room {
    /// Whose budget it is of. Alive as long as this.
    pub(crate) fn promotion(&self) -> &Promotion {
        &self.promotion
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let budget = &self.promotion.budget;
        budget.give_back(self.bytes);
        // Relaxed: statistics.
        budget.owners.fetch_sub(1, Relaxed);
    }
}
