//! How often something was reset: a change that no epoch shows.
//!
//! A reset stores into no cell that a writer uses, so the sum of the tails stays what it was. A cache of values that are
//! derived from several snapshots therefore compares this number as well.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | `bump`, after the empty snapshot was published | Release | `get` | a reader sees the new generation and the old snapshot, and keeps both | `recorder::a_reset_is_seen` |
//! | `get`, before the snapshots are read | Acquire | `bump` | the same | `recorder::a_reset_is_seen` |
//!
//! **Progress.** Wait-free. `bump` is a read-modify-write, off the hot path.

use crate::sync::{Acquire, AtomicU64, Release};

/// See the module's header.
#[derive(Debug)]
pub(crate) struct Generation(AtomicU64);

impl Default for Generation {
    fn default() -> Self {
        Self(AtomicU64::new(0))
    }
}

impl Generation {
    /// Counts a reset. Call it after the empty snapshot was published.
    pub(crate) fn bump(&self) {
        // Release: a thread that sees the new number sees the empty snapshot.
        self.0.fetch_add(1, Release);
    }

    /// The number of resets so far. Call it before reading snapshots.
    pub(crate) fn get(&self) -> u64 {
        // Acquire: pairs with `bump`.
        self.0.load(Acquire)
    }
}
