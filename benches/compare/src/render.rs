//! A family of counters as text.

use crate::Run;
use crate::contenders::pages;
use crate::timing::{Entry, interleave, ns_each, print_table};
use measured::label::StaticLabelSet;
use measured::label::{
    FixedCardinalityLabel, LabelGroup, LabelGroupVisitor, LabelName, LabelValue, LabelVisitor,
};
use metrics::Recorder;
use std::hint::black_box;
use std::time::Instant;

/// A family of counters of one library, told apart by the label `id`.
trait Family {
    fn new(series: usize) -> Self;
    fn increment(&self, series: usize);
    fn render(&self) -> impl AsRef<[u8]>;
}

fn label(series: usize) -> String {
    series.to_string()
}

struct Ours {
    registry: epoch_metrics::Registry,
    series: Vec<epoch_metrics::Counter>,
}

impl Family for Ours {
    fn new(series: usize) -> Self {
        let registry = epoch_metrics::Registry::new();
        let family = registry
            .counter_family("requests", "Requests.", &["id"])
            .expect("a valid name");
        let series = (0..series)
            .map(|i| family.with(&[&label(i)]).expect("one label"))
            .collect();
        Self { registry, series }
    }

    fn increment(&self, series: usize) {
        self.series[series].inc();
    }

    fn render(&self) -> impl AsRef<[u8]> {
        self.registry.render_prometheus()
    }
}

struct Prometheus {
    registry: prometheus::Registry,
    series: Vec<prometheus::IntCounter>,
}

impl Family for Prometheus {
    fn new(series: usize) -> Self {
        let options = prometheus::Opts::new("requests_total", "Requests.");
        let family = prometheus::IntCounterVec::new(options, &["id"]).expect("a valid name");
        let registry = prometheus::Registry::new();
        registry
            .register(Box::new(family.clone()))
            .expect("a free name");
        let series = (0..series)
            .map(|i| family.with_label_values(&[&label(i)]))
            .collect();
        Self { registry, series }
    }

    fn increment(&self, series: usize) {
        self.series[series].inc();
    }

    fn render(&self) -> impl AsRef<[u8]> {
        pages::prometheus(&self.registry)
    }
}

struct PrometheusClient {
    registry: prometheus_client::registry::Registry,
    series: Vec<prometheus_client::metrics::counter::Counter>,
}

impl Family for PrometheusClient {
    fn new(series: usize) -> Self {
        use prometheus_client::metrics::{counter::Counter, family::Family};
        let family = Family::<Vec<(String, String)>, Counter>::default();
        let mut registry = prometheus_client::registry::Registry::default();
        registry.register("requests", "Requests", family.clone());
        let series = (0..series)
            .map(|i| family.get_or_create_owned(&vec![("id".to_owned(), label(i))]))
            .collect();
        Self { registry, series }
    }

    fn increment(&self, series: usize) {
        self.series[series].inc();
    }

    fn render(&self) -> impl AsRef<[u8]> {
        pages::prometheus_client(&self.registry)
    }
}

struct Metrics {
    exporter: metrics_exporter_prometheus::PrometheusHandle,
    series: Vec<metrics::Counter>,
}

impl Family for Metrics {
    fn new(series: usize) -> Self {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let metadata = metrics::Metadata::new("compare", metrics::Level::INFO, None);
        let key = |i| {
            metrics::Key::from_parts("requests_total", vec![metrics::Label::new("id", label(i))])
        };
        let series = (0..series)
            .map(|i| recorder.register_counter(&key(i), &metadata))
            .collect();
        Self {
            exporter: recorder.handle(),
            series,
        }
    }

    fn increment(&self, series: usize) {
        self.series[series].increment(1);
    }

    fn render(&self) -> impl AsRef<[u8]> {
        self.exporter.render()
    }
}

struct Fastmetrics {
    registry: fastmetrics::registry::Registry,
    series: Vec<fastmetrics::metrics::counter::Counter>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Id(String);

impl fastmetrics::raw::LabelSetSchema for Id {
    fn names() -> Option<&'static [&'static str]> {
        Some(&["id"])
    }
}

impl fastmetrics::encoder::EncodeLabelSet for Id {
    fn encode(
        &self,
        encoder: &mut dyn fastmetrics::encoder::LabelSetEncoder,
    ) -> fastmetrics::error::Result<()> {
        encoder.encode(&("id", self.0.as_str()))
    }
}

impl Family for Fastmetrics {
    fn new(series: usize) -> Self {
        use fastmetrics::metrics::{counter::Counter, family::Family};
        let family = Family::<Id, Counter>::default();
        let mut registry = fastmetrics::registry::Registry::default();
        registry
            .register("requests_total", "Requests", family.clone())
            .expect("a free name");
        let series = (0..series)
            .map(|i| family.with_or_new(&Id(label(i)), Counter::clone))
            .collect();
        Self { registry, series }
    }

    fn increment(&self, series: usize) {
        self.series[series].inc();
    }

    fn render(&self) -> impl AsRef<[u8]> {
        pages::fastmetrics(&self.registry)
    }
}

/// A label with `N` values known at compile time: what measured is fastest with.
#[derive(Clone, Copy)]
struct Dense<const N: usize>(usize);

impl<const N: usize> LabelValue for Dense<N> {
    fn visit<V: LabelVisitor>(&self, visitor: V) -> V::Output {
        visitor.write_int(self.0 as i64)
    }
}

impl<const N: usize> FixedCardinalityLabel for Dense<N> {
    fn cardinality() -> usize {
        N
    }

    fn encode(&self) -> usize {
        self.0
    }

    fn decode(value: usize) -> Self {
        Self(value)
    }
}

impl<const N: usize> LabelGroup for Dense<N> {
    fn visit_values(&self, visitor: &mut impl LabelGroupVisitor) {
        visitor.write_value(LabelName::from_str("id"), self);
    }
}

struct Measured<const N: usize> {
    family: measured::CounterVec<StaticLabelSet<Dense<N>>>,
}

impl<const N: usize> Family for Measured<N> {
    fn new(_: usize) -> Self {
        let family = measured::CounterVec::dense();
        (0..N).for_each(|i| family.inc(Dense(i)));
        Self { family }
    }

    fn increment(&self, series: usize) {
        self.family.inc(Dense(series));
    }

    fn render(&self) -> impl AsRef<[u8]> {
        pages::measured("requests_total", &self.family)
    }
}

/// Times a rendering after one that is not timed, so that caches and allocator are as this contender leaves them, and
/// after the first `changed` series were incremented: microseconds, and the length of the text in KiB.
fn entry<F: Family + 'static>(name: &str, series: usize, changed: usize) -> Entry<'static, 2> {
    let family = F::new(series);
    // Of all, so that no series is left out and all numbers are of a length.
    (0..series).for_each(|i| (0..10_000).for_each(|_| family.increment(i)));
    Entry::new(name, move || {
        black_box(family.render());
        (0..changed).for_each(|i| family.increment(i));
        let started = Instant::now();
        let text = black_box(family.render());
        let time = started.elapsed();
        [ns_each(time, 1) / 1e3, text.as_ref().len() as f64 / 1024.0]
    })
}

fn table<const N: usize>(run: &Run) {
    let entries = vec![
        entry::<Ours>("epoch-metrics, all changed", N, N),
        entry::<Ours>("epoch-metrics, one changed", N, 1),
        entry::<Ours>("epoch-metrics, nothing changed", N, 0),
        entry::<Prometheus>("prometheus", N, N),
        entry::<PrometheusClient>("prometheus-client", N, N),
        entry::<Metrics>("metrics + exporter", N, N),
        entry::<Fastmetrics>("fastmetrics", N, N),
        entry::<Measured<N>>("measured, dense labels", N, N),
    ];
    let rows = interleave(run.share(150), entries);
    let ours = rows[0].times[0].min();
    let numbers = rows.into_iter().map(|row| {
        let [time, length] = row.times;
        (
            row.name,
            vec![
                time.min(),
                time.median(),
                time.min() / ours,
                length.median(),
            ],
        )
    });
    let title = format!("render: {N} counters in one family, µs; all changed unless said");
    print_table(
        &title,
        &["min", "median", "min / ours", "text, KiB"],
        numbers,
    );
}

pub(crate) fn render(run: &Run) {
    table::<1_000>(run);
    table::<10_000>(run);
}
