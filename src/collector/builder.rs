//! Options of a collector.

use crate::collector::derived;
use crate::collector::sections::Sections;
use crate::{Clock, DurationOptions, HistogramOptions, RegisterError, Registry, RegistryBuilder};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The largest batch that is recorded.
pub(super) const MAX_BATCH: u64 = 1 << 20;

/// Builder for a [`MetricsCollector`](crate::MetricsCollector);
/// [`MetricsCollector::builder`](crate::MetricsCollector::builder) makes one.
///
/// ```
/// use epoch_metrics::MetricsCollector;
/// use std::time::Duration;
///
/// let metrics = MetricsCollector::builder().prefix("inference")?.max_staleness(Duration::from_secs(1)).build()?;
/// metrics.record_batch_size(8);
/// assert!(metrics.render_prometheus().contains("inference_batch_size_count 1\n"));
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct CollectorBuilder {
    prefix: String,
    recent: usize,
    windows: Vec<Duration>,
    latency: DurationOptions,
    registry: RegistryBuilder,
}

impl Default for CollectorBuilder {
    fn default() -> Self {
        let [shortest, longest] = [Duration::from_nanos(1), Duration::from_secs(3600)];
        Self {
            prefix: "server".to_owned(),
            recent: 1000,
            windows: [5, 30, 60].map(Duration::from_secs).to_vec(),
            latency: HistogramOptions::durations()
                .range(shortest, longest - Duration::from_nanos(1))
                .export_bounds(&DurationOptions::DEFAULT_BOUNDS),
            registry: Registry::builder(),
        }
    }
}

impl CollectorBuilder {
    /// What the names of the collector's metrics begin with; defaults to `server`.
    ///
    /// # Errors
    /// [`RegisterError::InvalidName`] if no metric could have this name.
    pub fn prefix(mut self, prefix: &str) -> Result<Self, RegisterError> {
        // A prefix of a registry has to meet the same condition.
        let _ = Registry::builder().prefix(prefix)?;
        prefix.clone_into(&mut self.prefix);
        Ok(self)
    }

    /// Changes the options of the latency histogram, which by default takes more than 0 and less than 1 hour, exports
    /// [`DurationOptions::DEFAULT_BOUNDS`], and keeps [`recent`](Self::recent) samples, whatever this says of them.
    ///
    /// ```
    /// use epoch_metrics::MetricsCollector;
    /// use std::time::Duration;
    ///
    /// let ten_seconds = Duration::from_secs(10);
    /// let metrics = MetricsCollector::builder()
    ///     .latency_options(|options| options.exemplars(true).windows(&[ten_seconds]).export_windows(true))
    ///     .build()?;
    /// metrics.record_latency_with_exemplar(Duration::from_millis(12), &[("trace_id", "4bf92f35")])?;
    /// let page = metrics.render_prometheus();
    /// assert!(page.contains("server_request_latency_window_seconds_count{window=\"10s\"} 1\n"), "{page}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn latency_options(
        mut self,
        change: impl FnOnce(DurationOptions) -> DurationOptions,
    ) -> Self {
        self.latency = change(self.latency);
        self
    }

    /// Changes the options of the collector's registry: those that this builder does not have itself.
    ///
    /// ```
    /// use epoch_metrics::MetricsCollector;
    ///
    /// let metrics = MetricsCollector::builder()
    ///     .registry_options(|options| options.created_samples(true))
    ///     .build()?;
    /// assert!(metrics.page().render_openmetrics().contains("server_requests_created "));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn registry_options(
        mut self,
        change: impl FnOnce(RegistryBuilder) -> RegistryBuilder,
    ) -> Self {
        self.registry = change(self.registry);
        self
    }

    /// The number of recent samples over which percentiles are exact; defaults to 1000. With 0, the sections
    /// have no recent values, and the page has neither their summary nor their gauges.
    pub fn recent(mut self, samples: usize) -> Self {
        self.recent = samples;
        self
    }

    /// The windows over which rates are taken: whole seconds, 1 to 60; defaults to 5, 30 and 60 s.
    pub fn windows(mut self, windows: &[Duration]) -> Self {
        self.windows = windows.to_vec();
        self
    }

    /// How old a section may be and still be served although something changed. Zero, the default, always serves a current
    /// one. A server whose controller reads as often as requests come gets its cache hits from here. See
    /// [`RegistryBuilder::max_staleness`](crate::RegistryBuilder::max_staleness).
    pub fn max_staleness(mut self, age: Duration) -> Self {
        self.registry = self.registry.max_staleness(age);
        self
    }

    /// The time source; defaults to the system's clock. What it may do is said at
    /// [`RegistryBuilder::clock`](crate::RegistryBuilder::clock).
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.registry = self.registry.clock(clock);
        self
    }

    /// A label that every series has, those of metrics of your own in [`MetricsCollector::registry`](crate::MetricsCollector::registry) included. See
    /// [`RegistryBuilder::constant_label`].
    ///
    /// # Errors
    /// If the name is invalid, or there is a constant label of this name already. [`Self::build`] refuses the names that the
    /// collector uses itself: `le`, `mode`, `of`, `quantile`, `result`, `section` and `window`.
    ///
    /// ```
    /// let metrics = epoch_metrics::MetricsCollector::builder().constant_label("model", "small")?.build()?;
    /// assert!(metrics.render_prometheus().contains("server_queue_depth{model=\"small\"} 0\n"));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn constant_label(mut self, name: &str, value: &str) -> Result<Self, RegisterError> {
        self.registry = self.registry.constant_label(name, value)?;
        Ok(self)
    }

    /// What the names of the library's own metrics begin with. See [`RegistryBuilder::own_metrics_prefix`].
    ///
    /// # Errors
    /// If no metric could have this name.
    pub fn own_metrics_prefix(mut self, prefix: &str) -> Result<Self, RegisterError> {
        self.registry = self.registry.own_metrics_prefix(prefix)?;
        Ok(self)
    }

    /// Leaves the library's own metrics out. See [`RegistryBuilder::without_own_metrics`].
    pub fn without_own_metrics(mut self) -> Self {
        self.registry = self.registry.without_own_metrics();
        self
    }

    /// The collector's registry and metrics.
    pub(super) fn register(self) -> Result<(Registry, Arc<Sections>), RegisterError> {
        let registry = self.registry.build();
        let name = |metric: &str| format!("{}_{metric}", self.prefix);

        let latency = registry.histogram(
            &name("request_latency"),
            "Time from arrival to answer.",
            self.latency.recent(self.recent),
        )?;
        let batch = HistogramOptions::values(0, MAX_BATCH)
            .significant_digits(3)
            .recent(self.recent);
        let batch = registry.histogram(&name("batch_size"), "Requests in a batch.", batch)?;
        let tokens =
            registry.throughput_with_windows(&name("tokens"), "Tokens finished.", &self.windows)?;
        let requests = registry.throughput_with_windows(
            &name("requests"),
            "Requests finished.",
            &self.windows,
        )?;
        let queue_depth = registry.gauge(&name("queue_depth"), "Requests that wait.")?;

        let last_batch = Registry::new().gauge("last_batch", "")?;

        let started = registry.clock().now();
        let sections = Arc::new(Sections::new(
            [latency, batch],
            [tokens, requests],
            [queue_depth, last_batch],
            started,
        ));
        derived::register(&sections, &registry, &self.prefix)?;
        Ok((registry, sections))
    }
}

impl fmt::Debug for CollectorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CollectorBuilder")
            .field("prefix", &self.prefix)
            .field("recent", &self.recent)
            .field("windows", &self.windows)
            .finish_non_exhaustive()
    }
}
