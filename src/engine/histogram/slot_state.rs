//! How far a reader has read one slot, and what it needs for that: used by [`fold`](super::fold) and [`reset`](super::reset).

use super::accumulate::FoldTarget;
use super::cursor::SlotCursor;
use super::reader::BlockReader;
use super::unpacked_counts::UnpackedCounts;

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
    pub(super) counts: UnpackedCounts,
    recent: Vec<u64>,
    /// Samples handed over since the beginning.
    pub(super) samples: u64,
}

impl Buffers {
    /// Between reads nothing is kept.
    pub(super) fn free(&mut self) {
        (self.counts, self.recent) = (UnpackedCounts::default(), Vec::new());
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
