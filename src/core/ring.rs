//! What one thread finished in each of the last 64 seconds.
//!
//! **Layout.** 64 cells, one a second (second modulo 64), each packing the second (28 bits: 8.5 years before two seconds
//! could be confused) and the amount finished in it (36 bits: 68.7 billion a second and thread; it saturates rather than
//! spill into the second). `total`: everything, ever; `calls`: how often, which is the epoch.
//!
//! **Writer.** Adds to its second's cell, or starts it afresh when it holds another second, then `total` and `calls`.
//! **Reader.** For a window, adds the cells that hold a second of the window. One word holds both, so a cell is never
//! torn. Seconds that the clock jumped away from simply match no window.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | writer: cell | Relaxed | published by `calls` | | `ring::counted_is_visible` |
//! | writer: total | Release | reader: total | what came before an amount unseen by who sees it: B ahead of A | `recorder::a_before_b` |
//! | writer: calls | Release | reader: calls | an amount counted but not shown | `ring::counted_is_visible` |
//! | reader: calls | Acquire | writer: calls | the same | `ring::counted_is_visible` |
//! | reader: total | Acquire | writer: total | B ahead of A | `recorder::a_before_b` |
//!
//! **Progress.** Wait-free on both sides.

use super::sync::{Acquire, AtomicU64, Relaxed, Release};

/// Seconds remembered; the longest window is four less, to leave room for the current one and for late clocks.
pub(crate) const SECONDS: u64 = 64;
const AMOUNT_BITS: u32 = 36;
const MAX_AMOUNT: u64 = (1 << AMOUNT_BITS) - 1;

/// See the module's header.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Ring {
    calls: AtomicU64,
    total: AtomicU64,
    seconds: [AtomicU64; SECONDS as usize],
}

impl Default for Ring {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self { calls: zero(), total: zero(), seconds: std::array::from_fn(|_| zero()) }
    }
}

/// The part of a cell that says which second it holds; never zero, so that an untouched cell matches none.
#[inline]
pub(crate) fn stamp(second: u64) -> u64 {
    ((second % ((1 << 28) - 1)) + 1) << AMOUNT_BITS
}

impl Ring {
    /// Adds an amount finished in `second`. Only the slot's owner calls this.
    #[inline]
    pub(crate) fn add(&self, second: u64, amount: u64) {
        let cell = &self.seconds[(second % SECONDS) as usize];
        // Relaxed, both: this thread's own last store; published by `calls`.
        let held = cell.load(Relaxed);
        let stamp = stamp(second);
        let before = if held & !MAX_AMOUNT == stamp { held & MAX_AMOUNT } else { 0 };
        cell.store(stamp | before.saturating_add(amount).min(MAX_AMOUNT), Relaxed);
        // Relaxed: this thread's own last store. Release: what this thread did before is visible to who sees this.
        self.total.store(self.total.load(Relaxed).wrapping_add(amount), Release);
        // Relaxed: likewise. Release: publishes the two stores above.
        self.calls.store(self.calls.load(Relaxed).wrapping_add(1), Release);
    }

    /// How often `add` was called: load it before the amounts.
    #[inline]
    pub(crate) fn calls(&self) -> u64 {
        // Acquire: pairs with the store in `add`.
        self.calls.load(Acquire)
    }

    /// Everything ever added, at least up to the last `calls`.
    pub(crate) fn total(&self) -> u64 {
        // Acquire: pairs with the store in `add`; the total may be further than the `calls` that were loaded.
        self.total.load(Acquire)
    }

    /// The stamps and amounts of all cells that were written to.
    pub(crate) fn held(&self) -> impl Iterator<Item = (u64, u64)> {
        // Relaxed: as in `in_second`.
        let cells = self.seconds.iter().map(|cell| cell.load(Relaxed));
        cells.filter(|held| *held != 0).map(|held| (held & !MAX_AMOUNT, held & MAX_AMOUNT))
    }

    /// What was added in `second`, if it is among the last 64 that were written to.
    pub(crate) fn in_second(&self, second: u64) -> u64 {
        // Relaxed: ordered by `calls`; stamp and amount are one word.
        let held = self.seconds[(second % SECONDS) as usize].load(Relaxed);
        if held & !MAX_AMOUNT == stamp(second) { held & MAX_AMOUNT } else { 0 }
    }
}
