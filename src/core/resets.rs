//! How often something was reset: what a reset changes that no epoch shows.
//!
//! A reset stores into no cell that a writer uses, so the tails add up to what they did before. Who caches values derived
//! from several snapshots compares this count as well.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | `count`, after the empty snapshot was published | Release | `seen` | reset, but shown as before for ever | `recorder::a_reset_is_seen` |
//! | `seen`, before the snapshots are read | Acquire | `count` | the same | `recorder::a_reset_is_seen` |
//!
//! **Progress.** Wait-free; a reset is no hot path, and this its read-modify-write.

use super::sync::{Acquire, AtomicU64, Release};

/// See the module's header.
#[derive(Debug)]
pub(crate) struct Resets(AtomicU64);

impl Default for Resets {
    fn default() -> Self {
        Self(AtomicU64::new(0))
    }
}

impl Resets {
    /// Says that something was reset, after its empty snapshot was published.
    pub(crate) fn count(&self) {
        // Release: who sees the count sees the empty snapshot.
        self.0.fetch_add(1, Release);
    }

    /// How often something was reset so far: to be asked before the snapshots.
    pub(crate) fn seen(&self) -> u64 {
        // Acquire: pairs with `count`.
        self.0.load(Acquire)
    }
}
