//! Histograms: one block for each thread, and the snapshot that readers share.
//!
//! ```text
//! record ──► BlockWriter ──► Block ──► BlockReader ──► SlotCursor ──► FoldState ──► Accumulate ──► SnapshotCache
//!            (its owner)     (storage) (one reader)    (one slot)     (all slots)   (what a snapshot is cut from)
//! ```
//!
//! [`Recorder`] ties these together. It has no ordering of its own.
//!
//! A snapshot carries the sum of the tails that were **folded** for it, and of the rejections. It is current while the tails
//! still add up to that number: each tail only grows, so the sums are equal only if every tail is.
//!
//! **Reset** stores into no cell that a writer uses. Under the lock it folds once more and forgets what was folded; then it
//! bumps the generation. It needs an exact fold: forgetting half of a sample would leave the other half behind.

pub(crate) mod accumulate;
pub(crate) mod block;
pub(crate) mod bucket_layout;
mod cursor;
pub(crate) mod fold;
pub(crate) mod reader;
pub(crate) mod writer;

use super::generation::Generation;
use super::slot::owner::{CurrentThread, Owner, first_write};
use super::slot::per_slot::PerSlot;
use super::snapshot_cache::SnapshotCache;
use crate::sync::yield_now;
use accumulate::{Accumulate, FoldOutcome};
use block::{BlockConfig, BlockEntry};
use fold::FoldState;
use std::sync::Arc;
use std::time::Duration;
use writer::BlockWriter;

/// The engine's part of a histogram: the blocks that threads record into, and the cached snapshot that readers rebuild and
/// reset. See the module's header.
#[derive(Debug)]
pub(crate) struct Recorder<A: Accumulate> {
    config: BlockConfig,
    blocks: PerSlot<BlockEntry>,
    /// Behind the lock: how far each slot was read, and what that added up to.
    cache: SnapshotCache<(FoldState, A), A::Snapshot>,
}

impl<A: Accumulate> Recorder<A> {
    /// `created`: the time of the first, empty snapshot.
    pub(crate) fn new(config: BlockConfig, mut accumulator: A, created: Duration) -> Self {
        let empty = accumulator.publish(FoldOutcome::default(), created);
        let cache = SnapshotCache::new((FoldState::default(), accumulator), empty);
        Self {
            config,
            blocks: PerSlot::default(),
            cache,
        }
    }

    pub(crate) fn config(&self) -> &BlockConfig {
        &self.config
    }

    /// Records a value; out of range, it counts as rejected.
    #[inline]
    pub(crate) fn record(&self, thread: impl CurrentThread, value: u64) {
        let writer = BlockWriter::find(&self.blocks, thread.owner());
        if !writer.is_some_and(|writer| writer.try_record(value)) {
            self.record_slow(thread, value);
        }
    }

    /// Records what [`Self::record`] did not, or rejects it.
    #[inline(never)]
    fn record_slow(&self, thread: impl CurrentThread, value: u64) {
        if !self.config.layout.contains(value) {
            return self.reject(thread);
        }
        match BlockWriter::find(&self.blocks, thread.owner()) {
            Some(writer) => writer.record_any(value),
            None => first_write(thread, self.key(0), value, |owner, value| {
                self.writer_or_create(owner).record_any(value);
            }),
        }
    }

    /// Counts a value as rejected.
    #[cold]
    pub(crate) fn reject(&self, thread: impl CurrentThread) {
        match BlockWriter::find(&self.blocks, thread.owner()) {
            Some(writer) => writer.reject(),
            None => first_write(thread, self.key(1), 0, |owner, _| {
                self.writer_or_create(owner).reject();
            }),
        }
    }

    fn writer_or_create<'a>(&'a self, owner: Owner<'a>) -> BlockWriter<'a> {
        BlockWriter::find_or_create(&self.blocks, owner, || self.config.block())
    }

    /// Tells one kind of write to this histogram from all other writes.
    fn key(&self, kind: usize) -> (*const (), usize) {
        (std::ptr::from_ref(self).cast(), kind)
    }

    /// Whether a snapshot that was loaded before this call holds everything.
    #[inline]
    pub(crate) fn is_current(&self, snapshot: &A::Snapshot) -> bool {
        let mut epoch = 0_u64;
        self.blocks.for_each_entry(|_, entry| {
            epoch = epoch
                .wrapping_add(entry.recorded())
                .wrapping_add(entry.rejected());
        });
        A::epoch(snapshot) == epoch
    }

    /// The published snapshot if it is current or `within_staleness`, otherwise a new one. `now` is called before the fold.
    #[inline]
    pub(crate) fn read(
        &self,
        within_staleness: impl Fn(&A::Snapshot) -> bool,
        now: impl FnOnce() -> Duration,
    ) -> Arc<A::Snapshot> {
        self.cache.read(
            |published| self.is_current(published) || within_staleness(published),
            |(state, accumulator), _| {
                let taken = now();
                let outcome = state.fold(&self.blocks, &self.config, accumulator);
                accumulator.publish(outcome, taken)
            },
        )
    }

    /// The last published snapshot.
    pub(crate) fn latest(&self) -> Arc<A::Snapshot> {
        self.cache.latest()
    }

    /// Forgets what was recorded so far and returns it, then bumps the generation.
    ///
    /// Repeats while a writer is inside a record and its sample cannot be assigned to one side. Readers run between the
    /// attempts.
    pub(crate) fn reset(&self, now: impl Fn() -> Duration, generation: &Generation) -> A::Snapshot {
        loop {
            if let Some(before) = self.try_reset(now(), generation) {
                return before;
            }
            yield_now();
        }
    }

    /// One attempt of [`Self::reset`].
    pub(crate) fn try_reset(
        &self,
        taken: Duration,
        generation: &Generation,
    ) -> Option<A::Snapshot> {
        let before = self.cache.update(|(state, accumulator), _| {
            let outcome = state.fold(&self.blocks, &self.config, accumulator);
            let before = accumulator.publish(outcome, taken);
            if outcome.uncertain > 0 {
                return (before, None);
            }
            accumulator.reset(outcome);
            (accumulator.publish(outcome, taken), Some(before))
        })?;
        // After the empty snapshot was published.
        generation.bump();
        Some(before)
    }
}
