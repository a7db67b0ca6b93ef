//! Folding: everything that is new in all blocks of a histogram, handed to an [`Accumulate`]; and resets.
//!
//! A [`FoldState`] remembers for each slot how far it was read ([`cursor`](super::cursor)). It runs under the histogram's lock:
//! one reader at a time. It has no orderings of its own.
//!
//! [`reset`](super::reset) says what a reset does.

use super::accumulate::{Accumulate, Both, FoldOutcome};
use super::exemplars::Exemplars;
use super::reader::BlockReader;
use super::reset::{PendingReset, SharedCut};
use super::shared::SharedBlock;
use super::shared_cursor::SharedCursor;
use super::slot_state::{Buffers, Rejections, SlotState};
use super::storage::Storage;
use crate::tuning::{LEAVE_ALWAYS, SHARED_FOLDS};
use std::time::Duration;

/// See the module's header.
#[derive(Debug)]
pub(crate) struct FoldState<A> {
    total: A,
    /// By the numbers of their blocks.
    slots: Vec<SlotState>,
    /// By bank.
    shared: Vec<SharedCursor>,
    /// Of threads that own no block.
    rejected: Rejections,
    /// How many exemplars were stored before they were read.
    exemplars: u64,
    /// The reset that is under way.
    reset: Option<PendingReset<A>>,
    buffers: Buffers,
}

impl<A: Accumulate> FoldState<A> {
    pub(super) fn new(total: A) -> Self {
        Self {
            total,
            slots: Vec::new(),
            shared: Vec::new(),
            rejected: Rejections::default(),
            exemplars: 0,
            reset: None,
            buffers: Buffers::default(),
        }
    }

    /// Reads the exemplars, before what they belong to is folded.
    fn read_exemplars(&mut self, exemplars: Option<&Exemplars<A::Exemplar>>) {
        let Some(exemplars) = exemplars else {
            return;
        };
        let stored = exemplars.stored();
        if stored != self.exemplars {
            self.exemplars = stored;
            self.total.set_exemplars(exemplars.newest());
        }
    }

    /// Folds what is new, and makes a snapshot of everything.
    pub(super) fn read(
        &mut self,
        storage: &Storage,
        exemplars: Option<&Exemplars<A::Exemplar>>,
        taken: Duration,
    ) -> A::Snapshot {
        self.read_exemplars(exemplars);
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

    /// Folds what is new in the shared block, the bank in use first: what a thread wrote to the other one before is visible then. A read
    /// that leaves samples in doubt starts over, a few times.
    fn fold_shared(&mut self, storage: &Storage) {
        let shared = &storage.shared;
        if shared.is_empty() {
            return;
        }
        for _ in 0..SHARED_FOLDS {
            for bank in [shared.in_use(), shared.in_use() ^ 1] {
                self.fold_shared_bank(shared, bank, storage);
            }
            if self.reset.is_some() || self.leave_shared_bank(shared, storage) {
                break;
            }
        }
        self.cut_shared(storage);
    }

    /// If the bank in use does not add up, sends writers to the other one, and folds it once more when they have left it. What was recorded
    /// before this read is in it, or was in the other bank before; what is recorded after the flip is for the next read. So what is
    /// uncertain is at most what each thread was inside of, however many samples come while the buckets are read.
    ///
    /// `false`: a late writer reached the other bank during the fold. Its sample may be missing although its later ones are here, so every
    /// sample that arrived during the fold is in doubt.
    fn leave_shared_bank(&mut self, shared: &SharedBlock, storage: &Storage) -> bool {
        let in_use = shared.in_use();
        let is_left = LEAVE_ALWAYS || !is_exact(&self.shared, in_use);
        if !is_left || !shared.make_other_bank(&storage.config.layout) {
            return true;
        }
        let folded = self.shared[in_use].folded();
        shared.flip();
        self.fold_shared_bank(shared, in_use, storage);
        let other = self.shared.get(in_use ^ 1).zip(shared.bank_at(in_use ^ 1));
        let in_doubt = other.is_some_and(|(cursor, bank)| cursor.is_overtaken(bank));
        if in_doubt {
            self.shared[in_use].doubt_from(folded);
        }
        !in_doubt
    }

    fn fold_shared_bank(&mut self, shared: &SharedBlock, bank: usize, storage: &Storage) {
        let Some(source) = shared.bank_at(bank) else {
            return;
        };
        if self.shared.len() <= bank {
            // Exactly: there are two at most, and many histograms.
            self.shared.reserve_exact(bank + 1 - self.shared.len());
            self.shared.resize_with(bank + 1, SharedCursor::default);
        }
        let (cursor, total, buffers) = (&mut self.shared[bank], &mut self.total, &mut self.buffers);
        let layout = &storage.config.layout;
        let new = match &mut self.reset {
            None => cursor.fold(source, layout, total, &mut buffers.counts),
            Some(reset) => {
                let side = if reset.is_cut(bank) {
                    &mut reset.after
                } else {
                    &mut reset.before
                };
                cursor.fold(source, layout, &mut Both(total, side), &mut buffers.counts)
            }
        };
        buffers.samples = buffers.samples.wrapping_add(new);
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
            epoch: self.rejected.folded.wrapping_add(self.exemplars),
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

    /// Cuts the shared block, as far as that is possible now. Everything was folded just before.
    fn cut_shared(&mut self, storage: &Storage) {
        let shared = &storage.shared;
        if shared.is_empty() {
            return;
        }
        let in_use = shared.in_use();
        let flipped = match &mut self.reset {
            Some(reset) if reset.shared == SharedCut::Uncut => {
                // The bank that writers left long ago is cut first, then they are sent there.
                if !is_exact(&self.shared, in_use ^ 1) {
                    return;
                }
                if !shared.make_other_bank(&storage.config.layout) {
                    // Without memory for that, the bank in use is cut when it happens to be exact.
                    if is_exact(&self.shared, in_use) {
                        reset.shared = SharedCut::Cut;
                    }
                    return;
                }
                reset.shared = SharedCut::Leaving(in_use);
                shared.flip();
                in_use
            }
            Some(PendingReset {
                shared: SharedCut::Leaving(left),
                ..
            }) => *left,
            _ => return,
        };
        self.fold_shared_bank(shared, flipped, storage);
        if is_exact(&self.shared, flipped)
            && let Some(reset) = &mut self.reset
        {
            reset.shared = SharedCut::Cut;
        }
    }

    /// Begins a reset. One that was begun before is given up.
    pub(super) fn begin_reset(
        &mut self,
        storage: &Storage,
        exemplars: Option<&Exemplars<A::Exemplar>>,
    ) {
        // Before the cuts: the samples of all that are stored by now are forgotten.
        self.read_exemplars(exemplars);
        let (mut before, mut after) = (self.total.clone(), self.total.clone());
        after.clear();
        let mut uncut = 0;
        let to = &mut Both(&mut self.total, &mut before);
        self.rejected.fold(storage.rejected(), to);
        storage.blocks.for_each(|block| {
            let block = BlockReader::new(block, &storage.config);
            self.reach(block.number());
            let slot = &mut self.slots[block.number()];
            let to = &mut Both(&mut self.total, &mut before);
            slot.rejected.fold(block.rejected(), to);
            slot.cut_after = Some(block.recorded());
            uncut += 1;
        });
        self.reset = Some(PendingReset {
            before,
            after,
            uncut,
            shared: SharedCut::Uncut,
        });
    }

    /// Tries once to cut each slot that is not cut yet, and the shared block. If all are, the reset is complete: what it
    /// leaves, and what it forgot. `taken`: when it began.
    pub(super) fn advance_reset(
        &mut self,
        storage: &Storage,
        taken: Duration,
    ) -> Option<(A::Snapshot, A::Snapshot)> {
        let reset = self.reset.as_mut()?;
        storage.blocks.for_each(|block| {
            let block = BlockReader::new(block, &storage.config);
            // A slot that is not known yet has nothing to cut.
            if let Some(slot) = self.slots.get_mut(block.number()) {
                reset.cut(slot, block, &mut self.total, &mut self.buffers);
            }
        });
        self.fold_shared(storage);
        self.buffers.free();
        let is_cut = |reset: &mut PendingReset<A>| {
            let shared = storage.shared.is_empty() || reset.shared == SharedCut::Cut;
            reset.uncut == 0 && shared
        };
        let PendingReset {
            mut before, after, ..
        } = self.reset.take_if(is_cut)?;
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

/// Whether the last look at a bank of the shared block was exact.
fn is_exact(cursors: &[SharedCursor], bank: usize) -> bool {
    cursors
        .get(bank)
        .is_none_or(|cursor| cursor.uncertain() == 0)
}
