//! What the server measures: the collector, and metrics of its own in the collector's registry.
//!
//! Everything known beforehand is looked up once, here. What a request records on its way is [`Metrics::inferred`]: a
//! counter, a latency and two throughputs, without a lock, a look-up or an atomic read-modify-write.

use epoch_metrics::{
    Counter, Family, FloatGauge, Gauge, Histogram, HistogramOptions, MetricsCollector,
};
use hyper::StatusCode;
use std::error::Error;
use std::time::{Duration, Instant};

/// How old a reading may be.
///
/// The controller reads p99 after every batch, hundreds or thousands of times a second, and each request in between outdates
/// the last snapshot. p99 is that of the last 1000 requests: at 500 requests a second it takes two seconds to become another
/// one. A reading of an eighth of that age is as good as a fresh one, and so only four in a second have to be built. The
/// price: a scrape may be behind by as much.
const MAX_STALENESS: Duration = Duration::from_millis(250);

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
    /// How many requests the controller allows in a batch.
    pub(crate) batch_limit: Gauge,
    /// How long the controller lets a batch wait for more, in seconds.
    pub(crate) batch_window: FloatGauge,
    /// What recording costs, sampled.
    pub(crate) recording: Histogram,
    /// HTTP requests answered, by route and status.
    requests: Family<Counter>,
    /// The one of these that is counted thousands of times a second: /infer with status 200.
    inferred: Counter,
    /// What two readings of the clock cost by themselves.
    clock_cost: Duration,
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

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// If two metrics have the same name, which is a mistake in this file.
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        let collector = MetricsCollector::builder()
            .max_staleness(MAX_STALENESS)
            .build()?;
        let registry = collector.registry();
        let requests = registry.counter_family(
            "http_requests",
            "Requests answered, by route and status.",
            &["route", "status"],
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
            batch_limit: registry.gauge("server_batch_limit", "Requests allowed in a batch.")?,
            batch_window: registry.float_gauge(
                "server_batch_window_seconds",
                "How long a batch waits for more requests.",
            )?,
            recording: registry.histogram(
                "server_recording",
                "Cost of recording a request, sampled.",
                recording,
            )?,
            inferred: requests.with(&["/infer", "200"])?,
            requests,
            clock_cost: clock_cost(),
            collector,
        })
    }

    /// Records an inference whose answer is about to be handed to the connection: the one place where it counts.
    ///
    /// Of every [`TIME_EVERY`]th the recording itself is timed; what the clock costs is taken off.
    pub(crate) fn inferred(&self, id: u64, latency: Duration, tokens: u64) {
        if !id.is_multiple_of(TIME_EVERY) {
            return self.record(latency, tokens);
        }
        let started = Instant::now();
        self.record(latency, tokens);
        let took = started.elapsed().saturating_sub(self.clock_cost);
        // Less than the clock can see is short, not invalid.
        self.recording
            .record_duration(took.max(Duration::from_nanos(1)));
    }

    #[inline]
    fn record(&self, latency: Duration, tokens: u64) {
        self.inferred.inc();
        self.collector.record_latency(latency);
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

    /// Inferences answered so far.
    pub(crate) fn inferences(&self) -> u64 {
        self.inferred.get()
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
