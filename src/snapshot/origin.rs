//! What a snapshot is a snapshot of, so that only what belongs together is subtracted.

use crate::sync::{AtomicU64, LazyLock, Relaxed};
use std::sync::Arc;

/// How many there were.
static ORIGINS: LazyLock<AtomicU64> = LazyLock::new(|| AtomicU64::new(0));

/// The histograms that a snapshot's values come from, each between two of its resets: one, or those of all merged snapshots. Each has
/// a number of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    One(u64),
    /// Rising.
    Merged(Arc<[u64]>),
}

impl Origin {
    /// A histogram that is created, or was reset, or a registration: different from all others.
    pub(crate) fn new() -> Self {
        // Relaxed: each number is taken once.
        Self::One(ORIGINS.fetch_add(1, Relaxed))
    }

    fn sources(&self) -> &[u64] {
        match self {
            Self::One(source) => std::slice::from_ref(source),
            Self::Merged(sources) => sources,
        }
    }

    pub(crate) fn merge(&self, other: &Self) -> Self {
        let all = self.sources().iter().chain(other.sources());
        let mut sources: Vec<_> = all.copied().collect();
        sources.sort_unstable();
        Self::Merged(sources.into())
    }
}
