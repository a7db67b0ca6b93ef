//! A page: the cells of 256 counters or gauges.
//!
//! **Layout.** A page has [shared cells](super::shared), written by any thread, and for each thread that was
//! [promoted](crate::engine::slot::adaptive) on this page [cells that it owns](super::owned). A counter's value is the sum of its cells. A
//! gauge has its shared cell only, since `set` needs one last writer.
//!
//! **Writer.** A thread that owns cells writes to them, any other one to the shared ones. It is promoted after a write to the shared
//! cells, so that nothing is under way while its own cells are made.
//! **Reader of one metric.** Adds up its cells: those that threads own first, then the shared one. What one thread wrote is then
//! always a prefix: its writes to the shared cell came before those to its own.
//! **Reader of the page** ([`page_cache`](super::page_cache)). The epochs first, then the cells, metric by metric as above, from
//! the last one down. A write between the two is read again next time; it is never marked clean.
//!
//! *A before B.* If every thread adds to A and then to B, and A comes before B on the page, no reading shows B ahead of A: all cells of
//! B are read before those of A. Owned cells that appear during a reading are noticed, and the page is read again.
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | owned cells before the shared one | program order, Acquire | later writes of a thread without earlier ones | `counter::promoted_while_read` |
//! | B before A | program order, Acquire | B ahead of A | `counter::a_before_b` |
//! | owned cells that appear are noticed | the Acquire of their pointer | B ahead of A | `counter::first_touch_across_pages` |
//!
//! **Limits.** One thread writes to owned cells. They share one epoch, so a signal handler that interrupts a write on its own thread
//! and writes to any counter or gauge of the same page may take the epoch back: a reader then marks a write clean that it has not
//! read. Handlers are outside the contract for all of a registry's metrics, and for every first write.
//!
//! **Progress.** Writers are wait-free after their first write and their promotion, which allocate, except that `update_gauge` is a
//! compare-exchange loop. A reader repeats a page only if a thread's own cells appeared during the reading: at most once for each.

use super::holders::CellHolders;
use super::owned::{CellReader, CellWriter, OwnedCells};
use super::raise::Raising;
use super::shared::{PageSlot, SharedCells, SharedWriter};
use crate::engine::slot::adaptive::{Promotion, Room};
use crate::engine::slot::owner::{CurrentThread, Owner, first_write};
use crate::engine::slot::per_slot::{Entry, PerSlot};
use crate::engine::slot::slot_word::SlotWord;
use crate::ownership::Ownership;
use crate::tuning::PAGE_CELLS;
use std::sync::Arc;

/// What a thread's own cells take.
const OWNED_BYTES: u64 = size_of::<OwnedCells>() as u64;

/// First writes other than those to a counter, which have the counter's index.
const WARM: usize = PAGE_CELLS;
const GAUGE: usize = PAGE_CELLS + 1;

/// See the module's header.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Page {
    slots: PerSlot<PageSlot>,
    /// Of a family's page: who holds each cell.
    pub(crate) holders: CellHolders,
    pub(crate) raising: Raising,
    shared: SharedCells,
}

impl Page {
    /// `promotion`: the registry's.
    pub(crate) fn new(promotion: Arc<Promotion>) -> Self {
        Self {
            slots: PerSlot::default(),
            holders: CellHolders::default(),
            raising: Raising::default(),
            shared: SharedCells::new(promotion),
        }
    }

    /// A page of a family.
    pub(crate) fn of_family(promotion: Arc<Promotion>) -> Self {
        Self {
            holders: CellHolders::of_family(),
            ..Self::new(promotion)
        }
    }

    fn promotion(&self) -> &Arc<Promotion> {
        &self.shared.promotion
    }

    /// Adds to a counter.
    #[inline]
    pub(crate) fn add(&self, thread: impl CurrentThread, index: u8, n: u64) {
        match self.slots.own_inline(thread.owner()) {
            Some((_, cells)) => CellWriter(cells).add(index, n),
            None => self.add_shared(thread, index, n),
        }
    }

    /// [`Self::add`], for a thread that owns no cells, or whose slot is not low. Short, since it runs where the code is in no near cache
    /// either.
    #[inline(never)]
    fn add_shared(&self, thread: impl CurrentThread, index: u8, n: u64) {
        let slot = self.slots.inline_entry(thread.owner().slot());
        if !slot.is_some_and(|slot| self.shared.try_add(thread, slot, index, n)) {
            self.add_slow(thread, index, n);
        }
    }

    #[inline(never)]
    fn add_slow(&self, thread: impl CurrentThread, index: u8, n: u64) {
        let owner = thread.owner();
        let Some(slot) = self.slots.entry(owner.slot()) else {
            return self.add_first(thread, index, n);
        };
        if let Some(cells) = slot.value().get() {
            return CellWriter(cells).add(index, n);
        }
        match self.shared.writer(owner, slot, index) {
            Some(writer) if self.promotion().ownership != Ownership::Always => {
                self.write_shared(thread, writer, n);
            }
            _ => self.add_first(thread, index, n),
        }
    }

    #[cold]
    fn add_first(&self, thread: impl CurrentThread, index: u8, n: u64) {
        first_write(thread, self.key(usize::from(index)), n, |owner, n| {
            if self.promotion().ownership == Ownership::Always {
                return CellWriter(self.own(owner)).add(index, n);
            }
            let slot = self.slots.entry_or_alloc(owner);
            let writer = self.shared.writer_or_create(owner, slot, index);
            self.write_shared(thread, writer, n);
        });
    }

    fn write_shared(&self, thread: impl CurrentThread, writer: SharedWriter<'_>, n: u64) {
        self.shared.remember(thread, &writer);
        if writer.add(n, || thread.ticks()) {
            self.promote(thread.owner());
        }
    }

    /// Tells one kind of write to this page from all other writes.
    fn key(&self, kind: usize) -> (*const (), usize) {
        (std::ptr::from_ref(self).cast(), kind)
    }

    /// Gives a thread cells of its own, if there is room for them.
    #[cold]
    fn promote(&self, owner: Owner<'_>) {
        if self.promotion().ownership == Ownership::Never {
            return;
        }
        if let Some(room) = self.promotion().try_room(OWNED_BYTES) {
            self.create(owner, room);
        }
    }

    /// The caller's own cells, made if there are none, whether there is room or not.
    fn own(&self, owner: Owner<'_>) -> &OwnedCells {
        match self.slots.get(owner.slot()) {
            Some((_, cells)) => cells,
            None => self.create(owner, self.promotion().room(OWNED_BYTES)),
        }
    }

    fn create(&self, owner: Owner<'_>, room: Room) -> &OwnedCells {
        let word = SlotWord::new(self.promotion(), owner);
        self.slots
            .get_or_create(owner, || OwnedCells::new(word, room))
            .1
    }

    /// Makes what the calling thread's writes to a counter need: cells of its own, unless threads never own any.
    pub(crate) fn warm(&self, thread: impl CurrentThread, index: u8) {
        first_write(thread, self.key(WARM), 0, |owner, _| {
            if self.promotion().ownership == Ownership::Never {
                let slot = self.slots.entry_or_alloc(owner);
                self.shared.writer_or_create(owner, slot, index);
            } else {
                self.own(owner);
            }
        });
    }

    /// Makes what changes to gauges need, so that one allocates only the thread's own epoch.
    pub(crate) fn create_gauges(&self) {
        self.shared.create_gauges();
    }

    /// Clears a gauge that no thread writes to.
    pub(crate) fn clear(&self, index: u8) {
        self.shared.clear(index);
    }

    /// A gauge's value.
    pub(crate) fn gauge(&self, index: u8) -> u64 {
        self.shared.value(index)
    }

    /// Sets a gauge.
    #[inline]
    pub(crate) fn set_gauge(&self, thread: impl CurrentThread, index: u8, value: u64) {
        self.shared.set_gauge(index, value);
        self.bump_gauge_epoch(thread);
    }

    /// Adds to a gauge.
    #[inline]
    pub(crate) fn add_gauge(&self, thread: impl CurrentThread, index: u8, n: u64) {
        self.shared.add_gauge(index, n);
        self.bump_gauge_epoch(thread);
    }

    /// Changes a gauge to what `change` makes of it. `change` is called again if another thread was faster.
    pub(crate) fn update_gauge(
        &self,
        thread: impl CurrentThread,
        index: u8,
        change: impl Fn(u64) -> u64,
    ) {
        self.shared.update_gauge(index, change);
        self.bump_gauge_epoch(thread);
    }

    /// Makes readers look at the page again: the last step of every change to a gauge.
    #[inline]
    fn bump_gauge_epoch(&self, thread: impl CurrentThread) {
        if !self.shared.try_bump_gauge_epoch(thread.owner()) {
            first_write(thread, self.key(GAUGE), 1, |owner, _| {
                self.shared.bump_gauge_epoch(owner);
            });
        }
    }

    /// A metric's value. It wraps at 2^64.
    pub(crate) fn value(&self, index: u8) -> u64 {
        let mut sum = 0_u64;
        self.slots
            .for_each(|_, _, cells| sum = sum.wrapping_add(CellReader(cells).value(index.into())));
        // After the owned ones: see the header.
        sum.wrapping_add(self.shared.value(index))
    }

    /// How often anything on the page was written.
    pub(crate) fn epoch(&self) -> u64 {
        let mut epoch = self.shared.epoch();
        self.slots.for_each_entry(|_, slot| {
            epoch = epoch.wrapping_add(slot.epoch());
            if let Some(cells) = slot.value().get() {
                epoch = epoch.wrapping_add(CellReader(cells).epoch());
            }
        });
        epoch
    }

    /// Reads the values of the page's first `out.len()` cells, the last one first. Load the epoch before.
    pub(crate) fn read_into(&self, out: &mut [u64]) {
        let mut owned = self.owned_readers();
        loop {
            for (index, value) in out.iter_mut().enumerate().rev() {
                let own = owned
                    .iter()
                    .fold(0, |sum, cells| cells.value(index).wrapping_add(sum));
                // After the owned ones: see the header. An index of a page fits.
                *value = own.wrapping_add(self.shared.value(index as u8));
            }
            let now = self.owned_readers();
            if now.len() == owned.len() {
                return;
            }
            // A thread was promoted during the reading, and a later write of another thread, ordered after it, may already be in
            // `out`.
            owned = now;
        }
    }

    /// The words of all slots of the page's registry, added up.
    #[allow(dead_code, reason = "only models call it")]
    pub(crate) fn words(&self) -> u64 {
        self.promotion().changes.sum()
    }

    /// How many threads own cells here.
    #[allow(dead_code, reason = "only models call it")]
    pub(crate) fn owners(&self) -> usize {
        self.owned_readers().len()
    }

    /// All owned cells that exist now.
    fn owned_readers(&self) -> Vec<CellReader<'_>> {
        let mut found = Vec::new();
        self.slots
            .for_each(|_, _, cells| found.push(CellReader(cells)));
        found
    }
}
