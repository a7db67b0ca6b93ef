//! One histogram: its threads' blocks, and the snapshot that readers share.
//!
//! Ties [`block`](super::block), [`fold`](super::fold) and [`cached`](super::cached) together; has no ordering of its own.
//!
//! A snapshot carries the sum of the tails that were **folded** for it (and of the refusals). It is current while that is
//! what the tails add up to now: each tail only grows, so the sums are equal only if every tail is.
//!
//! **Reset** stores into no cell that a writer uses. Inside the gate it folds once more and then forgets what was folded.
//! It needs an exact fold: forgetting half of a sample would leave the other half for ever.

use super::block::{Block, Head};
use super::cached::Cached;
use super::fold::{Folded, Folder, Shape, Sink};
use super::per_thread::PerThread;
use std::sync::Arc;
use std::time::Duration;

/// What folds add up to, and what snapshots are cut from.
pub(crate) trait Accumulate: Sink {
    type Snapshot;

    /// A snapshot of all that was folded; `taken`: when the fold began.
    fn publish(&mut self, folded: Folded, taken: Duration) -> Self::Snapshot;
    /// Forgets all that was folded.
    fn reset(&mut self, folded: Folded);
    /// The epoch of what was folded for a snapshot.
    fn epoch(snapshot: &Self::Snapshot) -> u64;
}

/// See the module's header.
#[derive(Debug)]
pub(crate) struct Recorder<A: Accumulate> {
    shape: Shape,
    blocks: PerThread<Head>,
    cache: Cached<State<A>, A::Snapshot>,
}

/// What the gate protects.
#[derive(Debug)]
struct State<A> {
    folder: Folder,
    accumulator: A,
}

impl<A: Accumulate> State<A> {
    /// Folds what is new in all slots.
    fn fold(&mut self, blocks: &PerThread<Head>, shape: &Shape) -> Folded {
        let mut folded = Folded::default();
        blocks.for_each(|slot, head, block| {
            folded += self.folder.fold(slot, head, block, shape, &mut self.accumulator);
        });
        folded
    }
}

impl<A: Accumulate> Recorder<A> {
    /// `created`: the time of the first, empty snapshot.
    pub(crate) fn new(shape: Shape, mut accumulator: A, created: Duration) -> Self {
        let empty = accumulator.publish(Folded::default(), created);
        let state = State { folder: Folder::default(), accumulator };
        Self { shape, blocks: PerThread::default(), cache: Cached::new(state, empty) }
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Each thread's block, to record into.
    #[inline(always)]
    pub(crate) fn blocks(&self) -> &PerThread<Head> {
        &self.blocks
    }

    /// An empty block.
    pub(crate) fn block(&self) -> Block {
        Block::new(self.shape.layout, self.shape.queue)
    }

    /// Whether a snapshot, loaded before this call, holds everything.
    #[inline]
    pub(crate) fn is_current(&self, snapshot: &A::Snapshot) -> bool {
        let mut epoch = 0_u64;
        self.blocks.for_each_entry(|_, head| epoch = epoch.wrapping_add(head.tail()).wrapping_add(head.rejected()));
        A::epoch(snapshot) == epoch
    }

    /// The published snapshot if it is `young` or current, otherwise a new one. `now` is asked before folding.
    #[inline]
    pub(crate) fn read(
        &self,
        young: impl Fn(&A::Snapshot) -> bool,
        now: impl FnOnce() -> Duration,
    ) -> Arc<A::Snapshot> {
        self.cache.read(
            |published| self.is_current(published) || young(published),
            |state, _| {
                let taken = now();
                let folded = state.fold(&self.blocks, &self.shape);
                state.accumulator.publish(folded, taken)
            },
        )
    }

    /// The last published snapshot.
    pub(crate) fn latest(&self) -> Arc<A::Snapshot> {
        self.cache.latest()
    }

    /// Forgets what was recorded so far and returns it; `None` if a writer was inside a record in such a way that it cannot
    /// be told what belongs to which side.
    pub(crate) fn try_reset(&self, taken: Duration) -> Option<A::Snapshot> {
        self.cache.replace(|state, _| {
            let folded = state.fold(&self.blocks, &self.shape);
            let before = state.accumulator.publish(folded, taken);
            if folded.uncertain > 0 {
                return (Some(before), None);
            }
            state.accumulator.reset(folded);
            (Some(state.accumulator.publish(folded, taken)), Some(before))
        })
    }

    /// Samples that readers have folded so far.
    pub(crate) fn folded(&self) -> u64 {
        self.cache.replace(|state, _| (None, state.folder.folded()))
    }
}
