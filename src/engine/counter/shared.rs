//! The cells of a page that all threads share: those of counters that are not written often enough to be owned, and of gauges.
//!
//! **Layout.** Each slot has an entry: the cells that it owns, if it owns any; how often it wrote to the shared cells of counters, its
//! *epoch*; and the rate of these writes. Entries and cells are in the page itself, and the thread has its word at hand. So one that
//! comes to the page after a while waits for the page's lines side by side, instead of following a chain of pointers. What slots count for
//! gauges is apart, a line each: a gauge that is written often stays here.
//!
//! **Writer of a counter** ([`SharedWriter`]). cell += n (Release); the slot's epoch := epoch + 1 (Release); the slot's
//! [word](crate::engine::slot::changes), last. Then the slot's rate, which is its own alone.
//! **Writer of a gauge.** The cell (Release); the slot's epoch (Release); the slot's word, last.
//! **Reader.** Of the whole page the epochs first (Acquire), then the cells (Acquire).
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | counter: cell | Release | reader: cell | B ahead of A | `counter::a_before_b` |
//! | counter: epoch | Release | reader: `epoch` | a write marked clean unread | `counter::write_during_a_rebuild` |
//! | gauge: `set_gauge`, `add_gauge`, `update_gauge` | Release | reader: `value` | the value is visible, what preceded it is not | `counter::gauge_publishes` |
//! | gauge: `clear`, and how many were cleared | Release | reader: cell, `epoch` | a snapshot shows a removed series' value | `family::a_gauge_is_reused` |
//! | gauge: the slot's epoch | Release | reader: `epoch` | a change marked clean unread | `counter::gauge_publishes` |
//! | reader: `value` | Acquire | cell | B ahead of A; a gauge without what preceded it | `counter::a_before_b`, `counter::gauge_publishes` |
//! | reader: `epoch`, of the cleared | Acquire | gauge: `clear` | a snapshot shows a removed series' value | `family::a_gauge_is_reused` |
//! | reader: `epoch`, of a slot | Acquire | counter: epoch | a write marked clean unread | `counter::write_during_a_rebuild` |
//! | reader: `gauge_epoch` | Acquire | the slot's epoch | a change marked clean unread | `counter::gauge_publishes` |
//!
//! **Progress.** Wait-free once the slot's entry exists, except that `update_gauge` is a compare-exchange loop.

use super::owned::OwnedCells;
use crate::engine::slot::adaptive::{Promotion, SlotRate};
use crate::engine::slot::change_word::ChangeWord;
use crate::engine::slot::once_box::OnceBox;
use crate::engine::slot::owner::{CurrentThread, Owner};
use crate::engine::slot::per_slot::{Entry, PerSlot};
use crate::prefetch;
use crate::sync::{Acquire, AtomicU64, Relaxed, Release};
use crate::tuning::PAGE_CELLS;
use std::sync::Arc;

/// See the module's header.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct SharedCells {
    cells: [AtomicU64; PAGE_CELLS],
    /// Cells that were cleared.
    cleared: AtomicU64,
    /// Epochs of the slots that write to gauges; none on a page without gauges.
    gauges: OnceBox<PerSlot<OnceBox<GaugeEpoch>>>,
    /// The registry's, which has the words.
    pub(super) promotion: Arc<Promotion>,
}

/// What a page has of one slot. Two are in a line.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct PageSlot {
    owned: OnceBox<OwnedCells>,
    /// How often the slot wrote to shared cells of counters.
    epoch: AtomicU64,
    rate: SlotRate,
    /// The number of the page's registry, once the slot has its word there.
    registry: AtomicU64,
}

impl Entry for PageSlot {
    type Value = OwnedCells;

    #[inline(always)]
    fn value(&self) -> &OnceBox<OwnedCells> {
        &self.owned
    }
}

/// How often one slot wrote to gauges of the page, in a line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct GaugeEpoch(AtomicU64);

/// A thread's view of the shared cell of one counter.
#[derive(Debug)]
pub(super) struct SharedWriter<'a> {
    cell: &'a AtomicU64,
    slot: &'a PageSlot,
    word: &'a ChangeWord,
}

impl SharedWriter<'_> {
    /// Adds to the cell. Returns whether the slot's owner is to get cells of its own.
    #[inline]
    pub(super) fn add(&self, n: u64, ticks: impl FnOnce() -> u64) -> bool {
        self.write(n);
        self.slot.rate.count(ticks)
    }

    #[inline(always)]
    fn write(&self, n: u64) {
        // Release: a reader that sees the value sees what this thread did before.
        self.cell.fetch_add(n, Release);
        let epoch = &self.slot.epoch;
        // Relaxed: this thread's own last store. Release, after the cell: publishes it.
        epoch.store(epoch.load(Relaxed).wrapping_add(1), Release);
        self.word.bump();
    }
}

impl SharedCells {
    pub(super) fn new(promotion: Arc<Promotion>) -> Self {
        Self {
            cells: std::array::from_fn(|_| AtomicU64::new(0)),
            cleared: AtomicU64::new(0),
            gauges: OnceBox::default(),
            promotion,
        }
    }

    #[inline]
    fn cell(&self, index: u8) -> &AtomicU64 {
        &self.cells[usize::from(index)]
    }

    /// Adds to a counter, for the owner of this slot. `false`: something rare comes first, and [`Self::writer`] must be asked.
    #[inline(always)]
    pub(super) fn try_add(
        &self,
        thread: impl CurrentThread,
        slot: &PageSlot,
        index: u8,
        n: u64,
    ) -> bool {
        let cell = self.cell(index);
        prefetch::for_write(cell);
        let (registry, word) = thread.word();
        // Relaxed: the slot's own last store.
        if registry != slot.registry.load(Relaxed) || slot.rate.is_due() {
            return false;
        }
        // SAFETY: of the page's registry, whose number no other has, and which the page keeps alive. A thread that has no word at hand has
        // the number of no registry, and so has a slot before its first write: `remember` never stores that.
        let Some(word) = (unsafe { word.as_ref() }) else {
            return false;
        };
        prefetch::for_write(word);
        SharedWriter { cell, slot, word }.write(n);
        slot.rate.count_undue();
        true
    }

    /// What the owner of a slot needs to write to a counter, if all of it exists.
    pub(super) fn writer<'a>(
        &'a self,
        owner: Owner<'_>,
        slot: &'a PageSlot,
        index: u8,
    ) -> Option<SharedWriter<'a>> {
        let word = self.promotion.changes.word(owner)?;
        let cell = self.cell(index);
        // Relaxed: this thread's own last store. Readers do not look at the entry before its first write.
        (slot.epoch.load(Relaxed) != 0).then_some(SharedWriter { cell, slot, word })
    }

    /// [`Self::writer`], after creating what is missing.
    pub(super) fn writer_or_create<'a>(
        &'a self,
        owner: Owner<'_>,
        slot: &'a PageSlot,
        index: u8,
    ) -> SharedWriter<'a> {
        SharedWriter {
            cell: self.cell(index),
            slot,
            word: self.promotion.changes.word_or_create(owner),
        }
    }

    /// Has the thread find its word next time without looking.
    pub(super) fn remember(&self, thread: impl CurrentThread, writer: &SharedWriter<'_>) {
        let registry = self.promotion.registry;
        thread.remember_word(registry, writer.word);
        // Relaxed: only the slot's owner loads it.
        writer.slot.registry.store(registry, Relaxed);
    }

    /// Creates what changes to gauges need, apart from the epoch of the slot.
    pub(super) fn create_gauges(&self) {
        self.gauge_epochs();
    }

    fn gauge_epochs(&self) -> &PerSlot<OnceBox<GaugeEpoch>> {
        self.gauges.get_or_set(Box::default)
    }

    /// Sets a gauge. [`Self::try_bump_gauge_epoch`] comes after this, as after the next two.
    #[inline]
    pub(super) fn set_gauge(&self, index: u8, value: u64) {
        // Release: a reader that sees the value sees what preceded it.
        self.cell(index).store(value, Release);
    }

    /// Adds to a gauge.
    #[inline]
    pub(super) fn add_gauge(&self, index: u8, n: u64) {
        // Release: as in `set_gauge`.
        self.cell(index).fetch_add(n, Release);
    }

    /// Clears a gauge that no thread writes to, so that another series can have it.
    pub(super) fn clear(&self, index: u8) {
        // Relaxed: published by the epoch. The next series' first handle is made after this.
        self.cell(index).store(0, Relaxed);
        // Release, last: publishes the cell.
        self.cleared.fetch_add(1, Release);
    }

    /// Changes a gauge to what `change` makes of it. `change` is called again if another thread was faster.
    pub(super) fn update_gauge(&self, index: u8, change: impl Fn(u64) -> u64) {
        let cell = self.cell(index);
        // Relaxed: a guess, which the exchange checks.
        let mut value = cell.load(Relaxed);
        // Release: as in `set_gauge`. Relaxed on failure: the next guess.
        while let Err(now) = cell.compare_exchange_weak(value, change(value), Release, Relaxed) {
            value = now;
        }
    }

    /// Bumps the epoch of the caller's slot. `false`: it has none yet.
    #[inline]
    pub(super) fn try_bump_gauge_epoch(&self, owner: Owner<'_>) -> bool {
        let epochs = self.gauges.get();
        let epoch = epochs.and_then(|epochs| epochs.get(owner.slot()));
        let word = self.promotion.changes.word(owner);
        let (Some((_, epoch)), Some(word)) = (epoch, word) else {
            return false;
        };
        epoch.bump();
        word.bump();
        true
    }

    /// Bumps the epoch of the caller's slot, after creating it if it has none.
    pub(super) fn bump_gauge_epoch(&self, owner: Owner<'_>) {
        let (_, epoch) = self
            .gauge_epochs()
            .get_or_create(owner, GaugeEpoch::default);
        let word = self.promotion.changes.word_or_create(owner);
        epoch.bump();
        word.bump();
    }

    /// The value of a cell.
    #[inline]
    pub(super) fn value(&self, index: u8) -> u64 {
        // Acquire: what preceded the value is visible to the reads that follow.
        self.cell(index).load(Acquire)
    }

    /// How often cells were cleared, and gauges written.
    pub(super) fn epoch(&self) -> u64 {
        // Acquire: pairs with `clear`; the cells that it counts are visible after this.
        let mut epoch = self.cleared.load(Acquire);
        if let Some(gauges) = self.gauges.get() {
            gauges.for_each(|_, _, slot| epoch = epoch.wrapping_add(slot.gauge_epoch()));
        }
        epoch
    }
}

impl PageSlot {
    pub(super) fn epoch(&self) -> u64 {
        // Acquire: pairs with the bump in `SharedWriter::add`; the write that it counts is visible after this.
        self.epoch.load(Acquire)
    }
}

impl GaugeEpoch {
    /// For the owner of the slot.
    #[inline]
    fn bump(&self) {
        // Relaxed: this thread's own last store. Release: publishes the change to the gauge.
        self.0.store(self.0.load(Relaxed).wrapping_add(1), Release);
    }

    fn gauge_epoch(&self) -> u64 {
        // Acquire: pairs with `bump`; the change that it counts is visible after this.
        self.0.load(Acquire)
    }
}
