//! Families of histograms. What counts in fixed buckets has the same 14 as single histograms; the page shows those of ours.

use super::counters::exporter;
use super::label_sets::{InternedSet, Set};
use super::{Family, Handles, Labels, NAMES};
use crate::contenders::histograms::{self, BUCKETS, FIRST_BUCKET, bounds};
use crate::contenders::pages;
use measured::metric::histogram::Thresholds;
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

pub(crate) struct Ours<const DIGITS: u8> {
    registry: epoch_metrics::Registry,
    family: epoch_metrics::Family<epoch_metrics::Histogram>,
}

impl<const DIGITS: u8> Family for Ours<DIGITS> {
    const NAME: &'static str = match DIGITS {
        1 => "epoch-metrics, 1 digit",
        2 => "epoch-metrics, 2 digits",
        3 => "epoch-metrics, 3 digits",
        _ => panic!("unused"),
    };
    type Value = u64;

    fn new() -> Self {
        let bounds: Vec<Duration> = bounds().into_iter().map(Duration::from_secs_f64).collect();
        let options = epoch_metrics::HistogramOptions::durations()
            .significant_digits(DIGITS)
            .export_bounds(&bounds);
        let registry = epoch_metrics::Registry::new();
        let family = registry
            .histogram_family("latency", "Latency.", options, &NAMES)
            .expect("a valid name");
        Self { registry, family }
    }

    fn record(&self, labels: Labels, nanos: u64) {
        self.handle(labels).record(nanos);
    }

    fn render(&self) -> Option<Vec<u8>> {
        Some(self.registry.render_prometheus().into_bytes())
    }

    fn page_len(&self) -> usize {
        let page = self.registry.page();
        black_box(page.render(epoch_metrics::Format::Prometheus)).len()
    }
}

impl<const DIGITS: u8> Handles for Ours<DIGITS> {
    type Metric = histograms::Ours;
    const HELD: &'static str = Self::NAME;

    fn handle(&self, labels: Labels) -> epoch_metrics::Histogram {
        self.family.with(&labels).expect("two labels")
    }
}

pub(crate) struct Prometheus {
    registry: prometheus::Registry,
    family: prometheus::HistogramVec,
}

impl Family for Prometheus {
    const NAME: &'static str = "prometheus";
    type Value = f64;

    fn new() -> Self {
        let options =
            prometheus::HistogramOpts::new("latency_seconds", "Latency.").buckets(bounds());
        let family = prometheus::HistogramVec::new(options, &NAMES).expect("valid options");
        let registry = prometheus::Registry::new();
        registry
            .register(Box::new(family.clone()))
            .expect("a free name");
        Self { registry, family }
    }

    fn record(&self, labels: Labels, seconds: f64) {
        self.handle(labels).observe(seconds);
    }

    fn render(&self) -> Option<Vec<u8>> {
        Some(pages::prometheus(&self.registry).into_bytes())
    }
}

impl Handles for Prometheus {
    type Metric = histograms::Prometheus;

    fn handle(&self, labels: Labels) -> prometheus::Histogram {
        self.family.with_label_values(&labels)
    }
}

type ClientHistogram = prometheus_client::metrics::histogram::Histogram;

pub(crate) struct PrometheusClient {
    registry: prometheus_client::registry::Registry,
    family: prometheus_client::metrics::family::Family<Set<String>, ClientHistogram>,
}

impl Family for PrometheusClient {
    const NAME: &'static str = "prometheus-client";
    type Value = f64;

    fn new() -> Self {
        let make: fn() -> ClientHistogram = || ClientHistogram::new(bounds());
        let family = prometheus_client::metrics::family::Family::new_with_constructor(make);
        let mut registry = prometheus_client::registry::Registry::default();
        registry.register("latency_seconds", "Latency", Clone::clone(&family));
        Self { registry, family }
    }

    fn record(&self, labels: Labels, seconds: f64) {
        self.family.get_or_create(&labels.into()).observe(seconds);
    }

    fn render(&self) -> Option<Vec<u8>> {
        Some(pages::prometheus_client(&self.registry).into_bytes())
    }
}

impl Handles for PrometheusClient {
    type Metric = histograms::PrometheusClient;

    fn handle(&self, labels: Labels) -> ClientHistogram {
        self.family.get_or_create_owned(&labels.into())
    }
}

type FastHistogram = fastmetrics::metrics::histogram::Histogram;

pub(crate) struct Fastmetrics {
    registry: fastmetrics::registry::Registry,
    family: fastmetrics::metrics::family::Family<Set<String>, FastHistogram>,
}

impl Family for Fastmetrics {
    const NAME: &'static str = "fastmetrics";
    type Value = f64;

    fn new() -> Self {
        let make = || FastHistogram::new(bounds());
        let family = fastmetrics::metrics::family::Family::new(make);
        let mut registry = fastmetrics::registry::Registry::default();
        registry
            .register("latency_seconds", "Latency", Clone::clone(&family))
            .expect("a free name");
        Self { registry, family }
    }

    fn record(&self, labels: Labels, seconds: f64) {
        self.family
            .with_or_new(&labels.into(), |histogram| histogram.observe(seconds));
    }

    fn render(&self) -> Option<Vec<u8>> {
        Some(pages::fastmetrics(&self.registry).into_bytes())
    }
}

impl Handles for Fastmetrics {
    type Metric = histograms::Fastmetrics;

    fn handle(&self, labels: Labels) -> FastHistogram {
        self.family.with_or_new(&labels.into(), Clone::clone)
    }
}

/// The macro records into the recorder of the whole program.
pub(crate) struct Metrics;

impl Family for Metrics {
    const NAME: &'static str = "metrics + exporter";
    type Value = f64;

    fn new() -> Self {
        exporter();
        Self
    }

    fn record(&self, labels: Labels, seconds: f64) {
        self.handle(labels).record(seconds);
    }

    fn render(&self) -> Option<Vec<u8>> {
        Some(exporter().render().into_bytes())
    }
}

impl Handles for Metrics {
    type Metric = histograms::Metrics;

    fn handle(&self, [route, status]: Labels) -> metrics::Histogram {
        metrics::histogram!("latency_seconds", NAMES[0] => route.to_owned(), NAMES[1] => status.to_owned())
    }
}

pub(crate) struct Measured(measured::HistogramVec<InternedSet, BUCKETS>);

impl Family for Measured {
    const NAME: &'static str = "measured, interned labels";
    type Value = f64;

    fn new() -> Self {
        let thresholds = Thresholds::exponential_buckets(FIRST_BUCKET, 2.0);
        Self(measured::HistogramVec::with_label_set_and_metadata(
            InternedSet::default(),
            thresholds,
        ))
    }

    fn record(&self, labels: Labels, seconds: f64) {
        self.0.observe(labels.into(), seconds);
    }

    fn render(&self) -> Option<Vec<u8>> {
        Some(
            pages::measured("latency_seconds", &self.0)
                .as_ref()
                .to_vec(),
        )
    }
}

/// metriken has no labels that are made at run time, and no page: its histogram, in the simplest map.
#[derive(Default)]
pub(crate) struct Atomic(RwLock<HashMap<[String; 2], Arc<histogram::AtomicHistogram>>>);

impl Family for Atomic {
    const NAME: &'static str = "histogram AtomicHistogram(7, 64), in a map";
    type Value = u64;

    fn new() -> Self {
        Self::default()
    }

    fn record(&self, labels: Labels, nanos: u64) {
        let key = labels.map(str::to_owned);
        let read = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let found = read.get(&key).map(Arc::clone);
        drop(read);
        let histogram = found.unwrap_or_else(|| {
            let mut write = self.0.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(write.entry(key).or_insert_with(histograms::atomic))
        });
        let _ = histogram.increment(nanos);
    }

    fn render(&self) -> Option<Vec<u8>> {
        None
    }
}
