//! Resets: forgetting what was recorded so far, in all blocks of a histogram.
//!
//! It runs under the histogram's lock, as [`fold`](super::fold) does, and has no orderings of its own.
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
//! **The shared block** is cut last, so that what a thread recorded there before it got its own block is on the same side, or before.
//! The chance that no writer is inside of a record falls with every writer, so the block has a second bank then. The bank that writers have
//! left long ago is cut as it is; then they are sent there, which is where `after` begins; and as soon as the bank that they leave adds up to
//! its tail, that is cut too. Only those that were inside of a record at the flip delay it, however many go on.
//!
//! **Exception.** A writer that is stopped between its choice of a bank and its first step there cannot be seen. If writers are sent away
//! from that bank meanwhile, and a reset begins just as the writer goes on, its record may fall on the later side and the thread's next
//! ones on the earlier. Nothing is lost or counted twice.
//!
//! Rejections are one store each, so they are cut at the beginning. They are read before the samples: no sample that precedes
//! a rejection is missing beside it, on either side.

use super::accumulate::{Accumulate, Both, FoldOutcome};
use super::fold::{Buffers, FoldState, SlotState};
use super::reader::BlockReader;
use super::shared_cursor::SharedCursor;
use super::storage::Storage;
use std::time::Duration;

#[derive(Debug)]
pub(super) struct PendingReset<A> {
    pub(super) before: A,
    pub(super) after: A,
    /// Slots that are not cut yet.
    uncut: usize,
    shared: SharedCut,
}

/// How far a reset has cut the shared block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SharedCut {
    /// Not at all: what both banks hold precedes the cut.
    Uncut,
    /// Writers were sent to the other bank, and are leaving this one.
    Leaving(usize),
    Cut,
}

impl<A: Accumulate> PendingReset<A> {
    /// Whether what is new in a bank of the shared block comes after the reset.
    pub(super) fn is_cut(&self, bank: usize) -> bool {
        match self.shared {
            SharedCut::Uncut => false,
            SharedCut::Leaving(left) => bank != left,
            SharedCut::Cut => true,
        }
    }

    /// Folds a slot that is not cut, and cuts it if the fold is exact.
    pub(super) fn cut(
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
    /// Cuts the shared block, as far as that is possible now, once all slots are cut. Everything was folded just before.
    pub(super) fn cut_shared(&mut self, storage: &Storage) {
        let Some(shared) = storage.shared.get() else {
            return;
        };
        let is_exact = |cursors: &[SharedCursor], bank: usize| {
            cursors
                .get(bank)
                .is_none_or(|cursor| cursor.uncertain() == 0)
        };
        let in_use = shared.in_use();
        let flipped = match &mut self.reset {
            Some(reset) if reset.uncut == 0 && reset.shared == SharedCut::Uncut => {
                // The bank that writers left long ago is cut first, then they are sent there.
                if !is_exact(&self.shared, in_use ^ 1) {
                    return;
                }
                if !shared.make_other_bank() {
                    // Without memory for that, the bank in use is cut when it happens to be exact.
                    if is_exact(&self.shared, in_use) {
                        reset.shared = SharedCut::Cut;
                    }
                    return;
                }
                reset.shared = SharedCut::Leaving(in_use);
                shared.flip(in_use ^ 1);
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
    pub(super) fn begin_reset(&mut self, storage: &Storage) {
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

    /// Tries once to cut each slot that is not cut yet, and the shared block after them. If all are, the reset is complete: what it
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
            let shared = storage.shared.get().is_none() || reset.shared == SharedCut::Cut;
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
