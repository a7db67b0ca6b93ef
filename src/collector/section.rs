//! A part of the collector's answer, kept until what it is derived from changes.

use crate::core::cached::Cached;
use crate::sync::{AtomicU64, Relaxed};
use crossbeam_utils::CachePadded;
use std::sync::Arc;

/// How well a cache served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheStats {
    /// Reads that got the `Arc` that was there.
    pub hits: u64,
    /// Reads that had to build one.
    pub rebuilds: u64,
    /// Samples that were folded in for them.
    pub samples_folded: u64,
}

impl CacheStats {
    /// Hits among all reads, 0 to 1; 1 before the first read.
    pub fn hit_rate(&self) -> f64 {
        match self.hits + self.rebuilds {
            0 => 1.0,
            reads => self.hits as f64 / reads as f64,
        }
    }
}

/// Counts its reads, in atomics of its own: were they metrics, reading would change what is read.
#[derive(Debug)]
pub(crate) struct Section<T> {
    cache: Cached<(), T>,
    hits: CachePadded<AtomicU64>,
    rebuilds: AtomicU64,
}

impl<T> Section<T> {
    pub(crate) fn new(first: T) -> Self {
        let (hits, rebuilds) = (CachePadded::new(AtomicU64::new(0)), AtomicU64::new(0));
        Self { cache: Cached::new((), first), hits, rebuilds }
    }

    pub(crate) fn read(&self, current: impl Fn(&T) -> bool, build: impl FnOnce() -> T) -> Arc<T> {
        let mut rebuilt = false;
        let section = self.cache.read(current, |(), _| {
            rebuilt = true;
            build()
        });
        // Relaxed: statistics.
        let reads: &AtomicU64 = if rebuilt { &self.rebuilds } else { &self.hits };
        reads.fetch_add(1, Relaxed);
        section
    }

    pub(crate) fn stats(&self, samples_folded: u64) -> CacheStats {
        // Relaxed: statistics.
        CacheStats { hits: self.hits.load(Relaxed), rebuilds: self.rebuilds.load(Relaxed), samples_folded }
    }
}
