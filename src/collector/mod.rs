//! The ready-made bundle for a server that batches requests.
//!
//! It uses nothing but the crate's public interface: `tests/public_door.rs` compiles this folder outside the crate.

mod builder;
mod derived;
mod modes;
mod sections;
mod snapshot;

pub use builder::CollectorBuilder;
pub use modes::{ModeSnapshot, Transition};
pub use sections::CollectorCacheStats;
pub use snapshot::{BatchSnapshot, CollectorSnapshot, LatencySnapshot, ThroughputSection};

use crate::{Histogram, Page, RecordError, RegisterError, Registry, Scrape, Timer};
use builder::MAX_BATCH;
use sections::Sections;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What a server that batches requests wants to know about itself: latency, throughput, batch sizes, queue depth and mode.
///
/// It is written on every request, and read by scrapes, by health and stats pages, and by a controller that looks at p99
/// after every batch. Recording costs what the single metrics cost ([`Histogram::record`](crate::Histogram::record), …);
/// reading hands out the same `Arc` until something of that section changes. Clones are the same collector.
///
/// ```
/// use epoch_metrics::MetricsCollector;
/// use std::time::Duration;
///
/// let metrics = MetricsCollector::new();
/// metrics.record_latency(Duration::from_millis(12));
/// metrics.record_throughput(350, 1);
/// metrics.record_batch_size(8);
/// assert_eq!(metrics.latency().p99, Some(Duration::from_millis(12)));
/// assert_eq!(metrics.batch().current, Some(8));
/// ```
#[derive(Clone)]
pub struct MetricsCollector {
    registry: Registry,
    sections: Arc<Sections>,
}

impl CollectorBuilder {
    /// The collector.
    ///
    /// # Errors
    /// If a window is not 1 to 60 whole seconds, more recent samples are wanted than a histogram keeps, the options of latencies do not go
    /// together, or a constant label is one that the collector uses itself.
    pub fn build(self) -> Result<MetricsCollector, RegisterError> {
        let (registry, sections) = self.register()?;
        Ok(MetricsCollector { registry, sections })
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
        Self::builder().build().expect("the defaults are valid")
    }

    /// Options for a collector.
    pub fn builder() -> CollectorBuilder {
        CollectorBuilder::default()
    }

    /// Records how long a request took: more than 0 and less than 1 hour. Anything else counts as rejected.
    #[inline]
    pub fn record_latency(&self, latency: Duration) {
        self.sections.latency.record_duration(latency);
    }

    /// [`Self::record_latency`], with labels such as the identifier of a trace. They are kept if
    /// [`latency_options`](CollectorBuilder::latency_options) ask for exemplars.
    ///
    /// # Errors
    /// As [`Histogram::record_duration_with_exemplar`](crate::Histogram::record_duration_with_exemplar).
    pub fn record_latency_with_exemplar(
        &self,
        latency: Duration,
        labels: &[(&str, &str)],
    ) -> Result<(), RecordError> {
        self.sections
            .latency
            .record_duration_with_exemplar(latency, labels)
    }

    /// Records a latency in milliseconds, for callers that compute with floating-point numbers. NaN, infinite, zero and negative values count as rejected.
    ///
    /// ```
    /// let metrics = epoch_metrics::MetricsCollector::new();
    /// metrics.record_latency_ms(12.5);
    /// metrics.record_latency_ms(f64::NAN);
    /// let lifetime = &metrics.latency().lifetime;
    /// assert_eq!((lifetime.count(), lifetime.rejected()), (1, 1));
    /// ```
    pub fn record_latency_ms(&self, latency: f64) {
        // False for NaN too. Beyond 2^64 the conversion saturates, which is outside the range.
        if latency > 0.0 && latency.is_finite() {
            self.sections
                .latency
                .record((latency * 1e6).round().max(1.0) as u64);
        } else {
            self.sections.latency.reject();
        }
    }

    /// Starts a timer that records a latency when it is dropped.
    #[inline]
    pub fn start(&self) -> Timer<&Histogram> {
        self.sections.latency.start()
    }

    /// Adds tokens and requests that are finished now.
    #[inline]
    pub fn record_throughput(&self, tokens: u64, requests: u64) {
        self.sections.tokens.add(tokens);
        self.sections.requests.add(requests);
    }

    /// Records the size of a batch: 0 to 2^20. Larger ones count as rejected.
    #[inline]
    pub fn record_batch_size(&self, requests: u64) {
        if requests <= MAX_BATCH {
            // First: a reader that finds the size in the histogram finds it here.
            self.sections.last_batch.set(requests as i64);
        }
        self.sections.batch.record(requests);
    }

    /// Sets how many requests wait.
    #[inline]
    pub fn record_queue_depth(&self, requests: u64) {
        self.sections
            .queue_depth
            .set(i64::try_from(requests).unwrap_or(i64::MAX));
    }

    /// Sets the mode that the server is in. Counts a transition if it was in another one; the first mode is none.
    ///
    /// Meant to be rare, and an exception to what is promised of the other calls: a change allocates and takes a lock.
    /// Setting the same mode again is a read.
    pub fn record_mode_transition(&self, mode: &str) {
        modes::enter(&self.sections.modes, mode, || self.uptime());
    }

    /// Latencies now.
    pub fn latency(&self) -> Arc<LatencySnapshot> {
        self.sections.latency()
    }

    /// Batch sizes now.
    pub fn batch(&self) -> Arc<BatchSnapshot> {
        self.sections.batch()
    }

    /// Tokens and requests now.
    pub fn throughput(&self) -> Arc<ThroughputSection> {
        self.sections.throughput()
    }

    /// How many requests wait, as it was recorded last.
    pub fn queue_depth(&self) -> i64 {
        self.sections.queue_depth.get()
    }

    /// The mode that was recorded last; `None` before the first.
    pub fn mode(&self) -> Option<Arc<str>> {
        self.mode_transitions().mode.clone()
    }

    /// The mode, how often it changed, and the last 64 changes.
    pub fn mode_transitions(&self) -> Arc<ModeSnapshot> {
        self.sections.modes.latest()
    }

    /// Everything, from one snapshot of the registry; sections come from their caches if they show the same.
    pub fn snapshot(&self) -> CollectorSnapshot {
        let page = self.page();
        let registry = page.snapshots().next().map(Arc::clone);
        let registry = registry.expect("the page of a registry has its snapshot");
        CollectorSnapshot {
            latency: self.sections.latency_in(&registry, self.latency()),
            batch: self.sections.batch_in(&registry, self.batch()),
            throughput: self.sections.throughput_in(&registry, self.throughput()),
            queue_depth: self.queue_depth(),
            modes: self.mode_transitions(),
            uptime: self.uptime(),
            timestamp: SystemTime::now(),
            page,
        }
    }

    /// The page of [`Self::registry`], to be merged with other pages ([`Page::merge`]).
    ///
    /// ```
    /// use epoch_metrics::{MetricsCollector, Page, Registry};
    ///
    /// let [chat, search] = ["chat", "search"].map(|model| MetricsCollector::builder().prefix(model)?.build());
    /// let (chat, search, process) = (chat?, search?, Registry::new());
    /// process.gauge("threads", "Threads.")?.set(8);
    /// let page = Page::merge([chat.page(), search.page(), process.page()])?;
    /// assert!(page.render_prometheus().contains("search_request_latency_seconds_count 0\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn page(&self) -> Page {
        self.registry.page()
    }

    /// Everything in Prometheus' text format 0.0.4: the metrics of [`Self::registry`], and those derived from them.
    pub fn render_prometheus(&self) -> String {
        self.registry.render_prometheus()
    }

    /// Everything in the format that a scraper asks for, as [`Registry::scrape`] says.
    ///
    /// ```
    /// let metrics = epoch_metrics::MetricsCollector::new();
    /// let scrape = metrics.scrape(Some("application/openmetrics-text"), None::<&str>);
    /// assert_eq!(scrape.content_type(), epoch_metrics::OPENMETRICS_CONTENT_TYPE);
    /// ```
    pub fn scrape(
        &self,
        accept: impl IntoIterator<Item: AsRef<str>>,
        accept_encoding: impl IntoIterator<Item: AsRef<str>>,
    ) -> Scrape {
        self.registry.scrape(accept, accept_encoding)
    }

    /// Forgets everything recorded so far, and keeps the configuration. A sample that is recorded at the same time is
    /// forgotten or shown, never half of it. The metrics are reset one after the other.
    pub fn reset(&self) {
        let sections = &*self.sections;
        sections.latency.reset();
        sections.last_batch.set(0);
        sections.batch.reset();
        sections.tokens.reset();
        sections.requests.reset();
        sections.queue_depth.set(0);
        sections.modes.update(|_| ModeSnapshot::default());
    }

    /// How well the caches of the sections served.
    ///
    /// ```
    /// let metrics = epoch_metrics::MetricsCollector::new();
    /// metrics.latency();
    /// metrics.latency();
    /// assert_eq!(metrics.cache_stats().latency.hits, 2);
    /// ```
    pub fn cache_stats(&self) -> CollectorCacheStats {
        self.sections.cache_stats()
    }

    /// The collector's registry. Metrics of your own that are registered here are exposed on the same page.
    ///
    /// ```
    /// let metrics = epoch_metrics::MetricsCollector::new();
    /// let hits = metrics.registry().counter("model_cache_hits", "Prepared models found.")?;
    /// hits.inc();
    /// assert!(metrics.render_prometheus().contains("model_cache_hits_total 1\n"));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Time since the collector was created.
    pub fn uptime(&self) -> Duration {
        self.registry
            .clock()
            .now()
            .saturating_sub(self.sections.started)
    }
}

impl fmt::Debug for MetricsCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsCollector")
            .field("registry", &self.registry)
            .finish_non_exhaustive()
    }
}
