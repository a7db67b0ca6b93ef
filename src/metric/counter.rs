//! Counters: one cell for each thread.

use crate::core::cells::{CellId, Cells};
use crate::metric::Shared;
use crate::thread;
use std::sync::Arc;

/// A number that only goes up, until it wraps at 2^64.
///
/// Adding is two stores to memory that no other thread writes. Clones count into the same metric.
#[derive(Clone, Debug)]
pub struct Counter {
    cell: Cell,
}

/// A metric that is a cell: what counters and gauges hold.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    shared: Arc<Shared>,
    id: CellId,
}

impl Counter {
    pub(crate) fn new(cell: Cell) -> Self {
        Self { cell }
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `n`.
    #[inline]
    pub fn add(&self, n: u64) {
        self.cell.add(n);
    }

    /// The value now: at least everything that happened before this call; of what happens meanwhile, some. Adds up one
    /// cell for each thread.
    pub fn get(&self) -> u64 {
        self.cell.shared.cells.value(self.cell.id)
    }
}

impl Cell {
    pub(crate) fn new(shared: Arc<Shared>, id: CellId) -> Self {
        Self { shared, id }
    }

    /// Adds to the calling thread's own cell, and says that something changed.
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        if !self.shared.cells.add(thread::slot(), self.id, n) {
            self.add_slow(n);
        }
    }

    #[inline(never)]
    fn add_slow(&self, n: u64) {
        if !self.shared.cells.add_any(thread::slot(), self.id, n) {
            let metric = (Arc::as_ptr(&self.shared).cast(), self.id.offset());
            thread::first_touch(metric, n, |slot, n| self.shared.cells.touch(slot, self.id, n));
        }
    }

    /// The same with the cell that all threads share, a gauge's: changing it will not allocate.
    pub(crate) fn shared(self) -> Self {
        self.shared.cells.shared(self.id);
        self
    }

    /// Changes a gauge's cell, and says that something changed.
    #[inline]
    pub(crate) fn change(&self, change: impl FnOnce(&Cells, CellId)) {
        change(&self.shared.cells, self.id);
        self.add(0);
    }

    /// The value of a gauge's cell.
    pub(crate) fn gauge(&self) -> u64 {
        self.shared.cells.gauge(self.id)
    }
}
