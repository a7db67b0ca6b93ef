//! Histograms. Those that count in fixed buckets get the same 14: 100 µs, doubling, to 819 ms.

use super::Contender;
use super::counters::metadata;
use measured::metric::MetricFamilyEncoding;
use measured::metric::histogram::Thresholds;
use measured::metric::name::MetricName;
use measured::text::BufferedTextEncoder;
use metrics::Recorder;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::hint::black_box;
use std::sync::{Arc, Mutex, MutexGuard};

const FIRST_BUCKET: f64 = 0.0001;
const BUCKETS: usize = 14;

fn bounds() -> Vec<f64> {
    (0..BUCKETS)
        .map(|i| FIRST_BUCKET * f64::powi(2.0, i as i32))
        .collect()
}

/// HdrHistogram with the digits of `epoch_metrics::HistogramOptions::durations()`, up to an hour.
pub(crate) fn hdr() -> hdrhistogram::Histogram<u64> {
    hdrhistogram::Histogram::new_with_bounds(1, 3_600_000_000_000, 2).expect("valid bounds")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics inside")
}

/// The part of an implementation that is alike for all: handles are clones, and recording is one call.
macro_rules! cloned {
    ($name:literal, $value:ty, $handle:ty, $record:expr) => {
        const NAME: &'static str = $name;
        type Value = $value;
        type Handle = $handle;

        fn handle(&self) -> $handle {
            self.histogram.clone()
        }

        #[inline(always)]
        fn record(handle: &mut $handle, value: $value) {
            let record: fn(&mut $handle, $value) = $record;
            record(handle, value);
        }
    };
}

/// Does nothing: what the loop itself takes.
pub(crate) struct Nothing;

impl Contender for Nothing {
    const NAME: &'static str = "nothing";
    type Value = u64;
    type Handle = ();

    fn new() -> Self {
        Self
    }

    fn handle(&self) {}

    #[inline(always)]
    fn record((): &mut (), _: u64) {}
}

pub(crate) struct Ours {
    histogram: epoch_metrics::Histogram,
}

impl Contender for Ours {
    cloned!("epoch-metrics", u64, epoch_metrics::Histogram, |h, v| h
        .record(v));

    fn new() -> Self {
        Self {
            histogram: our_histogram(&epoch_metrics::Registry::new()),
        }
    }

    fn scrape(&self) {
        black_box(self.histogram.snapshot());
    }
}

/// The same, scraped as text, as the libraries are that have no other snapshot.
pub(crate) struct OursAsText {
    registry: epoch_metrics::Registry,
    histogram: epoch_metrics::Histogram,
}

impl Contender for OursAsText {
    cloned!(
        "epoch-metrics, read as text",
        u64,
        epoch_metrics::Histogram,
        |h, v| h.record(v)
    );

    fn new() -> Self {
        let registry = epoch_metrics::Registry::new();
        Self {
            histogram: our_histogram(&registry),
            registry,
        }
    }

    fn scrape(&self) {
        black_box(self.registry.render_prometheus());
    }
}

pub(crate) fn our_histogram(registry: &epoch_metrics::Registry) -> epoch_metrics::Histogram {
    // No other contender keeps recent samples.
    let options = epoch_metrics::HistogramOptions::durations().recent(0);
    registry
        .histogram("latency", "Latency.", options)
        .expect("a valid name")
}

pub(crate) struct Metrics {
    histogram: metrics::Histogram,
    exporter: PrometheusHandle,
}

impl Contender for Metrics {
    cloned!(
        "metrics + exporter, held handle",
        f64,
        metrics::Histogram,
        |h, v| h.record(v)
    );

    fn new() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let histogram =
            recorder.register_histogram(&metrics::Key::from_name("latency_seconds"), &metadata());
        Self {
            histogram,
            exporter: recorder.handle(),
        }
    }

    fn settle(&self) {
        self.exporter.run_upkeep();
    }

    fn scrape(&self) {
        black_box(self.exporter.render());
    }
}

pub(crate) struct Prometheus {
    histogram: prometheus::Histogram,
    registry: prometheus::Registry,
}

impl Contender for Prometheus {
    cloned!("prometheus", f64, prometheus::Histogram, |h, v| h
        .observe(v));

    fn new() -> Self {
        let options =
            prometheus::HistogramOpts::new("latency_seconds", "Latency.").buckets(bounds());
        let histogram = prometheus::Histogram::with_opts(options).expect("valid options");
        let registry = prometheus::Registry::new();
        registry
            .register(Box::new(histogram.clone()))
            .expect("a free name");
        Self {
            histogram,
            registry,
        }
    }

    fn scrape(&self) {
        black_box(
            prometheus::TextEncoder::new()
                .encode_to_string(&self.registry.gather())
                .expect("encodable"),
        );
    }
}

pub(crate) struct PrometheusClient {
    histogram: prometheus_client::metrics::histogram::Histogram,
    registry: prometheus_client::registry::Registry,
}

impl Contender for PrometheusClient {
    cloned!(
        "prometheus-client",
        f64,
        prometheus_client::metrics::histogram::Histogram,
        |h, v| h.observe(v)
    );

    fn new() -> Self {
        let histogram = prometheus_client::metrics::histogram::Histogram::new(bounds());
        let mut registry = prometheus_client::registry::Registry::default();
        registry.register("latency_seconds", "Latency", histogram.clone());
        Self {
            histogram,
            registry,
        }
    }

    fn scrape(&self) {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).expect("encodable");
        black_box(text);
    }
}

pub(crate) struct Measured {
    histogram: Arc<measured::Histogram<BUCKETS>>,
}

impl Contender for Measured {
    cloned!(
        "measured",
        f64,
        Arc<measured::Histogram<BUCKETS>>,
        |h, v| h.observe(v)
    );

    fn new() -> Self {
        let thresholds = Thresholds::exponential_buckets(FIRST_BUCKET, 2.0);
        Self {
            histogram: Arc::new(measured::Histogram::with_metadata(thresholds)),
        }
    }

    fn scrape(&self) {
        let mut encoder = BufferedTextEncoder::new();
        let name = MetricName::from_str("latency_seconds");
        let Ok(()) = self.histogram.collect_family_into(name, &mut encoder);
        black_box(encoder.finish());
    }
}

pub(crate) struct Fastmetrics {
    histogram: fastmetrics::metrics::histogram::Histogram,
    registry: fastmetrics::registry::Registry,
}

impl Contender for Fastmetrics {
    cloned!(
        "fastmetrics",
        f64,
        fastmetrics::metrics::histogram::Histogram,
        |h, v| h.observe(v)
    );

    fn new() -> Self {
        let histogram = fastmetrics::metrics::histogram::Histogram::new(bounds());
        let mut registry = fastmetrics::registry::Registry::default();
        registry
            .register("latency_seconds", "Latency", histogram.clone())
            .expect("a free name");
        Self {
            histogram,
            registry,
        }
    }

    fn scrape(&self) {
        let mut text = String::new();
        let profile = fastmetrics::format::text::TextProfile::PrometheusV0_0_4;
        fastmetrics::format::text::encode(&mut text, &self.registry, profile).expect("encodable");
        black_box(text);
    }
}

/// The histogram of the `histogram` crate, by itself.
pub(crate) struct Atomic {
    histogram: Arc<histogram::AtomicHistogram>,
}

impl Contender for Atomic {
    cloned!(
        "histogram AtomicHistogram(7, 64)",
        u64,
        Arc<histogram::AtomicHistogram>,
        |h, v| {
            let _ = h.increment(v);
        }
    );

    fn new() -> Self {
        Self {
            histogram: Arc::new(
                histogram::AtomicHistogram::new(7, 64).expect("a valid configuration"),
            ),
        }
    }

    fn scrape(&self) {
        black_box(self.histogram.load());
    }
}

/// The same as metriken offers it, made at its first use.
pub(crate) struct Metriken {
    histogram: Arc<metriken::AtomicCounterHistogram>,
}

impl Contender for Metriken {
    cloned!(
        "metriken AtomicCounterHistogram(7, 64)",
        u64,
        Arc<metriken::AtomicCounterHistogram>,
        |h, v| {
            let _ = h.increment(v);
        }
    );

    fn new() -> Self {
        Self {
            histogram: Arc::new(metriken::AtomicCounterHistogram::new(7, 64)),
        }
    }

    fn scrape(&self) {
        black_box(self.histogram.load());
    }
}

pub(crate) struct MetrikenSharded {
    histogram: Arc<metriken::ShardedCounterHistogram>,
}

impl Contender for MetrikenSharded {
    cloned!(
        "metriken ShardedCounterHistogram(7, 64)",
        u64,
        Arc<metriken::ShardedCounterHistogram>,
        |h, v| {
            let _ = h.increment(v);
        }
    );

    fn new() -> Self {
        Self {
            histogram: Arc::new(metriken::ShardedCounterHistogram::new(7, 64)),
        }
    }

    fn scrape(&self) {
        black_box(self.histogram.load());
    }
}

/// HdrHistogram's own answer to several threads. Its refresh waits for every recorder, so none may be idle.
pub(crate) struct HdrSync {
    merged: Mutex<hdrhistogram::sync::SyncHistogram<u64>>,
}

impl Contender for HdrSync {
    const NAME: &'static str = "hdrhistogram sync Recorder";
    type Value = u64;
    type Handle = hdrhistogram::sync::Recorder<u64>;

    fn new() -> Self {
        Self {
            merged: Mutex::new(hdr().into_sync()),
        }
    }

    fn handle(&self) -> Self::Handle {
        lock(&self.merged).recorder()
    }

    #[inline(always)]
    fn record(handle: &mut Self::Handle, value: u64) {
        let _ = handle.record(value);
    }

    fn settle(&self) {
        lock(&self.merged).refresh();
    }
}

pub(crate) struct HdrMutex {
    histogram: Arc<Mutex<hdrhistogram::Histogram<u64>>>,
}

impl Contender for HdrMutex {
    cloned!(
        "Mutex<hdrhistogram>, read by cloning",
        u64,
        Arc<Mutex<hdrhistogram::Histogram<u64>>>,
        |h, v| {
            let _ = lock(h).record(v);
        }
    );

    fn new() -> Self {
        Self {
            histogram: Arc::new(Mutex::new(hdr())),
        }
    }

    fn scrape(&self) {
        black_box(lock(&self.histogram).clone());
    }
}

/// Each thread has its own: what the buckets cost without any sharing.
pub(crate) struct HdrPlain;

impl Contender for HdrPlain {
    const NAME: &'static str = "floor: hdrhistogram, not shared";
    type Value = u64;
    type Handle = hdrhistogram::Histogram<u64>;

    fn new() -> Self {
        Self
    }

    fn handle(&self) -> Self::Handle {
        hdr()
    }

    #[inline(always)]
    fn record(handle: &mut Self::Handle, value: u64) {
        let _ = handle.record(value);
    }
}
