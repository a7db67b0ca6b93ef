//! The word of one slot in one registry: how often its owner wrote there. [`changes`](super::changes) has them all.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | `bump` | Release, last | `get` | a write is counted that a reader does not see yet, and never looks for | `counter::a_write_shows_in_the_word` |
//! | `get` | Acquire | `bump` | the same | `counter::a_write_shows_in_the_word` |
//!
//! **Progress.** Wait-free: a load and a store.

use crate::sync::{Acquire, AtomicU64, Relaxed, Release};

/// How often the slot's owner wrote to the registry, and one for the word itself.
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

    /// How often it was bumped, and one.
    pub(super) fn get(&self) -> u64 {
        // Acquire: the writes that the word counts are visible after this.
        self.0.load(Acquire)
    }

    /// For the owner of the slot.
    pub(super) fn is_made(&self) -> bool {
        // Relaxed: as in `bump`.
        self.0.load(Relaxed) != 0
    }

    /// For the owner of the slot.
    pub(super) fn make(&self) {
        // Relaxed: publishes nothing.
        self.0.store(1, Relaxed);
    }
}
