//! A shared value that is derived from snapshots.

use crate::engine::snapshot_cache::SnapshotCache;
use crate::sync::{AtomicU64, Relaxed};
use crossbeam_utils::CachePadded;
use std::fmt;
use std::sync::Arc;

/// A value that is derived from snapshots and handed out as the same `Arc` until they change.
///
/// Readers of a current value take no lock. Of readers that find it outdated at the same time, one builds a new one and the
/// others wait for it. Read the snapshots *inside* the closures: then a newer value is never replaced by an older one.
///
/// ```
/// use epoch_metrics::{CachedValue, HistogramOptions, HistogramSnapshot, Registry};
/// use std::sync::Arc;
///
/// struct Health {
///     source: Arc<HistogramSnapshot>,
///     slow: bool,
/// }
///
/// let sizes = Registry::new().histogram("sizes", "Sizes.", HistogramOptions::values(0, 100))?;
/// let build = || {
///     let source = sizes.snapshot();
///     Health { slow: source.quantile(0.99) > Some(50), source }
/// };
/// let health = CachedValue::new(build());
/// let read = || health.read(|health| Arc::ptr_eq(&health.source, &sizes.snapshot()), build);
/// let first = read();
/// assert!(!first.slow && Arc::ptr_eq(&first, &read()));
/// sizes.record(80);
/// assert!(read().slow);
/// assert_eq!((health.stats().hits, health.stats().rebuilds), (2, 1));
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
pub struct CachedValue<T> {
    cache: SnapshotCache<(), T>,
    /// Atomics rather than metrics: reading a metric must not change one.
    hits: CachePadded<AtomicU64>,
    rebuilds: AtomicU64,
}

/// How often a cached value was served as it was, and how often it was rebuilt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CacheStats {
    /// Reads that got the existing `Arc`.
    pub hits: u64,
    /// Reads that built a new value.
    pub rebuilds: u64,
    /// Samples that were folded for the rebuilds.
    pub samples_folded: u64,
}

impl CacheStats {
    /// Hits as a share of all reads, 0 to 1; 1 before the first read.
    pub fn hit_rate(&self) -> f64 {
        match self.hits + self.rebuilds {
            0 => 1.0,
            reads => self.hits as f64 / reads as f64,
        }
    }

    /// The same, with the samples that were folded for the rebuilds.
    #[must_use]
    pub fn with_samples_folded(self, samples_folded: u64) -> Self {
        Self {
            samples_folded,
            ..self
        }
    }
}

impl<T> CachedValue<T> {
    /// A cache that holds `first`.
    pub fn new(first: T) -> Self {
        let (hits, rebuilds) = (CachePadded::new(AtomicU64::new(0)), AtomicU64::new(0));
        Self {
            cache: SnapshotCache::new((), first),
            hits,
            rebuilds,
        }
    }

    /// The held value if `is_current` says so, otherwise what `build` returns, which is held from then on.
    ///
    /// `is_current` may be called twice, the second time under the lock that `build` runs under: neither may read this same cache. A
    /// value whose `build` began after this call was made serves it, whatever `is_current` would say: while something changes all
    /// the time, of the readers that wait one builds for all.
    pub fn read(&self, is_current: impl Fn(&T) -> bool, build: impl FnOnce() -> T) -> Arc<T> {
        let mut rebuilt = false;
        let value = self.cache.read(is_current, |(), _| {
            rebuilt = true;
            build()
        });
        // Relaxed: statistics.
        let reads: &AtomicU64 = if rebuilt { &self.rebuilds } else { &self.hits };
        reads.fetch_add(1, Relaxed);
        value
    }

    /// The held value, current or not, without waiting.
    pub fn latest(&self) -> Arc<T> {
        self.cache.latest()
    }

    /// Replaces the held value by what `change` makes of it. Changes of several threads come one after the other.
    ///
    /// ```
    /// let mode = epoch_metrics::CachedValue::new("starting".to_owned());
    /// mode.update(|before| format!("{before}, then serving"));
    /// assert_eq!(*mode.latest(), "starting, then serving");
    /// ```
    pub fn update(&self, change: impl FnOnce(&T) -> T) {
        self.cache.update(|(), before| (change(before), ()));
    }

    /// How often [`Self::read`] found a current value.
    pub fn stats(&self) -> CacheStats {
        // Relaxed, both: statistics.
        CacheStats {
            hits: self.hits.load(Relaxed),
            rebuilds: self.rebuilds.load(Relaxed),
            samples_folded: 0,
        }
    }
}

impl<T> fmt::Debug for CachedValue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedValue")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
