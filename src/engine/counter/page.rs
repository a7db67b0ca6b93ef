//! A page: the cells of 256 counters or gauges.
//!
//! **Layout.** Each slot has its own cells, allocated at its first write to the page, so a counter costs 8 bytes a thread and
//! no line is written by two threads. One more set of cells, `shared`, belongs to no slot: gauges are there, since `set` needs
//! one last writer. A metric's value is the sum of its cells: a counter has nothing in `shared`, a gauge nothing in a slot.
//!
//! A slot's cells carry an **epoch**: how often their owner wrote to them. A gauge's writer bumps the epoch of its own cells
//! too. So one comparison for each slot tells whether anything on the page changed.
//!
//! **Writer** ([`CellWriter`]). cell := cell + n (Release); epoch := epoch + 1 (Release), last.
//! **Reader of one metric.** Adds up its cells (Acquire).
//! **Reader of the page** ([`page_cache`](super::page_cache)). The epoch first (Acquire), then the cells, from the last one
//! down. A write between the two is read again next time; it is never marked clean.
//!
//! *A before B.* If every thread adds to A and then to B, and A comes before B on the page, no reading shows B ahead of A: B's
//! cells are read in all slots before A's. Cells of a slot that appear during a reading are noticed, and the page is read again.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | writer: cell | Release | reader: cell | B ahead of A | `counter::a_before_b` |
//! | writer: epoch | Release | reader: epoch | a write marked clean unread | `counter::write_during_a_rebuild` |
//! | gauge: `set_gauge`, `add_gauge`, `update_gauge` | Release | reader: cell | the value is visible, what preceded it is not | `counter::gauge_publishes` |
//! | reader: cell | Acquire | writer: cell | B ahead of A | `counter::a_before_b` |
//! | reader: `gauge` | Acquire | gauge | the value is visible, what preceded it is not | `counter::gauge_publishes` |
//! | reader: epoch | Acquire | writer: epoch | a write marked clean unread | `counter::write_during_a_rebuild` |
//!
//! **Limits.** One thread writes. The cells of a slot share one epoch, so a signal handler that interrupts a write on its own thread
//! and writes to any counter or gauge of the same page may take the epoch back: a reader then marks a write clean that it has not
//! read. Handlers are outside the contract for all of a registry's counters and gauges, and for every first write.
//!
//! **Progress.** Writers are wait-free after their first write, except that `update_gauge` is a compare-exchange loop. A reader
//! repeats a page only if a slot's cells appeared during the reading: at most once for each thread.

use crate::engine::slot::once_box::OnceBox;
use crate::engine::slot::owner::{CurrentThread, Owner, first_write};
use crate::engine::slot::per_slot::PerSlot;
use crate::sync::{Acquire, AtomicU64, Relaxed, Release};
use crate::tuning::PAGE_CELLS;

/// See the module's header.
#[derive(Debug, Default)]
pub(crate) struct Page {
    owned: PerSlot<OnceBox<Cells>>,
    shared: OnceBox<Cells>,
}

/// One slot's cells, or the shared ones. Aligned to two cache lines, since processors fetch lines in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct Cells {
    cells: [AtomicU64; PAGE_CELLS],
    epoch: AtomicU64,
}

impl Default for Cells {
    fn default() -> Self {
        Self {
            cells: std::array::from_fn(|_| AtomicU64::new(0)),
            epoch: AtomicU64::new(0),
        }
    }
}

/// The owner's view of its slot's cells.
#[derive(Debug)]
struct CellWriter<'a>(&'a Cells);

impl CellWriter<'_> {
    #[inline(always)]
    fn add(&self, index: u8, n: u64) {
        let cell = &self.0.cells[usize::from(index)];
        // Relaxed: this thread's own last store. Release: a reader that sees the value sees what this thread did before.
        cell.store(cell.load(Relaxed).wrapping_add(n), Release);
        // Relaxed: this thread's own last store. Release, last: publishes the cell.
        self.0
            .epoch
            .store(self.0.epoch.load(Relaxed).wrapping_add(1), Release);
    }
}

impl Page {
    /// The caller's cells, if the slot is among the first ones and has written to the page before.
    #[inline(always)]
    fn writer_inline(&self, owner: Owner<'_>) -> Option<CellWriter<'_>> {
        let (_, cells) = self.owned.get_inline(owner.slot())?;
        Some(CellWriter(cells))
    }

    /// The caller's cells, if it has written to the page before.
    fn writer(&self, owner: Owner<'_>) -> Option<CellWriter<'_>> {
        let (_, cells) = self.owned.get(owner.slot())?;
        Some(CellWriter(cells))
    }

    /// Adds to the current thread's own cell.
    #[inline]
    pub(crate) fn add(&self, thread: impl CurrentThread, index: u8, n: u64) {
        match self.writer_inline(thread.owner()) {
            Some(writer) => writer.add(index, n),
            None => self.add_slow(thread, index, n),
        }
    }

    #[inline(never)]
    fn add_slow(&self, thread: impl CurrentThread, index: u8, n: u64) {
        if let Some(writer) = self.writer(thread.owner()) {
            return writer.add(index, n);
        }
        let key = (std::ptr::from_ref(self).cast(), usize::from(index));
        first_write(thread, key, n, |owner, n| {
            let (_, cells) = self.owned.get_or_create(owner.slot(), Cells::default);
            CellWriter(cells).add(index, n);
        });
    }

    /// Creates the shared cells, so that changing a gauge allocates only the thread's own epoch.
    pub(crate) fn create_shared(&self) {
        self.shared();
    }

    fn shared(&self) -> &Cells {
        self.shared
            .get()
            .unwrap_or_else(|| self.shared.set(Box::default()))
    }

    #[inline]
    fn gauge_cell(&self, index: u8) -> &AtomicU64 {
        &self.shared().cells[usize::from(index)]
    }

    /// A gauge's value.
    pub(crate) fn gauge(&self, index: u8) -> u64 {
        // Acquire: what preceded the value is visible to the caller.
        self.gauge_cell(index).load(Acquire)
    }

    /// Sets a gauge.
    #[inline]
    pub(crate) fn set_gauge(&self, thread: impl CurrentThread, index: u8, value: u64) {
        // Release: a reader that sees the value sees what preceded it.
        self.gauge_cell(index).store(value, Release);
        self.bump_epoch(thread, index);
    }

    /// Adds to a gauge.
    #[inline]
    pub(crate) fn add_gauge(&self, thread: impl CurrentThread, index: u8, n: u64) {
        // Release: as in `set_gauge`.
        self.gauge_cell(index).fetch_add(n, Release);
        self.bump_epoch(thread, index);
    }

    /// Changes a gauge to what `change` makes of it. `change` is called again if another thread was faster.
    pub(crate) fn update_gauge(
        &self,
        thread: impl CurrentThread,
        index: u8,
        change: impl Fn(u64) -> u64,
    ) {
        let cell = self.gauge_cell(index);
        // Relaxed: a guess, which the exchange checks.
        let mut value = cell.load(Relaxed);
        // Release: as in `set_gauge`. Relaxed on failure: the next guess.
        while let Err(now) = cell.compare_exchange_weak(value, change(value), Release, Relaxed) {
            value = now;
        }
        self.bump_epoch(thread, index);
    }

    /// Makes readers look at the page again: the last step of every change to a gauge.
    #[inline]
    fn bump_epoch(&self, thread: impl CurrentThread, index: u8) {
        self.add(thread, index, 0);
    }

    /// A metric's value. It wraps at 2^64.
    pub(crate) fn value(&self, index: u8) -> u64 {
        let mut sum = self
            .shared
            .get()
            .map_or(0, |cells| CellReader(cells).value(index.into()));
        self.owned
            .for_each(|_, _, cells| sum = sum.wrapping_add(CellReader(cells).value(index.into())));
        sum
    }

    /// How often anything on the page was written.
    pub(crate) fn epoch(&self) -> u64 {
        let mut epoch = 0_u64;
        self.owned
            .for_each(|_, _, cells| epoch = epoch.wrapping_add(CellReader(cells).epoch()));
        epoch
    }

    /// Reads the values of the page's first `out.len()` cells, the last one first. Load the epoch before.
    pub(crate) fn read_into(&self, out: &mut [u64]) {
        let mut sets = self.readers();
        loop {
            for (index, value) in out.iter_mut().enumerate().rev() {
                *value = sets
                    .iter()
                    .fold(0, |sum, cells| cells.value(index).wrapping_add(sum));
            }
            let now = self.readers();
            if now.len() == sets.len() {
                return;
            }
            // A slot wrote to the page for the first time during the reading, and a later write of another thread, ordered after it, may
            // already be in `out`.
            sets = now;
        }
    }

    /// All cells that exist now, the shared ones included.
    fn readers(&self) -> Vec<CellReader<'_>> {
        let mut found: Vec<_> = self.shared.get().map(CellReader).into_iter().collect();
        self.owned
            .for_each(|_, _, cells| found.push(CellReader(cells)));
        found
    }
}

/// A reader's view of a slot's cells, or of the shared ones.
#[derive(Debug)]
struct CellReader<'a>(&'a Cells);

impl CellReader<'_> {
    #[inline]
    fn value(&self, index: usize) -> u64 {
        // Acquire: pairs with the writer's Release; what the writer did before is visible to the reads that follow.
        self.0.cells[index].load(Acquire)
    }

    #[inline]
    fn epoch(&self) -> u64 {
        // Acquire: pairs with the writer's bump; the cells that it counts are visible after this.
        self.0.epoch.load(Acquire)
    }
}
