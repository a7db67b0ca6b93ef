//! What the server measures: the collector, and metrics of its own in the collector's registry.
//!
//! Everything known beforehand is looked up once, here. The implementation of [`Record`] is what each request executes: two counters, a
//! latency and two throughputs, without a lock, a look-up or an atomic read-modify-write. A request whose client sends the identifier of
//! a sampled trace becomes an exemplar of its latency as well, which allocates.

use crate::record::{Origin, Record};
use crate::trace::Trace;
use epoch_metrics::{
    CollectorBuilder, Counter, DurationOptions, Family, FloatGauge, Gauge, Histogram,
    HistogramOptions, MetricsCollector, RegisterError, Registry,
};
use hyper::{HeaderMap, StatusCode};
use std::error::Error;
use std::time::{Duration, Instant};

/// How old a reading may be.
///
/// The controller reads p99 after every batch, hundreds or thousands of times a second, and each request in between outdates
/// the last snapshot. p99 is that of the last 1000 requests: at 500 requests a second it takes two seconds to become another
/// one. A reading of an eighth of that age is as good as a fresh one, and so only four in a second have to be built. The
/// price: a scrape may be behind by as much.
pub(crate) const MAX_STALENESS: Duration = Duration::from_millis(250);

/// Spans of time over which pages show quantiles of the latency.
const WINDOWS: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(60)];

/// Of so many answers, one has its recording timed: reading the clock twice costs about as much as what it measures.
const TIME_EVERY: u64 = 64;

/// Handles to everything that is measured.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Latency, throughput, batch sizes, queue depth, mode.
    pub(crate) collector: MetricsCollector,
    /// Clients that did not get, or did not deserve, a proper answer.
    pub(crate) client_errors: ClientErrors,
    /// Connections that are open.
    pub(crate) connections: Gauge,
    /// Connections that could not be accepted: out of file descriptors, mostly.
    pub(crate) accept_errors: Counter,
    /// The target and the settings of the controller.
    pub(crate) controller: ControllerMetrics,
    /// What recording costs, sampled.
    pub(crate) recording: Histogram,
    /// HTTP requests answered, by route and status.
    requests: Family<Counter>,
    /// The one of these that is counted thousands of times a second: /infer with status 200.
    inferred: Counter,
    /// Parts of requests to /batch, by status.
    parts: Family<Counter>,
    /// The part counter with status 200.
    inferred_parts: Counter,
    /// Reads of the cache of models.
    pub(crate) models: ModelMetrics,
    /// Batches that were served at once, and batches that were collected.
    batches: [Counter; 2],
    /// What two readings of the clock cost by themselves.
    clock_cost: Duration,
}

/// The target and the settings of the controller.
#[derive(Debug)]
pub(crate) struct ControllerMetrics {
    /// The target of p99, in seconds.
    pub(crate) target: FloatGauge,
    /// The moving average of p99, in seconds.
    pub(crate) average: FloatGauge,
    /// The largest batch, in requests.
    pub(crate) limit: Gauge,
    /// The longest time for which a batch waits for more requests, in seconds.
    pub(crate) window: FloatGauge,
    /// Changes of limit or window.
    pub(crate) changes: Counter,
}

/// Reads of the cache of models.
#[derive(Debug)]
pub(crate) struct ModelMetrics {
    /// Requests whose model was prepared.
    pub(crate) hits: Counter,
    /// Requests that loaded their model, or waited for another request that did.
    pub(crate) misses: Counter,
    /// Time to load a model.
    pub(crate) loads: Histogram,
}

/// Clients that did something wrong, by what it was.
#[derive(Debug)]
pub(crate) struct ClientErrors {
    /// Not HTTP: answered 400.
    pub(crate) malformed: Counter,
    /// A body beyond the limit: answered 413.
    pub(crate) oversized_body: Counter,
    /// A request line and headers beyond the limit: answered 431.
    pub(crate) oversized_head: Counter,
    /// No request, or not all of it, within the time there is for it. Idle connections that are closed count too.
    pub(crate) timed_out: Counter,
    /// Gone before the request was complete, or before the answer was written.
    pub(crate) hung_up: Counter,
    /// Waited for longest when another client needed the place: closed.
    pub(crate) crowded_out: Counter,
}

impl ControllerMetrics {
    fn new(registry: &Registry) -> Result<Self, RegisterError> {
        Ok(Self {
            target: registry.float_gauge("server_p99_target_seconds", "Target of p99.")?,
            average: registry.float_gauge(
                "server_p99_average_seconds",
                "Moving average of p99 that batches are tuned by.",
            )?,
            limit: registry.gauge("server_batch_limit", "Requests allowed in a batch.")?,
            window: registry.float_gauge(
                "server_batch_window_seconds",
                "How long a batch waits for more requests.",
            )?,
            changes: registry.counter(
                "server_batch_tunings",
                "Changes of the batch limit or of the window.",
            )?,
        })
    }
}

impl ModelMetrics {
    fn new(registry: &Registry) -> Result<Self, Box<dyn Error>> {
        let reads = registry.counter_family(
            "server_model_reads",
            "Reads of the cache of models: hits found a prepared model.",
            &["result"],
        )?;
        let loads = HistogramOptions::durations()
            .export_bounds(&[10, 20, 30, 50, 100, 1_000].map(Duration::from_millis));
        Ok(Self {
            hits: reads.with(&["hit"])?,
            misses: reads.with(&["miss"])?,
            loads: registry.histogram("server_model_load", "Time to load a model.", loads)?,
        })
    }
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// If two metrics have the same name, which is a mistake in this file.
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        Self::build(MetricsCollector::builder())
    }

    /// [`Self::new`] with a manual clock.
    #[cfg(test)]
    pub(crate) fn with_clock(
        clock: std::sync::Arc<epoch_metrics::ManualClock>,
    ) -> Result<Self, Box<dyn Error>> {
        Self::build(MetricsCollector::builder().clock(clock))
    }

    fn build(collector: CollectorBuilder) -> Result<Self, Box<dyn Error>> {
        let latency = |options: DurationOptions| {
            options
                .exemplars(true)
                .windows(&WINDOWS)
                .export_windows(true)
        };
        let collector = collector
            .max_staleness(MAX_STALENESS)
            .latency_options(latency)
            .build()?;
        let registry = collector.registry();
        let requests = registry.counter_family(
            "http_requests",
            "Requests answered, by route and status.",
            &["route", "status"],
        )?;
        let parts = registry.counter_family(
            "server_parts",
            "Parts of requests to /batch, by status.",
            &["status"],
        )?;
        let batches = registry.counter_family(
            "server_batches",
            "Batches by path: served at once, because nothing was under way, or collected.",
            &["path"],
        )?;
        let errors = registry.counter_family(
            "http_client_errors",
            "Clients that failed, by reason.",
            &["reason"],
        )?;
        let recording = HistogramOptions::durations()
            .recent(1000)
            .export_bounds(&[50, 100, 200, 500, 1_000, 10_000].map(Duration::from_nanos));
        Ok(Self {
            client_errors: ClientErrors {
                malformed: errors.with(&["malformed"])?,
                oversized_body: errors.with(&["oversized_body"])?,
                oversized_head: errors.with(&["oversized_head"])?,
                timed_out: errors.with(&["timed_out"])?,
                hung_up: errors.with(&["hung_up"])?,
                crowded_out: errors.with(&["crowded_out"])?,
            },
            connections: registry.gauge("http_connections", "Connections that are open.")?,
            accept_errors: registry.counter(
                "http_accept_errors",
                "Connections that could not be accepted.",
            )?,
            controller: ControllerMetrics::new(registry)?,
            recording: registry.histogram(
                "server_recording",
                "Cost of recording a request, sampled.",
                recording,
            )?,
            inferred: requests.with(&["/infer", "200"])?,
            requests,
            inferred_parts: parts.with(&["200"])?,
            parts,
            models: ModelMetrics::new(registry)?,
            batches: [batches.with(&["at_once"])?, batches.with(&["collected"])?],
            clock_cost: clock_cost(),
            collector,
        })
    }

    #[inline]
    fn record(&self, latency: Duration, tokens: u64, origin: &Origin) {
        let counter = if origin.is_part {
            &self.inferred_parts
        } else {
            &self.inferred
        };
        counter.inc();
        match &origin.trace {
            None => self.collector.record_latency(latency),
            // The labels are valid, and a latency out of range is counted.
            Some(trace) => {
                let labels = trace.labels();
                let _ = self
                    .collector
                    .record_latency_with_exemplar(latency, &labels);
            }
        }
        self.collector.record_throughput(tokens, 1);
    }

    /// Counts any other answer. Routes and statuses are few, but which of them occur is known only when they do; such answers
    /// are rare, so each looks its counter up.
    pub(crate) fn answered(&self, route: &str, status: StatusCode) {
        // As many values as labels: it cannot fail.
        if let Ok(counter) = self.requests.with(&[route, status.as_str()]) {
            counter.inc();
        }
    }

    /// Counts a part of a request that failed.
    pub(crate) fn part_failed(&self, status: StatusCode) {
        // As many values as labels: it cannot fail.
        if let Ok(counter) = self.parts.with(&[status.as_str()]) {
            counter.inc();
        }
    }

    /// Inferences answered so far.
    pub(crate) fn inferences(&self) -> u64 {
        self.inferred.get() + self.inferred_parts.get()
    }
}

impl Record for Metrics {
    type Moment = Instant;

    #[inline]
    fn now(&self) -> Instant {
        Instant::now()
    }

    #[inline]
    fn trace(&self, headers: &HeaderMap) -> Option<Trace> {
        Trace::of(headers)
    }

    /// Inferences are counted here only.
    ///
    /// For one in [`TIME_EVERY`] the recording itself is timed, and the cost of the clock subtracted.
    #[inline]
    fn inferred(&self, since: Instant, id: u64, tokens: u64, origin: &Origin) -> Duration {
        let latency = since.elapsed().max(Duration::from_nanos(1));
        if !id.is_multiple_of(TIME_EVERY) {
            self.record(latency, tokens, origin);
            return latency;
        }
        let started = Instant::now();
        self.record(latency, tokens, origin);
        let took = started.elapsed().saturating_sub(self.clock_cost);
        // Less than the clock can see is short, not invalid.
        self.recording
            .record_duration(took.max(Duration::from_nanos(1)));
        latency
    }

    #[inline]
    fn model_read(&self, prepared: bool) {
        let result = if prepared {
            &self.models.hits
        } else {
            &self.models.misses
        };
        result.inc();
    }

    fn model_loaded(&self, since: Instant) {
        self.models.loads.record_duration(since.elapsed());
    }

    #[inline]
    fn batch(&self, size: usize, left: usize, at_once: bool) {
        self.batches[usize::from(!at_once)].inc();
        self.collector.record_batch_size(size as u64);
        self.collector.record_queue_depth(left as u64);
    }

    fn queue_empty(&self) {
        self.collector.record_queue_depth(0);
    }

    fn mode(&self, mode: &str) {
        self.collector.record_mode_transition(mode);
    }
}

/// The least that two readings of the clock take.
fn clock_cost() -> Duration {
    let readings = (0..1000).map(|_| {
        let started = Instant::now();
        started.elapsed()
    });
    readings.min().unwrap_or_default()
}
