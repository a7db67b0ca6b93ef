//! Folding: everything that is new in all slots of a histogram, handed to an [`Accumulate`]; and resets.
//!
//! A [`FoldState`] remembers for each slot how far it was read ([`cursor`](super::cursor)). It runs under the histogram's lock:
//! one reader at a time. It has no orderings of its own.
//!
//! **Reset.** Each slot is cut by itself, at the first moment at which its fold is exact and holds at least what was recorded
//! when the reset began. From the beginning to the end of a reset there are three sums:
//!
//! ```text
//!                 not cut yet      cut
//! total           + new            + new        what readers see: everything, as if there were no reset
//! before          + new                         what the reset returns
//! after                            + new        takes the place of `total` when every slot is cut
//! ```
//!
//! So a writer that is stopped inside a record keeps only its own slot from being cut, and readers go on. A reset
//! that is given up drops `before` and `after`; `total` has missed nothing. A slot whose first record comes after the
//! beginning belongs to `after` as a whole.
//!
//! Rejections are one store each, so they are cut at the beginning. They are read before the samples: no sample that precedes
//! a rejection is missing beside it, on either side.

use super::accumulate::{Accumulate, Both, FoldOutcome, FoldTarget};
use super::block::{BlockConfig, OwnedBlocks};
use super::cursor::SlotCursor;
use super::reader::BlockReader;
use std::time::Duration;

/// See the module's header.
#[derive(Debug)]
pub(crate) struct FoldState<A> {
    total: A,
    /// By the numbers of their blocks.
    slots: Vec<SlotState>,
    /// The reset that is under way.
    reset: Option<PendingReset<A>>,
    buffers: Buffers,
}

#[derive(Debug)]
struct PendingReset<A> {
    before: A,
    after: A,
    /// Slots that are not cut yet.
    uncut: usize,
}

/// How far one slot was read.
#[derive(Debug, Default)]
struct SlotState {
    cursor: SlotCursor,
    rejected: u64,
    /// A reset is to cut this slot, after so many samples at least.
    cut_after: Option<u64>,
}

/// What all slots use in turn.
#[derive(Debug, Default)]
struct Buffers {
    recent: Vec<u64>,
    /// Samples handed over since the beginning.
    samples: u64,
}

impl SlotState {
    fn fold_rejections(&mut self, block: BlockReader<'_>, to: &mut impl FoldTarget) {
        let rejected = block.rejected();
        to.add_rejected(rejected.wrapping_sub(self.rejected));
        self.rejected = rejected;
    }

    /// Folds what is new, at least the samples before `until`.
    fn fold_samples(
        &mut self,
        block: BlockReader<'_>,
        until: u64,
        to: &mut impl FoldTarget,
        buffers: &mut Buffers,
    ) {
        let before = self.cursor.folded();
        buffers.recent.clear();
        self.cursor.fold(block, until, to, &mut buffers.recent);
        if !buffers.recent.is_empty() {
            to.extend_recent(&buffers.recent);
        }
        let new = self.cursor.folded().wrapping_sub(before);
        buffers.samples = buffers.samples.wrapping_add(new);
    }
}

impl<A: Accumulate> PendingReset<A> {
    /// Folds a slot that is not cut, and cuts it if the fold is exact.
    fn cut(
        &mut self,
        slot: &mut SlotState,
        block: BlockReader<'_>,
        total: &mut A,
        buffers: &mut Buffers,
    ) {
        let Some(until) = slot.cut_after else {
            return;
        };
        slot.fold_samples(block, until, &mut Both(total, &mut self.before), buffers);
        if slot.cursor.uncertain() == 0 {
            slot.cut_after = None;
            self.uncut -= 1;
        }
    }
}

impl<A: Accumulate> FoldState<A> {
    pub(super) fn new(total: A) -> Self {
        Self {
            total,
            slots: Vec::new(),
            reset: None,
            buffers: Buffers::default(),
        }
    }

    /// Folds what is new in all slots, and makes a snapshot of everything.
    pub(super) fn read(
        &mut self,
        blocks: &OwnedBlocks,
        config: &BlockConfig,
        taken: Duration,
    ) -> A::Snapshot {
        blocks.for_each(|block| self.fold_slot(BlockReader::new(block, config)));
        self.total.publish(self.outcome(), taken)
    }

    fn fold_slot(&mut self, block: BlockReader<'_>) {
        let index = block.number();
        self.reach(index);
        let (slot, total, buffers) = (&mut self.slots[index], &mut self.total, &mut self.buffers);
        let Some(reset) = &mut self.reset else {
            slot.fold_rejections(block, total);
            return slot.fold_samples(block, block.recorded(), total, buffers);
        };
        slot.fold_rejections(block, &mut Both(total, &mut reset.after));
        reset.cut(slot, block, total, buffers);
        // If it is not cut even so, the fold ended with a scan, which holds everything.
        if slot.cut_after.is_none() {
            let to = &mut Both(total, &mut reset.after);
            slot.fold_samples(block, block.recorded(), to, buffers);
        }
    }

    /// Makes the slot's state if there is none.
    fn reach(&mut self, index: usize) {
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, SlotState::default);
        }
    }

    /// What was folded so far.
    fn outcome(&self) -> FoldOutcome {
        let mut outcome = FoldOutcome {
            samples: self.buffers.samples,
            ..FoldOutcome::default()
        };
        for slot in &self.slots {
            outcome.epoch = outcome
                .epoch
                .wrapping_add(slot.cursor.folded())
                .wrapping_add(slot.rejected);
            outcome.uncertain += slot.cursor.uncertain();
        }
        outcome
    }

    /// Begins a reset. One that was begun before is given up.
    pub(super) fn begin_reset(&mut self, blocks: &OwnedBlocks, config: &BlockConfig) {
        let (mut before, mut after) = (self.total.clone(), self.total.clone());
        after.clear();
        let mut uncut = 0;
        blocks.for_each(|block| {
            let block = BlockReader::new(block, config);
            self.reach(block.number());
            let slot = &mut self.slots[block.number()];
            slot.fold_rejections(block, &mut Both(&mut self.total, &mut before));
            slot.cut_after = Some(block.recorded());
            uncut += 1;
        });
        self.reset = Some(PendingReset {
            before,
            after,
            uncut,
        });
    }

    /// Tries once to cut each slot that is not cut yet. If all are, the reset is complete: what it leaves, and what it forgot.
    /// `taken`: when it began.
    pub(super) fn advance_reset(
        &mut self,
        blocks: &OwnedBlocks,
        config: &BlockConfig,
        taken: Duration,
    ) -> Option<(A::Snapshot, A::Snapshot)> {
        let reset = self.reset.as_mut()?;
        blocks.for_each(|block| {
            let block = BlockReader::new(block, config);
            // A slot that is not known yet has nothing to cut.
            if let Some(slot) = self.slots.get_mut(block.number()) {
                reset.cut(slot, block, &mut self.total, &mut self.buffers);
            }
        });
        let PendingReset {
            mut before, after, ..
        } = self.reset.take_if(|reset| reset.uncut == 0)?;
        self.total = after;
        let outcome = self.outcome();
        let forgotten = FoldOutcome {
            uncertain: 0,
            ..outcome
        };
        let forgotten = before.publish(forgotten, taken);
        Some((self.total.publish(outcome, taken), forgotten))
    }

    /// Gives up the reset that is under way.
    pub(super) fn cancel_reset(&mut self) {
        self.reset = None;
    }
}
