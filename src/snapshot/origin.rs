//! What a snapshot is a snapshot of, so that only what belongs together is subtracted.

use std::sync::Arc;

/// A histogram between two resets, the same in all clones. Compared by address, which no other one has while a snapshot holds it.
#[derive(Clone, Debug)]
pub(crate) struct Source(Arc<u8>);

/// The histograms that a snapshot's values come from: one, or those of all merged snapshots.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    One(Arc<u8>),
    /// In the order of their addresses.
    Merged(Arc<[Arc<u8>]>),
}

impl Source {
    /// Different from all others.
    pub(crate) fn new() -> Self {
        // Not a zero-sized value: those share addresses.
        Self(Arc::new(0))
    }
}

impl From<&Source> for Origin {
    fn from(source: &Source) -> Self {
        Self::One(Arc::clone(&source.0))
    }
}

impl Origin {
    fn sources(&self) -> &[Arc<u8>] {
        match self {
            Self::One(source) => std::slice::from_ref(source),
            Self::Merged(sources) => sources,
        }
    }

    pub(crate) fn merge(&self, other: &Self) -> Self {
        let mut sources: Vec<_> = self
            .sources()
            .iter()
            .chain(other.sources())
            .cloned()
            .collect();
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
