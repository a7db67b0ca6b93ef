//! Which series of a family were written to since a reader last read them, so that it need not ask each.
//!
//! **Layout.** A bit for each series, by position. The words of one chunk of positions share a line, which writers rarely change.
//!
//! **Writer.** After a write that ended in a read-modify-write: if the series' bit is not set, set it. Then the slot's
//! [word](crate::engine::slot::changes). Before a thread makes cells of its own in a series: set the series' other bit, which tells
//! readers to read the series each time. Writes to a thread's own cells are plain stores, so checking a bit after one would prove nothing.
//!
//! **Reader.** One at a time: the one that holds the registry's lock. It goes through the positions backwards. When the turn of a position
//! comes and its bit is set: clear the bit, *then* read the series.
//!
//! **A bit that is set already.** The writer leaves it, so the reader that clears it has to see the write. The writer adds to a tail and
//! then loads the bit; the reader clears the bit and then loads the tail. At least one has to see what the other did. So the addition
//! and the load are sequentially consistent, and there is a fence between the reader's two steps.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | addition before the bit, and look at the bit | sequentially consistent ([`sync`](crate::sync)) | the reader's fence | a write is left out until the next one | `dirty::a_write_is_read` |
//! | fence, between clearing and reading | sequentially consistent ([`sync`](crate::sync)) | the writer's addition and look | the same | `dirty::a_write_is_read` |
//! | bit set | Release | the fence | the bit is cleared by a reader that does not see the write; of a record, the addition orders it as well | `dirty::a_reset_is_read` |
//! | clearing, a read-modify-write | Relaxed | the fence orders it | | |
//! | look at both bits by a reader | Relaxed | nothing: a write that the reader must include is ordered before this load by its slot's word, or by a later write that was read earlier | | |
//! | bit for each time | Relaxed | as above | | |
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | the bit before the slot's word | Release | a registry's reading is current without the write | `dirty::a_write_is_read` |
//! | cleared before the series is read | program order, the fence | a write is left out until the next one | `dirty::a_write_is_read` |
//! | cleared when the turn of its position comes | program order | B ahead of A | `dirty::a_before_b` |
//! | the bit for each time before the cells | program order | what is written to them is left out | `dirty::owned_cells_are_read` |
//!
//! **Progress.** Wait-free.

use crate::engine::chunked::CHUNK;
use crate::sync::{AtomicU64, Relaxed, Release, fence_seq_cst, load_seq_cst};
use std::sync::Arc;

const BITS: usize = u64::BITS as usize;
const WORDS: usize = CHUNK.div_ceil(BITS);

/// The bits of one chunk of positions.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct DirtyChunk {
    /// Written to since they were read.
    written: [AtomicU64; WORDS],
    /// To be read each time.
    always: [AtomicU64; WORDS],
}

/// The bits of one series; of none, for a metric that is read each time anyway.
#[derive(Debug, Default)]
pub(crate) struct DirtyBit {
    chunk: Option<Arc<DirtyChunk>>,
    index: u8,
}

/// Positions of a chunk, as bits: what a reader keeps for itself.
pub(crate) type Positions = [u64; WORDS];

impl DirtyBit {
    /// Those of a new series at this position of a chunk, where another one may have been. Its creator reads it first.
    pub(super) fn new(chunk: &Arc<DirtyChunk>, position: usize) -> Self {
        let (word, mask) = place(position % CHUNK);
        // Relaxed: the new series has no cells yet. What a thread still writes to the old one may set it again, which costs a look.
        chunk.always[word].fetch_and(!mask, Relaxed);
        Self {
            chunk: Some(Arc::clone(chunk)),
            index: (position % CHUNK) as u8,
        }
    }

    /// Says that the series was written to, after [`add_seq_cst`](crate::sync::add_seq_cst).
    #[inline(always)]
    pub(crate) fn mark(&self) {
        if let Some((chunk, word, mask)) = self.place()
            && load_seq_cst(&chunk.written[word]) & mask == 0
        {
            chunk.set(word, mask);
        }
    }

    /// Says that the series was changed otherwise.
    pub(crate) fn mark_changed(&self) {
        if let Some((chunk, word, mask)) = self.place() {
            chunk.set(word, mask);
        }
    }

    /// Says that every reading has to include the series. It must come before the first write without [`Self::mark`].
    pub(crate) fn mark_always(&self) {
        if let Some((chunk, word, mask)) = self.place() {
            // Relaxed: see the module's header.
            chunk.always[word].fetch_or(mask, Relaxed);
        }
    }

    #[inline(always)]
    fn place(&self) -> Option<(&DirtyChunk, usize, u64)> {
        let (word, mask) = place(usize::from(self.index));
        Some((self.chunk.as_deref()?, word, mask))
    }
}

impl DirtyChunk {
    #[cold]
    fn set(&self, word: usize, mask: u64) {
        // Release: publishes the write to who clears the bit.
        self.written[word].fetch_or(mask, Release);
    }

    /// Calls `read` with the positions in this chunk that are marked, or in `others`, from the last to the first, each when it is
    /// not marked as written to any more.
    pub(crate) fn take_backwards(&self, others: &Positions, mut read: impl FnMut(usize)) {
        for word in (0..WORDS).rev() {
            // The positions whose turn is still to come.
            let mut left = u64::MAX;
            loop {
                // Relaxed, both: see the module's header.
                let written = self.written[word].load(Relaxed);
                let wanted = (written | self.always[word].load(Relaxed) | others[word]) & left;
                let Some(bit) = wanted.checked_ilog2() else {
                    break;
                };
                let mask = 1 << bit;
                if written & mask != 0 {
                    // Relaxed: the fence orders it.
                    self.written[word].fetch_and(!mask, Relaxed);
                    // What was written by those who set the bit, or found it set, is visible after this.
                    fence_seq_cst();
                }
                read(word * BITS + bit as usize);
                left = mask - 1;
            }
        }
    }
}

/// Where the bit of a position of a chunk is.
fn place(position: usize) -> (usize, u64) {
    (position / BITS, 1 << (position % BITS))
}

/// Adds a position of a chunk to a set.
pub(crate) fn insert(positions: &mut Positions, position: usize) {
    let (word, mask) = place(position);
    positions[word] |= mask;
}
