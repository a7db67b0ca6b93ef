//! The collector's metrics, and the cached sections that are derived from them.

use crate::collector::modes::ModeSnapshot;
use crate::collector::snapshot::{BatchSnapshot, LatencySnapshot, ThroughputSection};
use crate::{CacheStats, CachedValue, Gauge, Histogram, RegistrySnapshot, Throughput};
use std::sync::Arc;
use std::time::Duration;

/// How well the caches of a collector's sections served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CollectorCacheStats {
    /// Of [`MetricsCollector::latency`](crate::MetricsCollector::latency).
    pub latency: CacheStats,
    /// Of [`MetricsCollector::batch`](crate::MetricsCollector::batch).
    pub batch: CacheStats,
    /// Of [`MetricsCollector::throughput`](crate::MetricsCollector::throughput), which folds no samples.
    pub throughput: CacheStats,
}

/// A collector's metrics and sections. It does not hold the registry, so that the registry's callbacks can hold it.
#[derive(Debug)]
pub(super) struct Sections {
    pub(super) latency: Histogram,
    pub(super) batch: Histogram,
    /// The last size. A gauge of no exposed registry: a histogram does not know which of two threads recorded last.
    pub(super) last_batch: Gauge,
    pub(super) tokens: Throughput,
    pub(super) requests: Throughput,
    pub(super) queue_depth: Gauge,
    pub(super) modes: CachedValue<ModeSnapshot>,
    pub(super) started: Duration,
    pub(super) latency_section: CachedValue<LatencySnapshot>,
    pub(super) batch_section: CachedValue<BatchSnapshot>,
    throughput_section: CachedValue<ThroughputSection>,
}

impl Sections {
    pub(super) fn new(
        [latency, batch]: [Histogram; 2],
        [tokens, requests]: [Throughput; 2],
        [queue_depth, last_batch]: [Gauge; 2],
        started: Duration,
    ) -> Self {
        Self {
            latency_section: CachedValue::new(LatencySnapshot::new(latency.snapshot())),
            batch_section: CachedValue::new(BatchSnapshot::new(batch.snapshot(), 0)),
            throughput_section: CachedValue::new(ThroughputSection::new(
                tokens.snapshot(),
                requests.snapshot(),
            )),
            latency,
            batch,
            last_batch,
            tokens,
            requests,
            queue_depth,
            modes: CachedValue::new(ModeSnapshot::default()),
            started,
        }
    }

    pub(super) fn latency(&self) -> Arc<LatencySnapshot> {
        self.latency_section.read(
            |section| Arc::ptr_eq(&section.lifetime, &self.latency.snapshot()),
            || LatencySnapshot::new(self.latency.snapshot()),
        )
    }

    pub(super) fn batch(&self) -> Arc<BatchSnapshot> {
        self.batch_section.read(
            |section| Arc::ptr_eq(&section.lifetime, &self.batch.snapshot()),
            || BatchSnapshot::new(self.batch.snapshot(), self.last_batch.get()),
        )
    }

    pub(super) fn throughput(&self) -> Arc<ThroughputSection> {
        self.throughput_section.read(
            |section| section.shows(&self.tokens.snapshot(), &self.requests.snapshot()),
            || ThroughputSection::new(self.tokens.snapshot(), self.requests.snapshot()),
        )
    }

    /// The latencies that a snapshot of the registry holds, `cached` if it shows the same ones.
    pub(super) fn latency_in(
        &self,
        snapshot: &RegistrySnapshot,
        cached: Arc<LatencySnapshot>,
    ) -> Arc<LatencySnapshot> {
        match snapshot.histogram(&self.latency) {
            Some(held) if !Arc::ptr_eq(held, &cached.lifetime) => {
                Arc::new(LatencySnapshot::new(Arc::clone(held)))
            }
            _ => cached,
        }
    }

    /// The batch sizes that a snapshot of the registry holds, `cached` if it shows the same ones.
    pub(super) fn batch_in(
        &self,
        snapshot: &RegistrySnapshot,
        cached: Arc<BatchSnapshot>,
    ) -> Arc<BatchSnapshot> {
        match snapshot.histogram(&self.batch) {
            Some(held) if !Arc::ptr_eq(held, &cached.lifetime) => {
                Arc::new(BatchSnapshot::new(Arc::clone(held), self.last_batch.get()))
            }
            _ => cached,
        }
    }

    /// The throughput that a snapshot of the registry holds, `cached` if it shows the same one.
    pub(super) fn throughput_in(
        &self,
        snapshot: &RegistrySnapshot,
        cached: Arc<ThroughputSection>,
    ) -> Arc<ThroughputSection> {
        match (
            snapshot.throughput(&self.tokens),
            snapshot.throughput(&self.requests),
        ) {
            (Some(tokens), Some(requests)) if !cached.shows(tokens, requests) => Arc::new(
                ThroughputSection::new(Arc::clone(tokens), Arc::clone(requests)),
            ),
            _ => cached,
        }
    }

    pub(super) fn cache_stats(&self) -> CollectorCacheStats {
        let folded = |histogram: &Histogram| histogram.latest().snapshot.samples_folded();
        CollectorCacheStats {
            latency: self
                .latency_section
                .stats()
                .with_samples_folded(folded(&self.latency)),
            batch: self
                .batch_section
                .stats()
                .with_samples_folded(folded(&self.batch)),
            throughput: self.throughput_section.stats(),
        }
    }
}

impl CollectorCacheStats {
    pub(super) fn by_section(&self) -> [(&'static str, CacheStats); 3] {
        [
            ("latency", self.latency),
            ("batch", self.batch),
            ("throughput", self.throughput),
        ]
    }
}
