//! Histograms: a block that threads share, blocks that hot threads own, and the snapshot that readers share.
//!
//! ```text
//! record ─┬► BlockWriter ──► Block ──► BlockReader ──► SlotCursor ─┬► FoldState ──► Accumulate ──► SnapshotCache
//!         │  (its owner)               (one reader)    (one block) │  (all blocks)  (what a snapshot is cut from)
//!         └► SharedBlock ────────────► SharedBank ───► SharedCursor ┘
//!            (any thread)              (one reader)
//! ```
//!
//! [`Storage`] decides which block a thread uses; [`Recorder`] ties all of it together. It has no ordering of its own.
//!
//! A snapshot carries the sum of the tails that were **folded** for it, and of the rejections. It is current while the tails
//! still add up to that number: each tail only grows, so the sums are equal only if every tail is. Of a histogram with
//! [`exemplars`], the number of those that were stored is in the sum as well.
//!
//! **Reset** stores into no cell that a writer uses. It cuts each slot where the slot's fold is exact ([`reset`]): forgetting half
//! of a sample would leave the other half behind. When all slots are cut it publishes what came after the cuts, then bumps the
//! generation. One reset runs at a time, so that each one begins its cuts after its call. Between attempts it holds no lock
//! that a reader takes.
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | a snapshot with samples in doubt is behind | its epoch | a registry's reading keeps the doubt | `read_order::what_is_in_doubt_is_read_again` |
//! | the word once more, after an exemplar was stored | Release | a registry's reading is current without the exemplar | `exemplars::a_registry_shows_an_exemplar` |

pub(crate) mod accumulate;
pub(crate) mod block;
pub(crate) mod bucket_layout;
pub(crate) mod counts;
mod cursor;
mod exemplars;
pub(crate) mod fold;
pub(crate) mod octave_counts;
mod octaves;
pub(crate) mod reader;
mod reset;
pub(crate) mod shared;
mod shared_cursor;
mod shared_octaves;
mod slot_state;
mod slot_table;
pub(crate) mod storage;
pub(crate) mod unpacked_counts;
pub(crate) mod writer;

use super::family::dirty::DirtyBit;
use super::generation::Generation;
use super::readout::Validity;
use super::slot::adaptive::Promotion;
use super::slot::once_box::OnceBox;
use super::slot::owner::{CurrentThread, first_write, first_write_of_value};
use super::snapshot_cache::SnapshotCache;
use crate::ownership::Ownership;
use crate::sync::{Mutex, PoisonError, TryLockError, pause};
use crate::tuning::RESET_ATTEMPTS;
use accumulate::{Accumulate, FoldOutcome};
use block::BlockConfig;
use exemplars::Exemplars;
use fold::FoldState;
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;
use storage::{Recorded, Storage};
use writer::BlockWriter;

/// The engine's part of a histogram: the blocks that threads record into, and the cached snapshot that readers rebuild and
/// reset. See the module's header.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Recorder<A: Accumulate> {
    storage: Storage,
    /// Made by the first reader.
    readers: OnceBox<Readers<A>>,
    /// The time of the first, empty snapshot.
    created: Duration,
    kind: A::Kind,
    /// If they were asked for.
    exemplars: Option<Box<Exemplars<A::Exemplar>>>,
}

/// What readers share.
#[derive(Debug)]
struct Readers<A: Accumulate> {
    /// Behind the lock: how far each slot was read, and what that added up to.
    cache: SnapshotCache<FoldState<A>, A::Snapshot>,
    /// Held by the reset that is under way.
    resets: Mutex<()>,
}

impl<A: Accumulate> Recorder<A> {
    /// `created`: the time of the first, empty snapshot.
    pub(crate) fn new(
        config: BlockConfig,
        kind: A::Kind,
        created: Duration,
        ownership: Ownership,
        promotion: Arc<Promotion>,
        dirty: DirtyBit,
    ) -> Self {
        Self {
            storage: Storage::new(config, ownership, promotion, dirty),
            readers: OnceBox::default(),
            created,
            kind,
            exemplars: None,
        }
    }

    /// Keeps exemplars. `bounds`: the highest value of each exported bucket but the last one, rising.
    pub(crate) fn with_exemplars(self, bounds: Box<[u64]>) -> Self {
        Self {
            exemplars: Some(Box::new(Exemplars::new(bounds))),
            ..self
        }
    }

    /// Whether it keeps exemplars.
    pub(crate) fn has_exemplars(&self) -> bool {
        self.exemplars.is_some()
    }

    /// What readers share. Of two readers that come first at the same time, one makes it.
    fn readers(&self) -> &Readers<A> {
        self.readers.get().unwrap_or_else(|| {
            let mut accumulator = A::new(&self.storage.config, self.kind);
            let empty = accumulator.publish(FoldOutcome::default(), self.created);
            self.readers.set(Box::new(Readers {
                cache: SnapshotCache::new(FoldState::new(accumulator), empty),
                resets: Mutex::new(()),
            }))
        })
    }

    pub(crate) fn config(&self) -> &BlockConfig {
        &self.storage.config
    }

    /// Records a value; out of range, it counts as rejected.
    #[inline]
    pub(crate) fn record(&self, thread: impl CurrentThread, value: u64) {
        match BlockWriter::find_first(&self.storage.blocks, thread.owner()) {
            Some(writer) if writer.try_record(value) => {}
            Some(_) => self.record_slow(thread, value),
            None => self.record_shared(thread, value),
        }
    }

    /// [`Self::record`], for a thread that owns no block, or whose slot is not among the first. Short, since it runs where the code is in no
    /// near cache either.
    #[inline(never)]
    fn record_shared(&self, thread: impl CurrentThread, value: u64) {
        if !self.storage.try_record_first(thread, value) {
            self.record_in_any_slot(thread, value);
        }
    }

    /// [`Self::record`], for a thread whose slot may not be among the first.
    #[inline(never)]
    fn record_in_any_slot(&self, thread: impl CurrentThread, value: u64) {
        let writer = BlockWriter::find(&self.storage.blocks, thread.owner());
        if !writer.is_some_and(|writer| writer.try_record(value)) {
            self.record_slow(thread, value);
        }
    }

    /// Records what [`Self::record`] did not, or rejects it.
    #[inline(never)]
    fn record_slow(&self, thread: impl CurrentThread, value: u64) {
        if !self.storage.config.layout.contains(value) {
            return self.reject(thread);
        }
        match self.storage.try_record(thread, value) {
            Recorded::Yes => {}
            Recorded::NoRoom => self.record_with_room(thread, value, false),
            Recorded::Promoted => self.record_with_room(thread, value, true),
        }
    }

    /// Records a value, and makes what that needs. What the allocator records into this histogram in between is recorded afterwards.
    #[cold]
    fn record_with_room(&self, thread: impl CurrentThread, value: u64, promoted: bool) {
        let storage = &self.storage;
        first_write_of_value(
            thread,
            self.key(0),
            value,
            |owner, value| storage.record_with_room(owner, value, promoted),
            |owner, lost| storage.reject(owner, lost),
        );
    }

    /// [`Self::record`], and keeps the exemplar, which is made after the record, unless the value is out of range.
    pub(crate) fn record_with_exemplar(
        &self,
        thread: impl CurrentThread,
        value: u64,
        exemplar: impl FnOnce() -> A::Exemplar,
    ) {
        let record = || self.record(thread, value);
        match self.exemplars.as_deref() {
            Some(exemplars) if self.storage.config.layout.contains(value) => {
                exemplars.record(value, record, exemplar);
                self.storage.bump_word(thread.owner());
            }
            _ => record(),
        }
    }

    /// Makes what the calling thread needs to record values from `low` to `high`, which are within the range. `false`: there is no memory
    /// for it.
    #[cold]
    pub(crate) fn warm(&self, thread: impl CurrentThread, low: u64, high: u64) -> bool {
        let done = Cell::new(false);
        first_write(thread, self.key(1), 0, |owner, _| {
            done.set(self.storage.warm(owner, low, high));
        });
        done.get()
    }

    /// Counts a value as rejected.
    #[cold]
    pub(crate) fn reject(&self, thread: impl CurrentThread) {
        self.storage.reject(thread.owner(), 1);
    }

    /// Tells one kind of write to this histogram from all other writes.
    fn key(&self, kind: usize) -> (*const (), usize) {
        (std::ptr::from_ref(self).cast(), kind)
    }

    /// Whether a snapshot that was loaded before this call holds everything.
    #[inline]
    pub(crate) fn is_current(&self, snapshot: &A::Snapshot) -> bool {
        let exemplars = self.exemplars.as_ref();
        let stored = exemplars.map_or(0, |exemplars| exemplars.stored());
        A::epoch(snapshot) == self.storage.epoch().wrapping_add(stored)
    }

    /// How long a snapshot that was read just now holds everything, if nothing is written. `uncertain`: how many of its samples are.
    ///
    /// Those of writers that are inside a record are settled by their words. Those in doubt ([`shared_cursor`]) are settled by the next
    /// fold: as long as there are any, the epoch is behind.
    pub(crate) fn validity(&self, snapshot: &A::Snapshot, uncertain: u64) -> Validity {
        if uncertain == 0 || self.is_current(snapshot) {
            Validity::Lasting
        } else {
            Validity::Never
        }
    }

    /// The published snapshot if it is current or, at the time `now`, `within_staleness`; otherwise a new one. `now` is called
    /// before the fold and before anything is locked, and not at all if the published one is current.
    #[inline]
    pub(crate) fn read(
        &self,
        within_staleness: impl Fn(&A::Snapshot, Duration) -> bool,
        now: impl FnOnce() -> Duration,
    ) -> Arc<A::Snapshot> {
        let cache = &self.readers().cache;
        let published = cache.latest();
        if self.is_current(&published) {
            return published;
        }
        let now = now();
        if within_staleness(&published, now) {
            return published;
        }
        let serves = |published: &_, newer| {
            newer || self.is_current(published) || within_staleness(published, now)
        };
        let rebuild = |state: &mut FoldState<A>, _: &_| {
            state.read(&self.storage, self.exemplars.as_deref(), now)
        };
        cache.answer(cache.request(), serves, rebuild)
    }

    /// The last published snapshot.
    pub(crate) fn latest(&self) -> Arc<A::Snapshot> {
        self.readers().cache.latest()
    }

    /// Forgets what was recorded so far and returns it, then bumps the generation. `taken`: the time now.
    ///
    /// Waits for each writer that is inside a record, and for other resets. Readers run between the attempts.
    pub(crate) fn reset(&self, taken: Duration, generation: &Generation) -> A::Snapshot {
        let _only = self
            .readers()
            .resets
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(forgotten) = self.reset_within(usize::MAX, taken, generation) {
                return forgotten;
            }
        }
    }

    /// [`Self::reset`], given up after a number of attempts, or if another reset is under way. Then nothing is forgotten.
    pub(crate) fn try_reset(
        &self,
        taken: Duration,
        generation: &Generation,
    ) -> Option<A::Snapshot> {
        let _only = match self.readers().resets.try_lock() {
            Ok(only) => only,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        self.reset_within(RESET_ATTEMPTS, taken, generation)
    }

    fn reset_within(
        &self,
        attempts: usize,
        taken: Duration,
        generation: &Generation,
    ) -> Option<A::Snapshot> {
        let (cache, exemplars) = (&self.readers().cache, self.exemplars.as_deref());
        for attempt in 0..attempts {
            if attempt > 0 {
                pause();
            }
            let forgotten = cache.try_update(|state, _| {
                if attempt == 0 {
                    state.begin_reset(&self.storage, exemplars);
                }
                let cut = state.advance_reset(&self.storage, taken)?;
                exemplars.into_iter().for_each(Exemplars::reset);
                Some(cut)
            });
            if forgotten.is_some() {
                // After the snapshot without what was forgotten was published.
                self.storage.dirty.mark_changed();
                generation.bump();
                return forgotten;
            }
        }
        cache.try_update(|state, _| {
            state.cancel_reset();
            None
        })
    }
}
