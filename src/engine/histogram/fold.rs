//! Folding: everything that is new in all slots of a histogram, handed to a [`Sink`].
//!
//! A [`FoldState`] remembers for each slot how far it was read ([`cursor`](super::cursor)). It runs under the histogram's lock:
//! one reader at a time. It has no orderings of its own.

use super::block::{Block, BlockEntry};
use super::bucket_layout::BucketLayout;
use super::cursor::SlotCursor;
use super::reader::BlockReader;
use crate::engine::slot::per_slot::PerSlot;

/// Takes what a fold finds. Amounts are modulo 2^64. Within one fold a bucket may be added to and subtracted from; the result
/// is never negative.
pub(crate) trait Sink {
    /// Adds samples to a bucket.
    fn add(&mut self, bucket: usize, samples: u64);
    /// Subtracts samples from a bucket.
    fn remove(&mut self, bucket: usize, samples: u64);
    /// Adds to the sum of all values.
    fn add_sum(&mut self, amount: u64);
    /// Takes the newest samples of one slot as they are, oldest first, as far as they were still there.
    fn extend_recent(&mut self, values: &[u64]);
}

/// What does not change between folds of one histogram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockConfig {
    pub(crate) layout: BucketLayout,
    /// Samples that a queue holds: a power of two.
    pub(crate) queue: usize,
    /// How many recent samples the sink wants; less than `queue`.
    pub(crate) recent: usize,
}

impl BlockConfig {
    /// An empty block.
    pub(crate) fn block(&self) -> Block {
        Block::new(self.layout, self.queue)
    }
}

/// The result of all folds of a histogram so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FoldOutcome {
    /// The sum of the tails up to which slots were folded, and of the rejections: the snapshot's epoch.
    pub(crate) epoch: u64,
    /// Values rejected.
    pub(crate) rejected: u64,
    /// Samples beyond the folded tails; the sum may lack some.
    pub(crate) uncertain: u64,
    /// Samples handed to the sink since the beginning, however often a bank repeated them.
    pub(crate) samples: u64,
}

/// See the module's header.
#[derive(Debug, Default)]
pub(crate) struct FoldState {
    slots: Vec<SlotCursor>,
    recent: Vec<u64>,
    samples: u64,
}

impl FoldState {
    /// Folds what is new in all slots.
    pub(crate) fn fold(
        &mut self,
        blocks: &PerSlot<BlockEntry>,
        config: &BlockConfig,
        sink: &mut impl Sink,
    ) -> FoldOutcome {
        let mut outcome = FoldOutcome::default();
        blocks.for_each(|slot, entry, block| {
            self.fold_slot(
                slot,
                BlockReader::new(entry, block, config),
                sink,
                &mut outcome,
            );
        });
        FoldOutcome {
            samples: self.samples,
            ..outcome
        }
    }

    fn fold_slot(
        &mut self,
        slot: usize,
        block: BlockReader<'_>,
        sink: &mut impl Sink,
        outcome: &mut FoldOutcome,
    ) {
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, SlotCursor::default);
        }
        let cursor = &mut self.slots[slot];
        let before = cursor.folded();
        self.recent.clear();
        // Before the samples: no sample that precedes a rejection is missing beside it.
        let rejected = block.rejected();
        cursor.fold(block, sink, &mut self.recent);
        if !self.recent.is_empty() {
            sink.extend_recent(&self.recent);
        }
        self.samples = self
            .samples
            .wrapping_add(cursor.folded().wrapping_sub(before));
        outcome.epoch = outcome
            .epoch
            .wrapping_add(cursor.folded())
            .wrapping_add(rejected);
        outcome.rejected = outcome.rejected.wrapping_add(rejected);
        outcome.uncertain += cursor.uncertain();
    }
}
