//! Whether anything in a registry was written to: one word for each slot.
//!
//! **Layout.** A word counts what its slot's owner wrote to the metrics of one registry. It is made at the slot's first write there, in a
//! line of its own. What a slot owns of a metric keeps a [`SlotWord`](super::slot_word::SlotWord), so that its owner needs one load to
//! find the word. Threads that have no word share one: those that reject a value before they have recorded any, or that found no memory.
//!
//! **Writer.** After all other steps of a write: word := word + 1 (Release). Of the shared word: a read-modify-write.
//! **Reader.** Before it reads the metrics it adds up all words (Acquire), and keeps the sum with what it read. While the words add up
//! to that sum, nothing was written since: each word only grows, so the sums are equal only if every word is. A writer that is stopped
//! between its write and its word makes the next reading one too many, never one too few.
//!
//! (One word for all threads would be a contended line on every write. A flag that readers clear needs a fence between its check and
//! the write, or loses writes.)
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | word | Release, last | `sum` | a write is counted that a reader does not see yet, and never looks for | `counter::a_write_shows_in_the_word` |
//! | shared word, a read-modify-write | Release, last | `sum` | the same | `read_order::a_write_shows` |
//! | `sum`, of a slot's word | Acquire | the word | the same | `counter::a_write_shows_in_the_word` |
//! | `sum`, of the shared word | Acquire | the shared word | the same | `read_order::a_write_shows` |
//!
//! **Progress.** Wait-free: a load and a store, once the word is there.

use super::once_box::OnceBox;
use super::owner::Owner;
use super::per_slot::PerSlot;
use crate::sync::{Acquire, AtomicU64, Relaxed, Release};
use crate::zeroed::try_box;

/// The words of all slots.
#[derive(Debug)]
pub(crate) struct Changes {
    words: PerSlot<OnceBox<ChangeWord>>,
    /// Of all threads that have no word of their own.
    shared: AtomicU64,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            words: PerSlot::default(),
            shared: AtomicU64::new(0),
        }
    }
}

/// How often one slot's owner wrote to the registry.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct ChangeWord(AtomicU64);

impl ChangeWord {
    /// Counts a write: the last step of it. For the owner of the slot.
    #[inline(always)]
    pub(crate) fn bump(&self) {
        // Relaxed: this thread's own last store, or that of an owner before it. Release, last: publishes the write.
        self.0.store(self.0.load(Relaxed).wrapping_add(1), Release);
    }
}

impl Changes {
    /// The word of the caller's slot, if it is there.
    #[inline]
    pub(crate) fn word(&self, owner: Owner<'_>) -> Option<&ChangeWord> {
        match self.words.own_inline(owner) {
            Some((_, word)) => Some(word),
            None => self.words.get(owner.slot()).map(|(_, word)| word),
        }
    }

    /// The word of the caller's slot, made if it is not there.
    pub(crate) fn word_or_create(&self, owner: Owner<'_>) -> &ChangeWord {
        self.words.get_or_create(owner, ChangeWord::default).1
    }

    /// [`Self::word_or_create`]. `None`: there is no memory for it.
    pub(crate) fn try_word(&self, owner: Owner<'_>) -> Option<&ChangeWord> {
        let create = || try_box(ChangeWord::default());
        Some(self.words.try_get_or_create(owner, create)?.1)
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
        // Acquire: pairs with `bump`; the writes that a word counts are visible after this.
        self.words
            .for_each(|_, _, word| sum = sum.wrapping_add(word.0.load(Acquire)));
        sum
    }
}
