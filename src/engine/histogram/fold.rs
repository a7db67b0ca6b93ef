//! Folding: everything that is new in all slots of a histogram, handed to an [`Accumulate`].
//!
//! A [`FoldState`] remembers for each slot how far it was read ([`cursor`](super::cursor)). It runs under the histogram's lock:
//! one reader at a time. It has no orderings of its own.

use super::accumulate::{Accumulate, FoldOutcome};
use super::block::{BlockConfig, BlockEntry};
use super::cursor::SlotCursor;
use super::reader::BlockReader;
use crate::engine::slot::per_slot::PerSlot;

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
        to: &mut impl Accumulate,
    ) -> FoldOutcome {
        let mut outcome = FoldOutcome::default();
        blocks.for_each(|slot, entry, block| {
            self.fold_slot(
                slot,
                BlockReader::new(entry, block, config),
                to,
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
        to: &mut impl Accumulate,
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
        cursor.fold(block, to, &mut self.recent);
        if !self.recent.is_empty() {
            to.extend_recent(&self.recent);
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
