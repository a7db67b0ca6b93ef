//! Cells: one 64-bit number for each metric and thread, thread-major.
//!
//! **Layout.** A metric is an offset, [`CellId`]: a page and a cell in it. Each thread slot has pages of its own,
//! allocated when it first touches one, so a counter costs 8 bytes a thread and no line is written by two threads. One
//! more set of pages, `shared`, belongs to nobody: gauges live there at their offset, since "set" has one winner. A
//! metric's value is its cells added up: a counter has nothing in `shared`, a gauge nothing in a slot.
//!
//! A page carries its **epoch**, how often its owner wrote to it; a gauge's writer bumps the epoch of its own page too.
//! So "what changed" is found by comparing one number for each page and slot.
//!
//! **Writer.** cell := cell + n (Release); epoch := epoch + 1 (Release), last.
//! **Reader of one metric.** Adds its cells (Acquire).
//! **Reader of a page.** Its epoch first (Acquire), then its cells, from the highest offset down; the epoch is remembered
//! beside what was read, by the reader that read all of the page and by no other. A write between the two is read
//! again next time; it is never marked clean.
//!
//! *A before B.* If every thread adds to A, then to B, and A's offset is the lower, no reading of a page shows B ahead
//! of A: B's cells are read in all slots before A's. A slot whose page appears meanwhile is noticed, and the page read
//! again.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | writer: cell | Release | reader: cell | B ahead of A | `cells::a_before_b` |
//! | writer: epoch | Release | reader: epoch | a write marked clean unread | `cells::write_during_a_rebuild` |
//! | gauge: `set`, `add_shared`, `update` | Release | reader: cell | what led to a value unseen by who sees it | `cells::gauge_publishes` |
//! | reader: cell | Acquire | writer: cell | B ahead of A | `cells::a_before_b` |
//! | reader: `gauge` | Acquire | gauge | as there | `cells::gauge_publishes` |
//! | reader: epoch | Acquire | writer: epoch | a write marked clean unread | `cells::write_during_a_rebuild` |
//!
//! **Progress.** Writers wait-free (a gauge's `add` is one read-modify-write, by name). Readers repeat a page only when a
//! thread touched it for the first time meanwhile: at most once for each thread.

use super::per_thread::{PerThread, SetOnce};
use super::segments::{Position, Segments};
use super::sync::{Acquire, AtomicU64, PAGE_CELLS, Relaxed, Release};
use std::sync::Arc;

/// Where a metric's cells are, in every slot. One word, so that a write loads it at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CellId {
    /// The cell in the lowest byte, the page above.
    word: u64,
}

impl CellId {
    pub(crate) fn new(offset: usize) -> Self {
        Self { word: Position::of(offset / PAGE_CELLS).pack((offset % PAGE_CELLS) as u8) }
    }

    pub(crate) fn offset(self) -> usize {
        self.page().index() * PAGE_CELLS + self.cell()
    }

    #[inline(always)]
    fn page(self) -> Position {
        Position::unpack(self.word).0
    }

    /// From a byte, so that indexing 256 cells needs no check.
    #[inline(always)]
    fn cell(self) -> usize {
        usize::from(Position::unpack(self.word).1)
    }
}

/// A page of one slot; two cache lines' alignment, since processors fetch lines in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct Page {
    cells: [AtomicU64; PAGE_CELLS],
    epoch: AtomicU64,
}

impl Default for Page {
    fn default() -> Self {
        Self { cells: std::array::from_fn(|_| AtomicU64::new(0)), epoch: AtomicU64::new(0) }
    }
}

impl Page {
    #[inline(always)]
    fn add(&self, id: CellId, n: u64) {
        let cell = &self.cells[id.cell()];
        // Relaxed: this thread's own last store. Release: what this thread did before is visible to who sees this.
        cell.store(cell.load(Relaxed).wrapping_add(n), Release);
        // Relaxed: likewise. Release, last: publishes the cell.
        self.epoch.store(self.epoch.load(Relaxed).wrapping_add(1), Release);
    }
}

#[derive(Debug, Default)]
struct Pages(Segments<SetOnce<Page>>);

impl Pages {
    #[inline(always)]
    fn near(&self, page: Position) -> Option<&Page> {
        self.0.near(page)?.get()
    }

    fn get(&self, page: Position) -> Option<&Page> {
        self.0.get(page)?.get()
    }

    fn get_or_make(&self, page: Position) -> &Page {
        let entry = self.0.get_or_alloc(page);
        entry.get().unwrap_or_else(|| entry.set(Box::default()))
    }
}

/// See the module's header.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    slots: PerThread<SetOnce<Pages>>,
    shared: Pages,
}

impl Cells {
    /// Adds to the caller's own cell, if that is near: among the first slots and pages, and touched before. `false`: not
    /// done, call [`Self::add_any`].
    #[inline(always)]
    #[must_use]
    pub(crate) fn add(&self, slot: Position, id: CellId, n: u64) -> bool {
        let Some(page) = self.slots.near(slot).and_then(|(_, pages)| pages.near(id.page())) else {
            return false;
        };
        page.add(id, n);
        true
    }

    /// Adds to the caller's own cell, if the caller has touched its page before. `false`: not done, call [`Self::touch`].
    #[must_use]
    pub(crate) fn add_any(&self, slot: Position, id: CellId, n: u64) -> bool {
        let Some(page) = self.slots.get(slot).and_then(|(_, pages)| pages.get(id.page())) else {
            return false;
        };
        page.add(id, n);
        true
    }

    /// Adds to the caller's own cell, after making its page if need be.
    pub(crate) fn touch(&self, slot: Position, id: CellId, n: u64) {
        self.slots.get_or_make(slot, Pages::default).1.get_or_make(id.page()).add(id, n);
    }

    /// A gauge's one cell, made with its page if need be.
    #[inline]
    pub(crate) fn shared(&self, id: CellId) -> &AtomicU64 {
        &self.shared.get_or_make(id.page()).cells[id.cell()]
    }

    /// A gauge's value.
    pub(crate) fn gauge(&self, id: CellId) -> u64 {
        // Acquire: what led to the value is visible to who sees it.
        self.shared(id).load(Acquire)
    }

    /// Sets a gauge. After this, and after the two below, say so with [`Self::add`] of nothing, which bumps the epoch.
    #[inline]
    pub(crate) fn set(&self, id: CellId, value: u64) {
        // Release: who sees the value sees what led to it.
        self.shared(id).store(value, Release);
    }

    /// Adds to a gauge.
    #[inline]
    pub(crate) fn add_shared(&self, id: CellId, n: u64) {
        // Release: as in `set`.
        self.shared(id).fetch_add(n, Release);
    }

    /// Changes a gauge to what `change` makes of it; called again if another thread was first.
    pub(crate) fn update(&self, id: CellId, change: impl Fn(u64) -> u64) {
        let cell = self.shared(id);
        // Relaxed: a guess, which the exchange checks.
        let mut value = cell.load(Relaxed);
        // Release: as in `set`. Relaxed on failure: the next guess.
        while let Err(now) = cell.compare_exchange_weak(value, change(value), Release, Relaxed) {
            value = now;
        }
    }

    /// A metric's value: wrapping, as counters do after 2^64.
    pub(crate) fn value(&self, id: CellId) -> u64 {
        let mut sum = self.shared.get(id.page()).map_or(0, |page| read(page, id.cell()));
        self.slots.for_each(|_, _, pages| {
            if let Some(page) = pages.get(id.page()) {
                sum = sum.wrapping_add(read(page, id.cell()));
            }
        });
        sum
    }

    /// How often anything on a page was written.
    fn epoch(&self, page: usize) -> u64 {
        let at = Position::of(page);
        let mut epoch = 0_u64;
        self.slots.for_each(|_, _, pages| {
            if let Some(page) = pages.get(at) {
                // Acquire: pairs with the writer's bump; the cells that it counts are visible after this.
                epoch = epoch.wrapping_add(page.epoch.load(Acquire));
            }
        });
        epoch
    }

    /// Reads the values of a page's first `out.len()` cells, the highest offset first. Load its epoch before.
    fn read_page(&self, page: usize, out: &mut [u64]) {
        let at = Position::of(page);
        let mut pages = self.pages(at);
        loop {
            for (cell, value) in out.iter_mut().enumerate().rev() {
                *value = pages.iter().fold(0, |sum, page| read(page, cell).wrapping_add(sum));
            }
            let now = self.pages(at);
            if now.len() == pages.len() {
                return;
            }
            // A thread touched the page for the first time meanwhile, and a later write of another thread, ordered
            // after it, may be in `out` already.
            pages = now;
        }
    }

    /// The pages that exist now for one page number, `shared` included.
    fn pages(&self, at: Position) -> Vec<&Page> {
        let mut found: Vec<_> = self.shared.get(at).into_iter().collect();
        self.slots.for_each(|_, _, pages| found.extend(pages.get(at)));
        found
    }
}

/// A reader's own copy of all pages, and the epochs that it was read at.
///
/// Only reading *everything* of a page advances its epoch here, and each reader has its own: reading one metric, or another
/// reader's reading, marks nothing clean.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pages: Vec<PageReading>,
}

#[derive(Clone, Debug)]
struct PageReading {
    epoch: u64,
    values: Arc<[u64]>,
}

impl Reading {
    /// Reads again the pages that were written to, the last one first. `cells`: how many there are. Returns the sum of the
    /// epochs that were read.
    pub(crate) fn refresh(&mut self, of: &Cells, cells: usize) -> u64 {
        let pages = cells.div_ceil(PAGE_CELLS);
        let untouched = PageReading { epoch: 0, values: [0; PAGE_CELLS].into() };
        self.pages.resize(pages, untouched);
        for (page, reading) in self.pages.iter_mut().enumerate().rev() {
            // Before the cells: what is written from here on is read again next time.
            let epoch = of.epoch(page);
            if epoch != reading.epoch {
                let mut values = [0; PAGE_CELLS];
                of.read_page(page, &mut values);
                *reading = PageReading { epoch, values: values.into() };
            }
        }
        self.pages.iter().fold(0, |sum, page| sum.wrapping_add(page.epoch))
    }

    /// The values by page.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Arc<[u64]>> {
        self.pages.iter().map(|page| &page.values)
    }
}

impl Cells {
    /// What [`Reading::refresh`] would return if it read now.
    pub(crate) fn total_epoch(&self, cells: usize) -> u64 {
        (0..cells.div_ceil(PAGE_CELLS)).fold(0, |sum, page| sum.wrapping_add(self.epoch(page)))
    }
}

#[inline]
fn read(page: &Page, cell: usize) -> u64 {
    // Acquire: pairs with the writer's Release; what the writer did before is visible to the reads that follow.
    page.cells[cell].load(Acquire)
}
