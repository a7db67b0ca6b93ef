//! The ready-made bundle for a server that batches requests.

mod export;
mod modes;
mod section;

pub use modes::{ModeSnapshot, Transition};
pub use section::CacheStats;

use crate::clock::Clock;
use crate::error::RegisterError;
use crate::metric::gauge::Gauge;
use crate::metric::histogram::Histogram;
use crate::metric::options::HistogramOptions;
use crate::metric::throughput::Throughput;
use crate::metric::timer::Timer;
use crate::registry::Registry;
use crate::snapshot::histogram::{Bucket, HistogramSnapshot};
use crate::snapshot::throughput::ThroughputSnapshot;
use modes::Modes;
use section::Section;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What a server that batches requests wants to know about itself: latency, throughput, batch sizes, queue depth and mode.
///
/// Written on every request, read by scrapes, by health and stats pages, and by a controller that looks at p99 after every
/// batch. Recording costs what the single metrics cost ([`Histogram::record`], …); reading hands out the same `Arc` until
/// something of that section changed. Clones are the same collector.
///
/// ```
/// use epoch_metrics::MetricsCollector;
/// use std::time::Duration;
///
/// let metrics = MetricsCollector::new();
/// metrics.record_latency(Duration::from_millis(12));
/// metrics.record_throughput(350, 1);
/// metrics.record_batch_size(8);
/// assert_eq!(metrics.latency().p99, Duration::from_millis(12));
/// assert_eq!(metrics.batch().current, 8);
/// ```
#[derive(Clone, Debug)]
pub struct MetricsCollector {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    prefix: String,
    registry: Registry,
    latency: Histogram,
    batch: Histogram,
    tokens: Throughput,
    requests: Throughput,
    queue_depth: Gauge,
    modes: Modes,
    latency_section: Section<LatencySnapshot>,
    batch_section: Section<BatchSnapshot>,
    throughput_section: Section<ThroughputSection>,
    started: Duration,
}

/// Latencies: exact over the most recent samples, and the lifetime's distribution.
#[derive(Clone, Debug)]
pub struct LatencySnapshot {
    /// Median of the recent samples, interpolated linearly between closest ranks, to the nanosecond.
    pub p50: Duration,
    /// 95th percentile of the recent samples.
    pub p95: Duration,
    /// 99th percentile of the recent samples.
    pub p99: Duration,
    /// The shortest recent sample.
    pub min: Duration,
    /// The longest recent sample.
    pub max: Duration,
    /// The mean of the recent samples.
    pub mean: Duration,
    /// How many recent samples there are: at most 1000, or what the builder was told.
    pub count: usize,
    /// Everything since the start or the last reset.
    pub lifetime: Arc<HistogramSnapshot>,
}

/// Batch sizes: the recent ones, and how often each size occurred.
#[derive(Clone, Debug)]
pub struct BatchSnapshot {
    /// The newest; 0 if there is none.
    pub current: u64,
    /// The smallest of the recent ones.
    pub min: u64,
    /// The largest of the recent ones.
    pub max: u64,
    /// The mean of the recent ones.
    pub mean: f64,
    /// Everything since the start or the last reset.
    pub lifetime: Arc<HistogramSnapshot>,
}

impl BatchSnapshot {
    /// Sizes and how often they occurred, rising: each size by itself up to 2047, larger ones in groups of a thousandth of
    /// their size.
    pub fn distribution(&self) -> impl Iterator<Item = Bucket> + '_ {
        self.lifetime.buckets()
    }
}

/// Tokens and requests finished.
#[derive(Clone, Debug)]
pub struct ThroughputSection {
    /// Tokens: total, and rates over 5, 30 and 60 seconds or what the builder was told.
    pub tokens: Arc<ThroughputSnapshot>,
    /// Requests, likewise.
    pub requests: Arc<ThroughputSnapshot>,
}

/// Everything at once.
#[derive(Clone, Debug)]
pub struct CollectorSnapshot {
    /// Latencies.
    pub latency: Arc<LatencySnapshot>,
    /// Batch sizes.
    pub batch: Arc<BatchSnapshot>,
    /// Tokens and requests.
    pub throughput: Arc<ThroughputSection>,
    /// Requests that wait.
    pub queue_depth: i64,
    /// The mode and its transitions.
    pub modes: Arc<ModeSnapshot>,
    /// Since the collector was made.
    pub uptime: Duration,
    /// The wall clock's time.
    pub timestamp: SystemTime,
}

/// How a [`MetricsCollector`] is to be; from [`MetricsCollector::builder`].
#[derive(Debug)]
pub struct CollectorBuilder {
    prefix: String,
    recent: usize,
    windows: Vec<Duration>,
    max_staleness: Duration,
    clock: Option<Arc<dyn Clock>>,
}

impl CollectorBuilder {
    /// What exported names begin with; `server` if not said.
    pub fn prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// Over how many recent samples percentiles are exact; 1000 if not said.
    pub fn recent(mut self, samples: usize) -> Self {
        self.recent = samples;
        self
    }

    /// Over which windows rates are taken: whole seconds, 1 to 60; 5, 30 and 60 s if not said.
    pub fn windows(mut self, windows: &[Duration]) -> Self {
        self.windows = windows.to_vec();
        self
    }

    /// How old a section may be served without looking whether it changed; zero, the default, always looks. A server whose
    /// controller reads as often as requests come gets its cache hits from here.
    pub fn max_staleness(mut self, age: Duration) -> Self {
        self.max_staleness = age;
        self
    }

    /// Where time comes from; the system's clock if not said.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The collector.
    ///
    /// # Errors
    /// If the prefix does not make valid names, a window is not of 1 to 60 whole seconds, or more recent samples are asked
    /// for than a histogram keeps.
    pub fn build(self) -> Result<MetricsCollector, RegisterError> {
        let mut registry = Registry::builder().max_staleness(self.max_staleness);
        if let Some(clock) = self.clock {
            registry = registry.clock(clock);
        }
        let registry = registry.build();
        let name = |metric: &str| format!("{}_{metric}", self.prefix);

        let latency = HistogramOptions::durations().range(1, 3_600_000_000_000 - 1).recent(self.recent);
        let latency = registry.histogram(&name("request_latency"), "Time from arrival to answer.", latency)?;
        let batch = HistogramOptions::values(0, 1 << 20).significant_digits(3).recent(self.recent);
        let batch = registry.histogram(&name("batch_size"), "Requests in a batch.", batch)?;
        let tokens = registry.throughput_over(&name("tokens"), "Tokens finished.", &self.windows)?;
        let requests = registry.throughput_over(&name("requests"), "Requests finished.", &self.windows)?;
        let queue_depth = registry.gauge(&name("queue_depth"), "Requests that wait.")?;
        for (metric, kind) in export::DERIVED {
            registry.reserve(&name(metric), kind)?;
        }

        let started = registry.clock().now();
        let latency_section = Section::new(LatencySnapshot::of(latency.snapshot()));
        let batch_section = Section::new(BatchSnapshot::of(batch.snapshot()));
        let throughput_section =
            Section::new(ThroughputSection { tokens: tokens.snapshot(), requests: requests.snapshot() });
        Ok(MetricsCollector {
            inner: Arc::new(Inner {
                prefix: self.prefix,
                registry,
                latency,
                batch,
                tokens,
                requests,
                queue_depth,
                modes: Modes::default(),
                latency_section,
                batch_section,
                throughput_section,
                started,
            }),
        })
    }
}

impl LatencySnapshot {
    fn of(lifetime: Arc<HistogramSnapshot>) -> Self {
        let nanos = |nanos: f64| Duration::from_nanos(nanos.round() as u64);
        let Some(recent) = lifetime.recent() else {
            let [p50, p95, p99, min, max, mean] = [Duration::ZERO; 6];
            return Self { p50, p95, p99, min, max, mean, count: 0, lifetime };
        };
        Self {
            p50: nanos(recent.quantile(0.50)),
            p95: nanos(recent.quantile(0.95)),
            p99: nanos(recent.quantile(0.99)),
            min: Duration::from_nanos(recent.min()),
            max: Duration::from_nanos(recent.max()),
            mean: nanos(recent.mean()),
            count: recent.count(),
            lifetime,
        }
    }
}

impl BatchSnapshot {
    fn of(lifetime: Arc<HistogramSnapshot>) -> Self {
        let (current, min, max, mean) = match lifetime.recent() {
            Some(recent) => (recent.last(), recent.min(), recent.max(), recent.mean()),
            None => (0, 0, 0, 0.0),
        };
        Self { current, min, max, mean, lifetime }
    }
}

impl Default for MetricsCollector {
    fn default() -> Self {
        Self::new()
    }
}

impl MetricsCollector {
    /// A collector with the defaults of [`CollectorBuilder`].
    pub fn new() -> Self {
        Self::builder().build().expect("the defaults go together")
    }

    /// Options for a collector.
    pub fn builder() -> CollectorBuilder {
        CollectorBuilder {
            prefix: "server".to_owned(),
            recent: 1000,
            windows: [5, 30, 60].map(Duration::from_secs).to_vec(),
            max_staleness: Duration::ZERO,
            clock: None,
        }
    }

    /// Records how long a request took: more than 0 and less than 1 hour; anything else is counted as rejected.
    #[inline]
    pub fn record_latency(&self, latency: Duration) {
        self.inner.latency.record_duration(latency);
    }

    /// The same for callers that have milliseconds. Not a number, infinite, zero and negative are counted as rejected.
    pub fn record_latency_ms(&self, latency: f64) {
        // Also false for NaN. Beyond 2^64 the conversion saturates, which is out of range.
        if latency > 0.0 && latency.is_finite() {
            self.inner.latency.record((latency * 1e6).round().max(1.0) as u64);
        } else {
            self.inner.latency.reject();
        }
    }

    /// Starts a timer that records a latency when it is dropped.
    #[inline]
    pub fn start(&self) -> Timer<'_> {
        self.inner.latency.start()
    }

    /// Adds tokens and requests that are finished now.
    #[inline]
    pub fn record_throughput(&self, tokens: u64, requests: u64) {
        self.inner.tokens.add(tokens);
        self.inner.requests.add(requests);
    }

    /// Records the size of a batch: 0 to 2^20; larger ones are counted as rejected.
    #[inline]
    pub fn record_batch_size(&self, requests: u64) {
        self.inner.batch.record(requests);
    }

    /// Sets how many requests wait.
    #[inline]
    pub fn record_queue_depth(&self, requests: u64) {
        self.inner.queue_depth.set(i64::try_from(requests).unwrap_or(i64::MAX));
    }

    /// Says which mode the server is in. Counts a transition if it was in another one before; the first is none.
    ///
    /// Rare, and by name exempt from what is promised of the other calls: a change allocates and executes read-modify-writes.
    /// Saying the same mode again is a read.
    pub fn record_mode_transition(&self, mode: &str) {
        self.inner.modes.enter(mode, || self.uptime());
    }

    /// Latencies now.
    pub fn latency(&self) -> Arc<LatencySnapshot> {
        let inner = &*self.inner;
        let lifetime = inner.latency.snapshot();
        inner
            .latency_section
            .read(|section| Arc::ptr_eq(&section.lifetime, &lifetime), || LatencySnapshot::of(Arc::clone(&lifetime)))
    }

    /// Batch sizes now.
    pub fn batch(&self) -> Arc<BatchSnapshot> {
        let inner = &*self.inner;
        let lifetime = inner.batch.snapshot();
        inner
            .batch_section
            .read(|section| Arc::ptr_eq(&section.lifetime, &lifetime), || BatchSnapshot::of(Arc::clone(&lifetime)))
    }

    /// Tokens and requests now.
    pub fn throughput(&self) -> Arc<ThroughputSection> {
        let inner = &*self.inner;
        let (tokens, requests) = (inner.tokens.snapshot(), inner.requests.snapshot());
        inner.throughput_section.read(
            |section| Arc::ptr_eq(&section.tokens, &tokens) && Arc::ptr_eq(&section.requests, &requests),
            || ThroughputSection { tokens: Arc::clone(&tokens), requests: Arc::clone(&requests) },
        )
    }

    /// How many requests wait, as last recorded.
    pub fn queue_depth(&self) -> i64 {
        self.inner.queue_depth.get()
    }

    /// The mode that was recorded last; `None` before the first.
    pub fn mode(&self) -> Option<Arc<str>> {
        self.mode_transitions().mode.clone()
    }

    /// The mode, how often it changed, and the last 64 changes.
    pub fn mode_transitions(&self) -> Arc<ModeSnapshot> {
        self.inner.modes.snapshot()
    }

    /// Everything, each section from its cache.
    pub fn metrics(&self) -> CollectorSnapshot {
        CollectorSnapshot {
            latency: self.latency(),
            batch: self.batch(),
            throughput: self.throughput(),
            queue_depth: self.queue_depth(),
            modes: self.mode_transitions(),
            uptime: self.uptime(),
            timestamp: SystemTime::now(),
        }
    }

    /// Everything in Prometheus' text format 0.0.4, the metrics of [`Self::registry`] included.
    pub fn export_prometheus(&self) -> String {
        export::prometheus(self)
    }

    /// Everything as a JSON object.
    pub fn export_json(&self) -> String {
        export::json(self)
    }

    /// Forgets everything recorded so far, and keeps the configuration. A sample recorded meanwhile is forgotten or shown,
    /// never half of each. Each metric is reset by itself, one after the other.
    pub fn reset(&self) {
        let inner = &*self.inner;
        inner.latency.reset();
        inner.batch.reset();
        inner.tokens.reset();
        inner.requests.reset();
        inner.queue_depth.set(0);
        inner.modes.reset();
    }

    /// How well the caches served: by section.
    pub fn cache_stats(&self) -> CollectorCacheStats {
        let inner = &*self.inner;
        CollectorCacheStats {
            latency: inner.latency_section.stats(inner.latency.core().folded()),
            batch: inner.batch_section.stats(inner.batch.core().folded()),
            throughput: inner.throughput_section.stats(0),
        }
    }

    /// Where the collector's metrics are registered: for metrics of one's own, exported together with these.
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// Time since the collector was made.
    pub fn uptime(&self) -> Duration {
        self.inner.registry.clock().now().saturating_sub(self.inner.started)
    }
}

/// [`CacheStats`] by section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CollectorCacheStats {
    /// Of [`MetricsCollector::latency`].
    pub latency: CacheStats,
    /// Of [`MetricsCollector::batch`].
    pub batch: CacheStats,
    /// Of [`MetricsCollector::throughput`], which folds no samples.
    pub throughput: CacheStats,
}
