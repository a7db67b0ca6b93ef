//! Resets: forgetting what was recorded so far, in all blocks of a histogram.
//!
//! [`fold`](super::fold) takes the steps, under the histogram's lock. There are no orderings of its own.
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
//! **The shared block** is cut whether or not the slots are. A thread that had its own block when the reset began recorded nothing here since,
//! so all that it recorded here is returned; one that got its block later has all of that block in `after`. The chance that no writer is inside of a record falls with every writer, so the block has a second bank then. The bank that writers have
//! left long ago is cut as it is; then they are sent there, which is where `after` begins; and as soon as the bank that they leave adds up to
//! its tail, that is cut too. Only those that were inside of a record at the flip delay it, however many go on.
//!
//! **Exception.** A writer that is stopped between its choice of a bank and its first step there cannot be seen. If writers are sent away
//! from that bank in between, and a reset begins just as the writer goes on, its record may fall on the later side and the thread's next
//! ones on the earlier. Nothing is lost or counted twice.
//!
//! Rejections are one store each, so they are cut at the beginning. They are read before the samples: no sample that precedes
//! a rejection is missing beside it, on either side.

use super::accumulate::{Accumulate, Both};
use super::reader::BlockReader;
use super::slot_state::{Buffers, SlotState};

/// A reset that has begun.
#[derive(Debug)]
pub(super) struct PendingReset<A> {
    pub(super) before: A,
    pub(super) after: A,
    /// Slots that are not cut yet.
    pub(super) uncut: usize,
    pub(super) shared: SharedCut,
}

/// How far a reset has cut the shared block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SharedCut {
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
