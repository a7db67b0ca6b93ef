//! The cells that one slot owns on a page.
//!
//! **Writer** ([`CellWriter`]). cell := cell + n (Release); epoch := epoch + 1 (Release); the slot's
//! [word](crate::engine::slot::changes), last.
//! **Reader** ([`CellReader`]). Of the whole page the epoch first (Acquire), then the cells (Acquire).
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | writer: cell | Release | reader: cell | B ahead of A | `counter::a_before_b` |
//! | writer: epoch | Release | reader: epoch | a write marked clean unread | `counter::write_during_a_rebuild` |
//! | reader: cell | Acquire | writer: cell | B ahead of A | `counter::a_before_b` |
//! | reader: epoch | Acquire | writer: epoch | a write marked clean unread | `counter::write_during_a_rebuild` |
//!
//! **Progress.** Wait-free: a load and a store for the cell, for the epoch, and for the word.

use crate::engine::slot::adaptive::Room;
use crate::engine::slot::slot_word::SlotWord;
use crate::sync::{Acquire, AtomicU64, Relaxed, Release};
use crate::tuning::PAGE_CELLS;

/// One slot's cells. Aligned to two cache lines, since processors fetch lines in pairs.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct OwnedCells {
    cells: [AtomicU64; PAGE_CELLS],
    epoch: AtomicU64,
    word: SlotWord,
    _room: Room,
}

impl OwnedCells {
    pub(super) fn new(word: SlotWord, room: Room) -> Self {
        Self {
            cells: std::array::from_fn(|_| AtomicU64::new(0)),
            epoch: AtomicU64::new(0),
            word,
            _room: room,
        }
    }
}

/// The owner's view of its slot's cells.
#[derive(Debug)]
pub(super) struct CellWriter<'a>(pub(super) &'a OwnedCells);

impl CellWriter<'_> {
    #[inline(always)]
    pub(super) fn add(&self, index: u8, n: u64) {
        let cell = &self.0.cells[usize::from(index)];
        // Relaxed: this thread's own last store. Release: a reader that sees the value sees what this thread did before.
        cell.store(cell.load(Relaxed).wrapping_add(n), Release);
        // Relaxed: this thread's own last store. Release, after the cell: publishes it.
        self.0
            .epoch
            .store(self.0.epoch.load(Relaxed).wrapping_add(1), Release);
        self.0.word.bump();
    }
}

/// A reader's view of a slot's cells.
#[derive(Debug)]
pub(super) struct CellReader<'a>(pub(super) &'a OwnedCells);

impl CellReader<'_> {
    #[inline]
    pub(super) fn value(&self, index: usize) -> u64 {
        // Acquire: pairs with the writer's Release; what the writer did before is visible to the reads that follow.
        self.0.cells[index].load(Acquire)
    }

    #[inline]
    pub(super) fn epoch(&self) -> u64 {
        // Acquire: pairs with the writer's bump; the cells that it counts are visible after this.
        self.0.epoch.load(Acquire)
    }
}
