//! How many series a family may have, and a registry.
//!
//! **Protocol.** A place is taken before a series is made, in the family and in the registry, and given back when it is removed. A
//! family whose places are taken knows it from two loads, so a look-up that comes to nothing takes no lock.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | places taken, given back, read; look-ups counted | Relaxed | nothing: numbers, which publish nothing | | |
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | a place is taken by an exchange of the number that was checked | program order | more series than the registry's cap | `family::the_registrys_cap_holds` |
//!
//! **Progress.** Reading is wait-free; taking a place is repeated if another family of the registry took one.

use super::OVERFLOW;
use crate::sync::{AtomicU64, AtomicUsize, Relaxed};
use std::sync::Arc;

/// A number of places.
#[derive(Debug)]
pub(crate) struct Places {
    taken: AtomicUsize,
    max: usize,
}

impl Places {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            taken: AtomicUsize::new(0),
            max,
        }
    }

    fn are_taken(&self) -> bool {
        // Relaxed: a number; whoever takes a place checks it again.
        self.taken.load(Relaxed) >= self.max
    }

    fn try_take(&self) -> bool {
        // Relaxed, all three: the number publishes nothing.
        let mut taken = self.taken.load(Relaxed);
        while taken < self.max {
            let next = taken + 1;
            match self
                .taken
                .compare_exchange_weak(taken, next, Relaxed, Relaxed)
            {
                Ok(_) => return true,
                Err(now) => taken = now,
            }
        }
        false
    }

    fn give_back(&self) {
        // Relaxed: as in `try_take`.
        self.taken.fetch_sub(1, Relaxed);
    }
}

/// What limits the series of one family.
#[derive(Debug)]
pub(crate) struct Cap {
    family: Places,
    registry: Arc<Places>,
    /// How many values the overflow series has, which look-ups of further series yield. `None`: they are refused.
    overflow: Option<usize>,
    overflowed: AtomicU64,
}

impl Cap {
    pub(crate) fn new(max: usize, registry: Arc<Places>, overflow: Option<usize>) -> Self {
        Self {
            family: Places::new(max),
            registry,
            overflow,
            overflowed: AtomicU64::new(0),
        }
    }

    /// The most series that the family may have, the overflow series aside.
    pub(crate) fn max(&self) -> usize {
        self.family.max
    }

    /// How many values the overflow series has, if there can be one.
    pub(super) fn overflow(&self) -> Option<usize> {
        self.overflow
    }

    /// Whether these are the label values of the overflow series, which needs no place.
    pub(super) fn is_overflow(&self, values: &[&str]) -> bool {
        self.overflow == Some(values.len()) && values.iter().all(|value| *value == OVERFLOW)
    }

    pub(super) fn is_reached(&self) -> bool {
        self.family.are_taken() || self.registry.are_taken()
    }

    pub(super) fn try_take(&self) -> bool {
        if !self.family.try_take() {
            return false;
        }
        let taken = self.registry.try_take();
        if !taken {
            self.family.give_back();
        }
        taken
    }

    pub(super) fn give_back(&self) {
        self.family.give_back();
        self.registry.give_back();
    }

    /// Counts a look-up that the cap turned away.
    pub(super) fn count_overflow(&self) {
        // Relaxed: a statistic.
        self.overflowed.fetch_add(1, Relaxed);
    }

    /// Look-ups that the cap turned away.
    pub(crate) fn overflowed(&self) -> u64 {
        // Relaxed: a statistic.
        self.overflowed.load(Relaxed)
    }
}

impl Drop for Cap {
    /// The registry's places of the series that are left.
    fn drop(&mut self) {
        // Relaxed: `&mut self` orders this thread after all others.
        for _ in 0..self.family.taken.load(Relaxed) {
            self.registry.give_back();
        }
    }
}
