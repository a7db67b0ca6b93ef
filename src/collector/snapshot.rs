//! What a collector held at one moment, by section.

use crate::collector::modes::ModeSnapshot;
use crate::{Bucket, HistogramSnapshot, Page, Recent, ThroughputSnapshot};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Latencies: exact over the recent samples, and the distribution since the start. What is `None` without recent samples is
/// `NaN` or missing in text, and `null` in JSON.
///
/// ```
/// use std::time::Duration;
///
/// let metrics = epoch_metrics::MetricsCollector::new();
/// (1..=100).for_each(|ms| metrics.record_latency(Duration::from_millis(ms)));
/// let latency = metrics.latency();
/// assert_eq!((latency.p50, latency.count), (Some(Duration::from_micros(50_500)), 100));
/// assert_eq!(latency.lifetime.count(), 100);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LatencySnapshot {
    /// Median of the recent samples, interpolated linearly between the closest ranks, to the nanosecond.
    /// `None`, as the next five, if there are none: nothing was recorded yet, or the builder was told to keep none.
    pub p50: Option<Duration>,
    /// 95th percentile of the recent samples.
    pub p95: Option<Duration>,
    /// 99th percentile of the recent samples.
    pub p99: Option<Duration>,
    /// The shortest recent sample.
    pub min: Option<Duration>,
    /// The longest recent sample.
    pub max: Option<Duration>,
    /// The mean of the recent samples.
    pub mean: Option<Duration>,
    /// The number of recent samples: at most 1000, or what the builder was told.
    pub count: usize,
    /// Everything since the start or the last reset.
    pub lifetime: Arc<HistogramSnapshot>,
}

/// Batch sizes: the recent ones, and how often each size occurred.
///
/// ```
/// let metrics = epoch_metrics::MetricsCollector::new();
/// [4, 8, 8].into_iter().for_each(|size| metrics.record_batch_size(size));
/// let batch = metrics.batch();
/// assert_eq!((batch.current, batch.min, batch.max), (Some(8), Some(4), Some(8)));
/// let distribution: Vec<(u64, u64)> = batch.distribution().map(|size| (size.low, size.count)).collect();
/// assert_eq!(distribution, [(4, 1), (8, 2)]);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BatchSnapshot {
    /// The size that was recorded last, by whichever thread; `None` if there is none since the start or the last reset.
    pub current: Option<u64>,
    /// The smallest recent size.
    pub min: Option<u64>,
    /// The largest recent size.
    pub max: Option<u64>,
    /// The mean of the recent sizes.
    pub mean: Option<f64>,
    /// Everything since the start or the last reset.
    pub lifetime: Arc<HistogramSnapshot>,
}

/// Tokens and requests that were finished.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ThroughputSection {
    /// Tokens: total, and rates over 5, 30 and 60 seconds or what the builder was told.
    pub tokens: Arc<ThroughputSnapshot>,
    /// Requests: total and rates over the same windows.
    pub requests: Arc<ThroughputSnapshot>,
}

/// Everything at one moment: the sections and the page show the same snapshot of the registry. Queue depth, mode and uptime are
/// read a moment later.
///
/// ```
/// let metrics = epoch_metrics::MetricsCollector::new();
/// metrics.record_throughput(350, 1);
/// let snapshot = metrics.snapshot();
/// assert_eq!(snapshot.throughput.tokens.total(), 350);
/// assert!(snapshot.page.render_prometheus().contains("server_tokens_total 350\n"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CollectorSnapshot {
    /// Latencies.
    pub latency: Arc<LatencySnapshot>,
    /// Batch sizes.
    pub batch: Arc<BatchSnapshot>,
    /// Tokens and requests.
    pub throughput: Arc<ThroughputSection>,
    /// How many requests wait.
    pub queue_depth: i64,
    /// The mode and its transitions.
    pub modes: Arc<ModeSnapshot>,
    /// Time since the collector was created.
    pub uptime: Duration,
    /// The wall clock's time.
    pub timestamp: SystemTime,
    /// Every metric of the collector's registry, rendered on demand.
    pub page: Page,
}

impl LatencySnapshot {
    pub(super) fn new(lifetime: Arc<HistogramSnapshot>) -> Self {
        let recent = lifetime.recent();
        let nanos = |nanos: f64| Duration::from_nanos(nanos.round() as u64);
        let quantile = |q| recent.and_then(|recent| recent.quantile(q)).map(nanos);
        Self {
            p50: quantile(0.50),
            p95: quantile(0.95),
            p99: quantile(0.99),
            min: recent.and_then(Recent::min).map(Duration::from_nanos),
            max: recent.and_then(Recent::max).map(Duration::from_nanos),
            mean: recent.and_then(Recent::mean).map(nanos),
            count: recent.map_or(0, Recent::count),
            lifetime,
        }
    }
}

impl BatchSnapshot {
    pub(super) fn new(lifetime: Arc<HistogramSnapshot>, current: i64) -> Self {
        let recent = lifetime.recent();
        Self {
            current: (!lifetime.is_empty()).then_some(current.unsigned_abs()),
            min: recent.and_then(Recent::min),
            max: recent.and_then(Recent::max),
            mean: recent.and_then(Recent::mean),
            lifetime,
        }
    }

    /// Sizes and how often they occurred, rising. Each size up to 2047 is counted by itself, larger ones in groups of a
    /// thousandth of their size.
    pub fn distribution(&self) -> impl Iterator<Item = Bucket> + '_ {
        self.lifetime.buckets()
    }
}

impl ThroughputSection {
    pub(super) fn new(tokens: Arc<ThroughputSnapshot>, requests: Arc<ThroughputSnapshot>) -> Self {
        Self { tokens, requests }
    }

    /// Whether it shows these two snapshots.
    pub(super) fn shows(
        &self,
        tokens: &Arc<ThroughputSnapshot>,
        requests: &Arc<ThroughputSnapshot>,
    ) -> bool {
        Arc::ptr_eq(&self.tokens, tokens) && Arc::ptr_eq(&self.requests, requests)
    }
}

impl CollectorSnapshot {
    /// Everything in Prometheus' text format 0.0.4.
    pub fn render_prometheus(&self) -> String {
        self.page.render_prometheus()
    }
}
