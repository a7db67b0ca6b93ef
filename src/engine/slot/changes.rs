//! Whether anything in a registry was written to: one word for each slot.
//!
//! **Layout.** A word counts what its slot's owner wrote to the metrics of one registry. Each is in a line of its own. Those of the low
//! slots are here, so that nothing has to be loaded to find them. A word is made at the slot's first write: it is zero before. What a slot
//! owns of a metric keeps a [`SlotWord`](super::slot_word::SlotWord). Threads that have no word share one: those that reject a value
//! before they have recorded any, or that found no memory.
//!
//! **Writer.** After all other steps of a write: word := word + 1 (Release; [`change_word`](super::change_word)). Of the shared word: a read-modify-write.
//! **Reader.** Before it reads the metrics it adds up all words (Acquire), and keeps the sum with what it read. While the words add up
//! to that sum, nothing was written since: each word only grows, so the sums are equal only if every word is. A writer that is stopped
//! between its write and its word makes the next reading one too many, never one too few.
//!
//! (One word for all threads would be a contended line on every write. A flag that readers clear needs a fence between its check and
//! the write, or loses writes.)
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | shared word, a read-modify-write | Release, last | `sum` | a write is counted that a reader does not see yet, and never looks for | `read_order::a_write_shows` |
//! | `sum`, of the shared word | Acquire | the shared word | the same | `read_order::a_write_shows` |
//! | `len` raised, read | Relaxed | nothing | a thread that must see a write already synchronizes with it | `counter::a_write_shows_in_the_word` |
//!
//! **Progress.** Wait-free: a load and a store, once the word is there.

use super::change_word::ChangeWord;
use super::owner::Owner;
use super::sparse_table::SparseTable;
use crate::sync::{Acquire, AtomicU64, AtomicUsize, Relaxed, Release};

/// The words of all slots.
#[derive(Debug)]
pub(crate) struct Changes {
    words: SparseTable<ChangeWord>,
    /// One more than the highest slot that has a word.
    len: AtomicUsize,
    /// Of all threads that have no word of their own.
    shared: AtomicU64,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            words: SparseTable::default(),
            len: AtomicUsize::new(0),
            shared: AtomicU64::new(0),
        }
    }
}

impl Changes {
    /// The word of the caller's slot, if it is there.
    #[inline]
    pub(crate) fn word(&self, owner: Owner<'_>) -> Option<&ChangeWord> {
        self.words.get(owner.slot()).filter(|word| word.is_made())
    }

    /// The word of the caller's slot, made if it is not there.
    pub(crate) fn word_or_create(&self, owner: Owner<'_>) -> &ChangeWord {
        self.made(owner, self.words.get_or_alloc(owner.slot()))
    }

    /// [`Self::word_or_create`]. `None`: there is no memory for it.
    pub(crate) fn try_word(&self, owner: Owner<'_>) -> Option<&ChangeWord> {
        Some(self.made(owner, self.words.try_get_or_alloc(owner.slot())?))
    }

    fn made<'a>(&self, owner: Owner<'_>, word: &'a ChangeWord) -> &'a ChangeWord {
        if !word.is_made() {
            // Relaxed: publishes nothing. A reader that must see this slot's first write is ordered after it, and therefore
            // after this; any other reader may miss the slot.
            self.len.fetch_max(owner.slot().index() + 1, Relaxed);
            word.make();
        }
        word
    }

    /// Counts a write of a thread that may have no word, or no slot: the last step of it.
    #[inline]
    pub(crate) fn bump(&self, owner: Owner<'_>) {
        match self.word(owner) {
            Some(word) => word.bump(),
            // Release, last: publishes the write.
            None => _ = self.shared.fetch_add(1, Release),
        }
    }

    /// All words, added up.
    pub(crate) fn sum(&self) -> u64 {
        // Acquire: pairs with the read-modify-write in `bump`.
        let mut sum = self.shared.load(Acquire);
        // Relaxed: a bound; see `made`.
        let len = self.len.load(Relaxed);
        self.words
            .for_each(len, |_, word| sum = sum.wrapping_add(word.get()));
        sum
    }
}
