//! The cells of a page that all threads share: those of counters that are not written often enough to be owned, and of gauges.
//!
//! **Layout.** The cells are in chunks, made when one of them is first written. A counter's writers bump the **epoch** of the page.
//! A gauge's bump an epoch of their own slot, since all gauges of a page would contend for one word. The rates at which slots write
//! here are theirs alone; those of the low slots are beside the epoch, which their owners have at hand.
//!
//! **Writer of a counter** ([`SharedWriter`]). cell += n (Release); epoch += 1 (Release); the slot's
//! [word](crate::engine::slot::changes), last. Then the slot's rate, which is its own alone.
//! **Writer of a gauge.** The cell (Release); the slot's epoch (Release); the slot's word, last.
//! **Reader.** Of the whole page the epochs first (Acquire), then the cells (Acquire). A chunk that does not exist yet is all zeroes: its
//! pointer is loaded for each cell, so a chunk that appears during a reading is in it from there on.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | counter: cell | Release | reader: cell | B ahead of A | `counter::a_before_b` |
//! | counter: epoch | Release | reader: `epoch` | a write marked clean unread | `counter::write_during_a_rebuild` |
//! | gauge: `set_gauge`, `add_gauge`, `update_gauge` | Release | reader: `value` | the value is visible, what preceded it is not | `counter::gauge_publishes` |
//! | gauge: `clear`, and the page's epoch | Release | reader: cell, epoch | a snapshot shows a removed series' value | `family::a_gauge_is_reused` |
//! | gauge: the slot's epoch | Release | reader: `epoch` | a change marked clean unread | `counter::gauge_publishes` |
//! | reader: `value` | Acquire | cell | B ahead of A; a gauge without what preceded it | `counter::a_before_b`, `counter::gauge_publishes` |
//! | reader: `epoch` | Acquire | counter: epoch | a write marked clean unread | `counter::write_during_a_rebuild` |
//! | reader: `gauge_epoch` | Acquire | the slot's epoch | a change marked clean unread | `counter::gauge_publishes` |
//!
//! **Progress.** Wait-free once the cell's chunk and the slot's entry exist, except that `update_gauge` is a compare-exchange loop.

use crate::engine::slot::adaptive::SlotRate;
use crate::engine::slot::changes::{ChangeWord, Changes};
use crate::engine::slot::once_box::OnceBox;
use crate::engine::slot::owner::Owner;
use crate::engine::slot::per_slot::PerSlot;
use crate::engine::slot::sparse_table::SparseTable;
use crate::sync::{Acquire, AtomicU64, Relaxed, Release};
use crate::tuning::{PAGE_CELLS, SHARED_CHUNK};

/// See the module's header. What every shared write touches comes first, in one line; the lines before it belong to readers and owners.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(super) struct SharedCells {
    epoch: AtomicU64,
    chunks: [OnceBox<Chunk>; PAGE_CELLS / SHARED_CHUNK],
    /// Epochs of the slots that write to gauges; none on a page without gauges.
    gauges: OnceBox<PerSlot<OnceBox<GaugeEpoch>>>,
    rates: SparseTable<SlotRate>,
}

#[derive(Debug)]
#[repr(align(64))]
struct Chunk([AtomicU64; SHARED_CHUNK]);

impl Default for Chunk {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
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
    epoch: &'a AtomicU64,
    rate: &'a SlotRate,
    word: &'a ChangeWord,
}

impl SharedWriter<'_> {
    /// Adds to the cell. Returns whether the slot's owner is to get cells of its own.
    #[inline]
    pub(super) fn add(&self, n: u64, ticks: impl FnOnce() -> u64) -> bool {
        // Release: a reader that sees the value sees what this thread did before.
        self.cell.fetch_add(n, Release);
        // Release, after the cell: publishes it.
        self.epoch.fetch_add(1, Release);
        self.word.bump();
        self.rate.count(ticks)
    }
}

/// The chunk of a cell, and its place there.
#[inline]
fn place_of(index: u8) -> (usize, usize) {
    let index = usize::from(index);
    // Not `%`: in models a chunk is one cell, and clippy objects to that.
    (index / SHARED_CHUNK, index.rem_euclid(SHARED_CHUNK))
}

impl SharedCells {
    #[inline]
    fn cell(&self, index: u8) -> Option<&AtomicU64> {
        let (chunk, offset) = place_of(index);
        Some(&self.chunks[chunk].get()?.0[offset])
    }

    fn cell_or_create(&self, index: u8) -> &AtomicU64 {
        let (chunk, offset) = place_of(index);
        &self.chunks[chunk].get_or_set(Box::default).0[offset]
    }

    /// What the owner of a slot needs to write to a counter, if all of it exists.
    #[inline]
    pub(super) fn writer<'a>(
        &'a self,
        changes: &'a Changes,
        owner: Owner<'_>,
        index: u8,
    ) -> Option<SharedWriter<'a>> {
        Some(SharedWriter {
            cell: self.cell(index)?,
            epoch: &self.epoch,
            rate: self.rates.get(owner.slot())?,
            word: changes.word(owner)?,
        })
    }

    /// [`Self::writer`], after creating what is missing.
    pub(super) fn writer_or_create<'a>(
        &'a self,
        changes: &'a Changes,
        owner: Owner<'_>,
        index: u8,
    ) -> SharedWriter<'a> {
        SharedWriter {
            cell: self.cell_or_create(index),
            epoch: &self.epoch,
            rate: self.rates.get_or_alloc(owner.slot()),
            word: changes.word_or_create(owner),
        }
    }

    /// Creates what a change to a gauge needs, apart from the epoch of the slot.
    pub(super) fn create_gauge(&self, index: u8) {
        self.cell_or_create(index);
        self.gauge_epochs();
    }

    fn gauge_epochs(&self) -> &PerSlot<OnceBox<GaugeEpoch>> {
        self.gauges.get_or_set(Box::default)
    }

    /// Sets a gauge. [`Self::try_bump_gauge_epoch`] comes after this, as after the next two.
    #[inline]
    pub(super) fn set_gauge(&self, index: u8, value: u64) {
        // Release: a reader that sees the value sees what preceded it.
        self.cell_or_create(index).store(value, Release);
    }

    /// Adds to a gauge.
    #[inline]
    pub(super) fn add_gauge(&self, index: u8, n: u64) {
        // Release: as in `set_gauge`.
        self.cell_or_create(index).fetch_add(n, Release);
    }

    /// Clears a gauge that no thread writes to, so that another series can have it.
    pub(super) fn clear(&self, index: u8) {
        // Relaxed: published by the epoch. The next series' first handle is made after this.
        self.cell_or_create(index).store(0, Relaxed);
        // Release, last: publishes the cell. The epoch of the page, since no slot need own one here.
        self.epoch.fetch_add(1, Release);
    }

    /// Changes a gauge to what `change` makes of it. `change` is called again if another thread was faster.
    pub(super) fn update_gauge(&self, index: u8, change: impl Fn(u64) -> u64) {
        let cell = self.cell_or_create(index);
        // Relaxed: a guess, which the exchange checks.
        let mut value = cell.load(Relaxed);
        // Release: as in `set_gauge`. Relaxed on failure: the next guess.
        while let Err(now) = cell.compare_exchange_weak(value, change(value), Release, Relaxed) {
            value = now;
        }
    }

    /// Bumps the epoch of the caller's slot. `false`: it has none yet.
    #[inline]
    pub(super) fn try_bump_gauge_epoch(&self, changes: &Changes, owner: Owner<'_>) -> bool {
        let epochs = self.gauges.get();
        let epoch = epochs.and_then(|epochs| epochs.get(owner.slot()));
        let (Some((_, epoch)), Some(word)) = (epoch, changes.word(owner)) else {
            return false;
        };
        epoch.bump();
        word.bump();
        true
    }

    /// Bumps the epoch of the caller's slot, after creating it if it has none.
    pub(super) fn bump_gauge_epoch(&self, changes: &Changes, owner: Owner<'_>) {
        let (_, epoch) = self
            .gauge_epochs()
            .get_or_create(owner, GaugeEpoch::default);
        let word = changes.word_or_create(owner);
        epoch.bump();
        word.bump();
    }

    /// The value of a cell.
    #[inline]
    pub(super) fn value(&self, index: u8) -> u64 {
        // Acquire: what preceded the value is visible to the reads that follow.
        self.cell(index).map_or(0, |cell| cell.load(Acquire))
    }

    /// How often anything here was written.
    pub(super) fn epoch(&self) -> u64 {
        // Acquire: pairs with the writers' bump; the cells that it counts are visible after this.
        let mut epoch = self.epoch.load(Acquire);
        if let Some(gauges) = self.gauges.get() {
            gauges.for_each(|_, _, slot| epoch = epoch.wrapping_add(slot.gauge_epoch()));
        }
        epoch
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
