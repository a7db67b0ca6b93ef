//! What a snapshot is a snapshot of, so that only what belongs together is subtracted.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The histograms that a snapshot's values come from, each between two of its resets: one, or those of all merged snapshots.
/// They are compared by address, which no other one has while a snapshot holds it.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    // Not a zero-sized value: those share addresses.
    One(Arc<u8>),
    /// In the order of their addresses.
    Merged(Arc<[Arc<u8>]>),
}

impl Origin {
    /// A histogram that is created, or was reset, or a registration: different from all others.
    pub(crate) fn new() -> Self {
        Self::One(Arc::new(0))
    }

    fn sources(&self) -> &[Arc<u8>] {
        match self {
            Self::One(source) => std::slice::from_ref(source),
            Self::Merged(sources) => sources,
        }
    }

    pub(crate) fn merge(&self, other: &Self) -> Self {
        let all = self.sources().iter().chain(other.sources());
        let mut sources: Vec<_> = all.cloned().collect();
        sources.sort_unstable_by_key(Arc::as_ptr);
        Self::Merged(sources.into())
    }
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.sources(), other.sources());
        ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| Arc::ptr_eq(a, b))
    }
}

impl Eq for Origin {}

impl Hash for Origin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let sources = self.sources().iter();
        sources.for_each(|source| Arc::as_ptr(source).hash(state));
    }
}
