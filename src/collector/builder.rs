//! Options of a collector.

use crate::collector::derived;
use crate::collector::sections::Sections;
use crate::{Clock, DurationOptions, HistogramOptions, RegisterError, Registry};
use std::sync::Arc;
use std::time::Duration;

/// Builder for a [`MetricsCollector`](crate::MetricsCollector);
/// [`MetricsCollector::builder`](crate::MetricsCollector::builder) makes one.
///
/// ```
/// use epoch_metrics::MetricsCollector;
/// use std::time::Duration;
///
/// let metrics = MetricsCollector::builder().prefix("inference").max_staleness(Duration::from_secs(1)).build()?;
/// metrics.record_batch_size(8);
/// assert!(metrics.render_prometheus().contains("inference_batch_size_count 1\n"));
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct CollectorBuilder {
    prefix: String,
    recent: usize,
    windows: Vec<Duration>,
    max_staleness: Duration,
    clock: Option<Arc<dyn Clock>>,
}

impl Default for CollectorBuilder {
    fn default() -> Self {
        Self {
            prefix: "server".to_owned(),
            recent: 1000,
            windows: [5, 30, 60].map(Duration::from_secs).to_vec(),
            max_staleness: Duration::ZERO,
            clock: None,
        }
    }
}

impl CollectorBuilder {
    /// What exposed names begin with; defaults to `server`.
    pub fn prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// The number of recent samples over which percentiles are exact; defaults to 1000.
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
    /// one. A server whose controller reads as often as requests come gets its cache hits from here.
    pub fn max_staleness(mut self, age: Duration) -> Self {
        self.max_staleness = age;
        self
    }

    /// The time source; defaults to the system's clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The collector's registry and metrics.
    pub(super) fn register(self) -> Result<(Registry, Arc<Sections>), RegisterError> {
        let mut registry = Registry::builder().max_staleness(self.max_staleness);
        if let Some(clock) = self.clock {
            registry = registry.clock(clock);
        }
        let registry = registry.build();
        let name = |metric: &str| format!("{}_{metric}", self.prefix);

        let [shortest, longest] = [Duration::from_nanos(1), Duration::from_secs(3600)];
        let latency = HistogramOptions::durations()
            .range(shortest, longest - Duration::from_nanos(1))
            .export_bounds(&DurationOptions::DEFAULT_BOUNDS)
            .recent(self.recent);
        let latency = registry.histogram(
            &name("request_latency"),
            "Time from arrival to answer.",
            latency,
        )?;
        let batch = HistogramOptions::values(0, 1 << 20)
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

        let started = registry.clock().now();
        let sections = Arc::new(Sections::new(
            [latency, batch],
            [tokens, requests],
            queue_depth,
            started,
        ));
        derived::register(&sections, &registry, &self.prefix)?;
        Ok((registry, sections))
    }
}
