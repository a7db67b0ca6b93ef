//! Folding: everything that is new in all blocks of a histogram, handed to an [`Accumulate`]; and resets.
//!
//! A [`FoldState`] remembers for each slot how far it was read ([`cursor`](super::cursor)). It runs under the histogram's lock:
//! one reader at a time. It has no orderings of its own.
//!
//! Resets are in [`reset`](super::reset).

use super::accumulate::{Accumulate, Both, FoldOutcome, FoldTarget};
use super::cursor::SlotCursor;
use super::reader::BlockReader;
use super::reset::PendingReset;
use super::shared::SharedBlock;
use super::shared_cursor::SharedCursor;
use super::storage::Storage;
use std::time::Duration;

/// See the module's header.
#[derive(Debug)]
pub(crate) struct FoldState<A> {
    pub(super) total: A,
    /// By the numbers of their blocks.
    pub(super) slots: Vec<SlotState>,
    /// By bank.
    pub(super) shared: Vec<SharedCursor>,
    /// Of threads that own no block.
    pub(super) rejected: Rejections,
    /// The reset that is under way.
    pub(super) reset: Option<PendingReset<A>>,
    pub(super) buffers: Buffers,
}

/// How far one slot was read.
#[derive(Debug, Default)]
pub(super) struct SlotState {
    pub(super) cursor: SlotCursor,
    pub(super) rejected: Rejections,
    /// A reset is to cut this slot, after so many samples at least.
    pub(super) cut_after: Option<u64>,
}

/// How many rejections were folded.
#[derive(Debug, Default)]
pub(super) struct Rejections {
    pub(super) folded: u64,
}

/// What all slots use in turn.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    counts: Vec<u64>,
    recent: Vec<u64>,
    /// Samples handed over since the beginning.
    samples: u64,
}

impl Buffers {
    /// Between reads nothing is kept.
    pub(super) fn free(&mut self) {
        (self.counts, self.recent) = (Vec::new(), Vec::new());
    }
}

impl Rejections {
    pub(super) fn fold(&mut self, rejected: u64, to: &mut impl FoldTarget) {
        to.add_rejected(rejected.wrapping_sub(self.folded));
        self.folded = rejected;
    }
}

impl SlotState {
    /// Folds what is new, at least the samples before `until`.
    pub(super) fn fold_samples(
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

impl<A: Accumulate> FoldState<A> {
    pub(super) fn new(total: A) -> Self {
        Self {
            total,
            slots: Vec::new(),
            shared: Vec::new(),
            rejected: Rejections::default(),
            reset: None,
            buffers: Buffers::default(),
        }
    }

    /// Folds what is new, and makes a snapshot of everything.
    pub(super) fn read(&mut self, storage: &Storage, taken: Duration) -> A::Snapshot {
        match &mut self.reset {
            None => self.rejected.fold(storage.rejected(), &mut self.total),
            Some(reset) => {
                let to = &mut Both(&mut self.total, &mut reset.after);
                self.rejected.fold(storage.rejected(), to);
            }
        }
        // Owned blocks first: what a thread wrote to the shared one before it got its own is visible then.
        storage
            .blocks
            .for_each(|block| self.fold_slot(BlockReader::new(block, &storage.config)));
        self.fold_shared(storage);
        self.buffers.free();
        self.total.publish(self.outcome(), taken)
    }

    fn fold_slot(&mut self, block: BlockReader<'_>) {
        let index = block.number();
        self.reach(index);
        let (slot, total, buffers) = (&mut self.slots[index], &mut self.total, &mut self.buffers);
        let Some(reset) = &mut self.reset else {
            slot.rejected.fold(block.rejected(), total);
            return slot.fold_samples(block, block.recorded(), total, buffers);
        };
        slot.rejected
            .fold(block.rejected(), &mut Both(total, &mut reset.after));
        reset.cut(slot, block, total, buffers);
        // If it is not cut even so, the fold ended with a scan, which holds everything.
        if slot.cut_after.is_none() {
            let to = &mut Both(total, &mut reset.after);
            slot.fold_samples(block, block.recorded(), to, buffers);
        }
    }

    /// Folds what is new in the shared block, the bank in use first: what a thread wrote to the other one before is visible then.
    pub(super) fn fold_shared(&mut self, storage: &Storage) {
        let Some(shared) = storage.shared.get() else {
            return;
        };
        for bank in [shared.in_use(), shared.in_use() ^ 1] {
            self.fold_shared_bank(shared, bank, storage);
        }
        if self.reset.is_none() {
            self.leave_shared_bank(shared, storage);
        }
        self.cut_shared(storage);
    }

    /// If the bank in use does not add up, sends writers to the other one, and folds it once more when they have left it. What was recorded
    /// before this read is in it, or was in the other bank before; what is recorded after the flip is for the next read.
    fn leave_shared_bank(&mut self, shared: &SharedBlock, storage: &Storage) {
        let in_use = shared.in_use();
        let is_exact = |cursors: &[SharedCursor], bank: usize| {
            cursors
                .get(bank)
                .is_none_or(|cursor| cursor.uncertain() == 0)
        };
        if is_exact(&self.shared, in_use)
            || !is_exact(&self.shared, in_use ^ 1)
            || !shared.make_other_bank()
        {
            return;
        }
        shared.flip(in_use ^ 1);
        self.fold_shared_bank(shared, in_use, storage);
    }

    pub(super) fn fold_shared_bank(
        &mut self,
        shared: &SharedBlock,
        bank: usize,
        storage: &Storage,
    ) {
        let Some(source) = shared.bank_at(bank) else {
            return;
        };
        if self.shared.len() <= bank {
            self.shared.resize_with(bank + 1, SharedCursor::default);
        }
        let (cursor, total, buffers) = (&mut self.shared[bank], &mut self.total, &mut self.buffers);
        let before = cursor.folded();
        let layout = &storage.config.layout;
        match &mut self.reset {
            None => cursor.fold(source, layout, total, &mut buffers.counts),
            Some(reset) => {
                let side = if reset.is_cut(bank) {
                    &mut reset.after
                } else {
                    &mut reset.before
                };
                cursor.fold(source, layout, &mut Both(total, side), &mut buffers.counts);
            }
        }
        let new = cursor.folded().wrapping_sub(before);
        buffers.samples = buffers.samples.wrapping_add(new);
    }

    /// Makes the slot's state if there is none.
    pub(super) fn reach(&mut self, index: usize) {
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, SlotState::default);
        }
    }

    /// What was folded so far.
    pub(super) fn outcome(&self) -> FoldOutcome {
        let mut outcome = FoldOutcome {
            samples: self.buffers.samples,
            epoch: self.rejected.folded,
            uncertain: 0,
        };
        let slots = self.slots.iter().map(|slot| {
            let epoch = slot.cursor.folded().wrapping_add(slot.rejected.folded);
            (epoch, slot.cursor.uncertain())
        });
        let shared = self.shared.iter();
        let shared = shared.map(|cursor| (cursor.folded(), cursor.uncertain()));
        for (epoch, uncertain) in slots.chain(shared) {
            outcome.epoch = outcome.epoch.wrapping_add(epoch);
            outcome.uncertain += uncertain;
        }
        outcome
    }
}
