//! A family of counters as text: a million, and what a page costs when nothing, a hundredth or everything changed.

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
pub(crate) trait Family {
    fn new(series: usize) -> Self;
    fn increment(&self, series: usize);
    /// Renders a page, and returns its length in bytes.
    fn render(&self) -> usize;
}

fn label(series: usize) -> String {
    series.to_string()
}

pub(crate) struct Ours {
    registry: epoch_metrics::Registry,
    series: Vec<epoch_metrics::Counter>,
}

impl Ours {
    /// Answers a scrape, and returns the length of the body in bytes.
    pub(crate) fn scrape(&self, accept: &str, encoding: &str) -> usize {
        let scrape = self.registry.scrape([accept], [encoding]);
        black_box(scrape.into_body()).len()
    }
}

impl Family for Ours {
    fn new(series: usize) -> Self {
        let registry = epoch_metrics::Registry::builder()
            .max_series(usize::MAX)
            .build();
        let options = epoch_metrics::FamilyOptions::labels(&["id"]).max_series(usize::MAX);
        let family = registry
            .counter_family("requests", "Requests.", options)
            .expect("a valid name");
        let series = (0..series)
            .map(|i| family.with(&[&label(i)]).expect("one label"))
            .collect();
        Self { registry, series }
    }

    fn increment(&self, series: usize) {
        self.series[series].inc();
    }

    fn render(&self) -> usize {
        black_box(
            self.registry
                .page()
                .render(epoch_metrics::Format::Prometheus),
        )
        .len()
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

    fn render(&self) -> usize {
        black_box(pages::prometheus(&self.registry)).len()
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

    fn render(&self) -> usize {
        black_box(pages::prometheus_client(&self.registry)).len()
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

    fn render(&self) -> usize {
        black_box(self.exporter.render()).len()
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

    fn render(&self) -> usize {
        black_box(pages::fastmetrics(&self.registry)).len()
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

    fn render(&self) -> usize {
        black_box(pages::measured("requests_total", &self.family))
            .as_ref()
            .len()
    }
}

/// Which series are incremented between two pages.
#[derive(Clone, Copy)]
pub(crate) enum Change {
    Nothing,
    /// So many per mille, side by side.
    Clustered(usize),
    /// So many per mille, far apart.
    Scattered(usize),
    All,
}

impl Change {
    pub(crate) fn series(self, all: usize) -> Box<dyn Iterator<Item = usize>> {
        match self {
            Self::Nothing => Box::new(0..0),
            Self::Clustered(share) => Box::new(0..all * share / 1_000),
            Self::Scattered(share) => Box::new((0..all).step_by(1_000 / share)),
            Self::All => Box::new(0..all),
        }
    }

    pub(crate) fn name(self) -> String {
        match self {
            Self::Nothing => "nothing changed".to_owned(),
            Self::Clustered(share) => format!("{} % clustered", share as f64 / 10.0),
            Self::Scattered(share) => format!("{} % scattered", share as f64 / 10.0),
            Self::All => "all changed".to_owned(),
        }
    }
}

/// Times a rendering after one that is not timed, so that caches and allocator are as this contender leaves them, and
/// after some series were incremented: microseconds, and the length of the text in KiB.
fn entry<F: Family + 'static>(name: &str, series: usize, change: Change) -> Entry<'static, 2> {
    let family = F::new(series);
    // Of all, so that no series is left out and all numbers are of a length.
    (0..series).for_each(|i| (0..1_000).for_each(|_| family.increment(i)));
    Entry::new(format!("{name}, {}", change.name()), move || {
        family.render();
        change.series(series).for_each(|i| family.increment(i));
        let started = Instant::now();
        let length = family.render();
        let time = started.elapsed();
        [ns_each(time, 1) / 1e3, length as f64 / 1024.0]
    })
}

fn ours(series: usize, changes: &[Change]) -> Vec<Entry<'static, 2>> {
    let changes = changes.iter();
    changes
        .map(|change| entry::<Ours>("epoch-metrics", series, *change))
        .collect()
}

pub(crate) fn print(title: &str, rounds: usize, entries: Vec<Entry<'_, 2>>) {
    let rows = interleave(rounds, entries);
    let all = |row: &&crate::timing::Row<2>| row.name.contains("all changed");
    let fastest = rows
        .iter()
        .filter(all)
        .skip(1)
        .map(|row| row.times[0].min());
    let fastest = fastest.fold(f64::INFINITY, f64::min);
    let numbers = rows.into_iter().map(|row| {
        let [time, length] = row.times;
        let (min, median) = (time.min(), time.median());
        (row.name, vec![min, median, min / fastest, length.median()])
    });
    let columns = ["min", "median", "min / peer", "text, KiB"];
    print_table(title, &columns, numbers);
}

fn table<const N: usize>(run: &Run, rounds: usize) {
    let changes = [
        Change::All,
        Change::Nothing,
        Change::Clustered(10),
        Change::Scattered(10),
    ];
    let mut entries = ours(N, &changes);
    entries.extend([
        entry::<Prometheus>("prometheus", N, Change::All),
        entry::<PrometheusClient>("prometheus-client", N, Change::All),
        entry::<Metrics>("metrics + exporter", N, Change::All),
        entry::<Fastmetrics>("fastmetrics", N, Change::All),
        entry::<Measured<N>>("measured, dense labels", N, Change::All),
    ]);
    let title = format!("render: {N} counters in one family, µs; \"peer\": the fastest of them");
    print(&title, run.share(rounds), entries);
}

pub(crate) fn render(run: &Run) {
    table::<1_000>(run, 150);
    table::<10_000>(run, 150);
    table::<100_000>(run, 20);
    let changes = [
        Change::All,
        Change::Nothing,
        Change::Clustered(1),
        Change::Scattered(1),
    ];
    let entries = ours(1_000_000, &changes);
    print(
        "render: a million counters in one family, µs",
        run.share(20),
        entries,
    );
}
