//! Families of counters.

use super::label_sets::{InternedSet, Set, Text};
use super::{Family, Handles, Labels, NAMES};
use crate::contenders::{counters, pages};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::hint::black_box;
use std::marker::PhantomData;
use std::sync::OnceLock;

pub(crate) struct Ours {
    registry: epoch_metrics::Registry,
    family: epoch_metrics::Family<epoch_metrics::Counter>,
}

impl Family for Ours {
    const NAME: &'static str = "epoch-metrics";
    type Value = ();

    fn new() -> Self {
        // More than a family has unless it is asked for.
        let builder = epoch_metrics::Registry::builder().max_series(usize::MAX);
        let options = epoch_metrics::FamilyOptions::labels(&NAMES).max_series(usize::MAX);
        let registry = builder.build();
        let family = registry
            .counter_family("requests", "Requests.", options)
            .expect("a valid name");
        Self { registry, family }
    }

    #[inline(always)]
    fn record(&self, labels: Labels, (): ()) {
        self.handle(labels).inc();
    }

    fn render(&self) -> Option<Vec<u8>> {
        Some(self.registry.render_prometheus().into_bytes())
    }

    fn page_len(&self) -> usize {
        let page = self.registry.page();
        black_box(page.render(epoch_metrics::Format::Prometheus)).len()
    }
}

impl Handles for Ours {
    type Metric = counters::Ours;

    #[inline(always)]
    fn handle(&self, labels: Labels) -> epoch_metrics::Counter {
        self.family.with(&labels).expect("two labels")
    }
}

/// [`Ours`] without a handle.
pub(crate) struct OursByReference(Ours);

impl Family for OursByReference {
    const NAME: &'static str = "epoch-metrics, with_ref";
    type Value = ();

    fn new() -> Self {
        Self(Ours::new())
    }

    #[inline(always)]
    fn record(&self, labels: Labels, (): ()) {
        let counter = self.0.family.with_ref(&labels, epoch_metrics::Counter::inc);
        counter.expect("two labels");
    }

    fn render(&self) -> Option<Vec<u8>> {
        self.0.render()
    }
}

/// [`OursByReference`], which finds the series and writes nothing.
pub(crate) struct OursFound(Ours);

impl Family for OursFound {
    const NAME: &'static str = "epoch-metrics, with_ref, no increment";
    type Value = ();

    fn new() -> Self {
        Self(Ours::new())
    }

    #[inline(always)]
    fn record(&self, labels: Labels, (): ()) {
        let found = |counter: &epoch_metrics::Counter| {
            std::hint::black_box(counter);
        };
        self.0.family.with_ref(&labels, found).expect("two labels");
    }

    fn render(&self) -> Option<Vec<u8>> {
        None
    }
}

pub(crate) struct Prometheus {
    registry: prometheus::Registry,
    family: prometheus::IntCounterVec,
}

impl Family for Prometheus {
    const NAME: &'static str = "prometheus";
    type Value = ();

    fn new() -> Self {
        let options = prometheus::Opts::new("requests_total", "Requests.");
        let family = prometheus::IntCounterVec::new(options, &NAMES).expect("a valid name");
        let registry = prometheus::Registry::new();
        registry
            .register(Box::new(family.clone()))
            .expect("a free name");
        Self { registry, family }
    }

    #[inline(always)]
    fn record(&self, labels: Labels, (): ()) {
        self.handle(labels).inc();
    }

    fn render(&self) -> Option<Vec<u8>> {
        Some(pages::prometheus(&self.registry).into_bytes())
    }
}

impl Handles for Prometheus {
    type Metric = counters::Prometheus;

    #[inline(always)]
    fn handle(&self, labels: Labels) -> prometheus::IntCounter {
        self.family.with_label_values(&labels)
    }
}

type ClientCounter = prometheus_client::metrics::counter::Counter;

pub(crate) struct PrometheusClient<T: Text> {
    registry: prometheus_client::registry::Registry,
    family: prometheus_client::metrics::family::Family<Set<T>, ClientCounter>,
}

impl<T: Text> Family for PrometheusClient<T> {
    const NAME: &'static str = T::PROMETHEUS_CLIENT;
    type Value = ();

    fn new() -> Self {
        let family = prometheus_client::metrics::family::Family::default();
        let mut registry = prometheus_client::registry::Registry::default();
        registry.register("requests", "Requests", Clone::clone(&family));
        Self { registry, family }
    }

    #[inline(always)]
    fn record(&self, labels: Labels, (): ()) {
        self.family.get_or_create(&labels.into()).inc();
    }

    fn render(&self) -> Option<Vec<u8>> {
        Some(pages::prometheus_client(&self.registry).into_bytes())
    }
}

impl<T: Text> Handles for PrometheusClient<T> {
    type Metric = counters::PrometheusClient;

    fn handle(&self, labels: Labels) -> ClientCounter {
        self.family.get_or_create_owned(&labels.into())
    }
}

type FastCounter = fastmetrics::metrics::counter::Counter;

pub(crate) struct Fastmetrics<T: Text> {
    registry: fastmetrics::registry::Registry,
    family: fastmetrics::metrics::family::Family<Set<T>, FastCounter>,
}

impl<T: Text> Family for Fastmetrics<T> {
    const NAME: &'static str = T::FASTMETRICS;
    type Value = ();

    fn new() -> Self {
        let family = fastmetrics::metrics::family::Family::default();
        let mut registry = fastmetrics::registry::Registry::default();
        registry
            .register("requests", "Requests", Clone::clone(&family))
            .expect("a free name");
        Self { registry, family }
    }

    #[inline(always)]
    fn record(&self, labels: Labels, (): ()) {
        self.family.with_or_new(&labels.into(), |counter| {
            counter.inc();
        });
    }

    fn render(&self) -> Option<Vec<u8>> {
        Some(pages::fastmetrics(&self.registry).into_bytes())
    }
}

impl<T: Text> Handles for Fastmetrics<T> {
    type Metric = counters::Fastmetrics;

    fn handle(&self, labels: Labels) -> FastCounter {
        self.family.with_or_new(&labels.into(), Clone::clone)
    }
}

/// The macro records into the recorder of the whole program.
pub(crate) struct Metrics<T>(PhantomData<fn() -> T>);

impl<T: Text> Family for Metrics<T> {
    const NAME: &'static str = T::METRICS;
    type Value = ();

    fn new() -> Self {
        exporter();
        Self(PhantomData)
    }

    #[inline(always)]
    fn record(&self, labels: Labels, (): ()) {
        self.handle(labels).increment(1);
    }

    fn render(&self) -> Option<Vec<u8>> {
        Some(exporter().render().into_bytes())
    }
}

impl<T: Text> Handles for Metrics<T> {
    type Metric = counters::Metrics;

    #[inline(always)]
    fn handle(&self, [route, status]: Labels) -> metrics::Counter {
        metrics::counter!("requests_total", NAMES[0] => T::from(route), NAMES[1] => T::from(status))
    }
}

/// Installs the exporter's recorder the first time.
pub(super) fn exporter() -> &'static PrometheusHandle {
    static EXPORTER: OnceLock<PrometheusHandle> = OnceLock::new();
    EXPORTER.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let exporter = recorder.handle();
        metrics::set_global_recorder(recorder).expect("nobody else installs one");
        exporter
    })
}

pub(crate) struct Measured(measured::CounterVec<InternedSet>);

impl Family for Measured {
    const NAME: &'static str = "measured, interned labels";
    type Value = ();

    fn new() -> Self {
        Self(measured::CounterVec::with_label_set(InternedSet::default()))
    }

    #[inline(always)]
    fn record(&self, labels: Labels, (): ()) {
        self.0.inc(labels.into());
    }

    fn render(&self) -> Option<Vec<u8>> {
        Some(pages::measured("requests_total", &self.0).as_ref().to_vec())
    }
}
