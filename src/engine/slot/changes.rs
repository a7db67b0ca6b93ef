//! Whether anything in a registry was written to: one word for each slot.
//!
//! **Layout.** A word counts what its slot's owner wrote to the metrics of one registry. It is made at the slot's first write there, in a
//! line of its own. What a slot owns of a metric keeps a [`SlotWord`](super::slot_word::SlotWord), so that its owner needs one load to
//! find the word.
//!
//! **Writer.** After all other steps of a write: word := word + 1 (Release).
//! **Reader.** Before it reads the metrics it adds up all words (Acquire), and keeps the sum with what it read. While the words add up
//! to that sum, nothing was written since: each word only grows, so the sums are equal only if every word is.
//!
//! (One word for all threads would be a contended line on every write. A flag that readers clear needs a fence between its check and
//! the write, or loses writes.)
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | word | Release, last | `sum` | a write is counted that a reader does not see yet, and never looks for | `counter::a_write_shows_in_the_word` |
//! | `sum` | Acquire | the word | the same | `counter::a_write_shows_in_the_word` |
//!
//! **Progress.** Wait-free: a load and a store, once the word is there.

use super::once_box::OnceBox;
use super::owner::Owner;
use super::per_slot::PerSlot;
use crate::sync::{Acquire, AtomicU64, Relaxed, Release};

/// The words of all slots.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    words: PerSlot<OnceBox<ChangeWord>>,
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

    /// All words, added up.
    pub(crate) fn sum(&self) -> u64 {
        let mut sum = 0_u64;
        // Acquire: pairs with `bump`; the writes that a word counts are visible after this.
        self.words
            .for_each(|_, _, word| sum = sum.wrapping_add(word.0.load(Acquire)));
        sum
    }
}
