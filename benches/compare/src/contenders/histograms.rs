//! Histograms. Those that count in fixed buckets get the same 14: 100 µs, doubling, to 819 ms.

use super::Contender;
use super::counters::metadata;
pub(crate) use super::hdr::{HdrMutex, HdrPlain, HdrSync, hdr};
use super::pages;
use measured::metric::histogram::Thresholds;
use metrics::Recorder;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::hint::black_box;
use std::sync::Arc;

pub(super) const FIRST_BUCKET: f64 = 0.0001;
pub(super) const BUCKETS: usize = 14;

pub(super) fn bounds() -> Vec<f64> {
    (0..BUCKETS)
        .map(|i| FIRST_BUCKET * f64::powi(2.0, i as i32))
        .collect()
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

pub(super) use cloned;

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
        black_box(pages::prometheus(&self.registry));
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
        black_box(pages::prometheus_client(&self.registry));
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
        black_box(pages::measured("latency_seconds", &*self.histogram));
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
        black_box(pages::fastmetrics(&self.registry));
    }
}

pub(super) fn atomic() -> Arc<histogram::AtomicHistogram> {
    Arc::new(histogram::AtomicHistogram::new(7, 64).expect("a valid configuration"))
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
            histogram: atomic(),
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
