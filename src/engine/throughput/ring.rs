//! What one slot finished in each of the last 64 seconds.
//!
//! **Layout.** 64 cells, one a second (second modulo 64). Each packs a stamp of the second (28 bits: 8.5 years pass before two
//! seconds have the same) and the amount finished in it (36 bits: 68.7 billion a second and thread; it saturates rather than
//! spill into the stamp). `total`: everything ever added; `calls`: how often, which is the epoch.
//!
//! **Writer** ([`RingWriter`]). Adds to the cell of its second, or restarts the cell if it holds another second, then raises
//! `total`, then `calls`, then the slot's [word](crate::engine::slot::changes).
//! **Reader** ([`RingReader`]). Loads `calls`, `total`, then the cells that hold a second of the window. One word holds stamp
//! and amount, so a cell is never torn. Seconds that the clock jumped away from match no window.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | writer: cell | Relaxed | published by `calls` | | `throughput::counted_is_visible` |
//! | writer: total | Release | reader: total | the amount is visible, what preceded it is not: B ahead of A | `read_order::a_before_b` |
//! | writer: calls | Release | reader: calls | an amount counted but not shown | `throughput::counted_is_visible` |
//! | reader: calls | Acquire | writer: calls | an amount counted but not shown | `throughput::counted_is_visible` |
//! | reader: total | Acquire | writer: total | the amount is visible, what preceded it is not: B ahead of A | `read_order::a_before_b` |
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | the word after `calls` | Release | a registry's reading is current without the amount | `read_order::a_write_shows` |
//!
//! **Progress.** Wait-free on both sides.

use crate::engine::slot::slot_word::SlotWord;
use crate::sync::{Acquire, AtomicU64, Relaxed, Release};

/// Seconds that are remembered. The longest window is four less, which leaves room for the current second and late clocks.
pub(crate) const SECONDS: u64 = 64;
const AMOUNT_BITS: u32 = 36;
const MAX_AMOUNT: u64 = (1 << AMOUNT_BITS) - 1;

/// See the module's header.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct Ring {
    calls: AtomicU64,
    total: AtomicU64,
    word: SlotWord,
    seconds: [AtomicU64; SECONDS as usize],
}

impl Ring {
    pub(crate) fn new(word: SlotWord) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            calls: zero(),
            total: zero(),
            word,
            seconds: std::array::from_fn(|_| zero()),
        }
    }
}

/// The part of a cell that tells which second it holds. Never zero, so that an untouched cell matches no second.
#[inline]
pub(crate) fn stamp(second: u64) -> u64 {
    ((second % ((1 << 28) - 1)) + 1) << AMOUNT_BITS
}

/// The view of the slot's owner.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RingWriter<'a>(pub(crate) &'a Ring);

impl RingWriter<'_> {
    /// Adds an amount that was finished in `second`.
    #[inline]
    pub(crate) fn add(self, second: u64, amount: u64) {
        let ring = self.0;
        let cell = &ring.seconds[(second % SECONDS) as usize];
        // Relaxed, both: this thread's own last store; published by `calls`.
        let held = cell.load(Relaxed);
        let stamp = stamp(second);
        let before = if held & !MAX_AMOUNT == stamp {
            held & MAX_AMOUNT
        } else {
            0
        };
        let amount_now = before.saturating_add(amount).min(MAX_AMOUNT);
        // Relaxed: published by `calls`.
        cell.store(stamp | amount_now, Relaxed);
        // Relaxed: this thread's own last store. Release: a reader that sees the total sees what this thread did before.
        ring.total
            .store(ring.total.load(Relaxed).wrapping_add(amount), Release);
        // Relaxed: this thread's own last store. Release: publishes the two stores above.
        ring.calls
            .store(ring.calls.load(Relaxed).wrapping_add(1), Release);
        ring.word.bump();
    }
}

/// A reader's view. There may be any number of readers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RingReader<'a>(pub(crate) &'a Ring);

impl RingReader<'_> {
    /// How often something was added. Load it before the amounts.
    #[inline]
    pub(crate) fn calls(self) -> u64 {
        // Acquire: pairs with the store in `add`.
        self.0.calls.load(Acquire)
    }

    /// Everything ever added, at least up to the last `calls`.
    pub(crate) fn total(self) -> u64 {
        // Acquire: pairs with the store in `add`. The total may be further than the `calls` that were loaded before.
        self.0.total.load(Acquire)
    }

    /// What was added in `second`, if it is among the last 64 that were written to.
    pub(crate) fn in_second(self, second: u64) -> u64 {
        // Relaxed: ordered by `calls`; stamp and amount are one word.
        let held = self.0.seconds[(second % SECONDS) as usize].load(Relaxed);
        if held & !MAX_AMOUNT == stamp(second) {
            held & MAX_AMOUNT
        } else {
            0
        }
    }

    /// The stamps and amounts of all cells that were written to.
    pub(crate) fn seconds(self) -> impl Iterator<Item = (u64, u64)> {
        // Relaxed: as in `in_second`.
        let cells = self.0.seconds.iter().map(|cell| cell.load(Relaxed));
        cells
            .filter(|held| *held != 0)
            .map(|held| (held & !MAX_AMOUNT, held & MAX_AMOUNT))
    }
}
