//! What a registry with many series costs its readers when little happens, and its writers when it is read without pause.

use crate::Run;
use crate::pin;
use crate::timing::{Times, ns_each, ns_per_tick, print_table, ticks, ticks_for_nothing};
use crate::values::{COUNT, lognormal};
use epoch_metrics::{Counter, Family, FamilyOptions, Histogram, HistogramOptions, Registry};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

fn registry() -> Registry {
    Registry::builder().max_series(usize::MAX).build()
}

fn labels() -> FamilyOptions {
    FamilyOptions::labels(&["id"]).max_series(usize::MAX)
}

fn counters(registry: &Registry) -> Family<Counter> {
    let family = registry.counter_family("requests", "Requests.", labels());
    family.expect("a valid name")
}

fn histograms(registry: &Registry) -> Family<Histogram> {
    let family = registry.histogram_family(
        "latency",
        "Latency.",
        HistogramOptions::durations(),
        labels(),
    );
    family.expect("a valid name")
}

/// Microseconds that `first` and `second` take one after the other, in each of some rounds.
fn time_two(rounds: usize, mut first: impl FnMut(usize), mut second: impl FnMut()) -> [Times; 2] {
    let mut times = [Times::default(), Times::default()];
    for round in 0..rounds {
        let started = Instant::now();
        first(round);
        let between = Instant::now();
        second();
        times[0].push(ns_each(between - started, 1_000));
        times[1].push(ns_each(between.elapsed(), 1_000));
    }
    times
}

fn row(name: String, [first, second]: [Times; 2]) -> (String, Vec<f64>) {
    (
        name,
        vec![first.min(), first.median(), second.min(), second.median()],
    )
}

const COLUMNS: [&str; 4] = ["min", "median", "then: min", "median"];

/// One more series is made and written to; then a snapshot.
fn one_more(run: &Run) {
    let (series, rounds) = (run.share(100_000), run.share(200));
    let of_counters = {
        let registry = registry();
        let family = counters(&registry);
        let make = |i: usize| family.with(&[&i.to_string()]).expect("one label").inc();
        (0..series).for_each(make);
        registry.snapshot();
        time_two(rounds, |i| make(series + i), || drop(registry.snapshot()))
    };
    let of_histograms = {
        let registry = registry();
        let family = histograms(&registry);
        let make = |i: usize| {
            let histogram = family.with(&[&i.to_string()]).expect("one label");
            histogram.record(1_000_000);
        };
        (0..series).for_each(make);
        registry.snapshot();
        time_two(rounds, |i| make(series + i), || drop(registry.snapshot()))
    };
    let rows = [
        row(format!("{series} counters"), of_counters),
        row(format!("{series} histograms"), of_histograms),
    ];
    let title = "series: one more series, then a snapshot, microseconds";
    print_table(title, &COLUMNS, rows);
}

/// One record in each of many histograms that were not written to since the last snapshot; then a snapshot.
fn one_each(run: &Run) {
    let (series, rounds) = (run.share(10_000), run.share(50));
    let (registry, values) = (registry(), lognormal(COUNT));
    let family = histograms(&registry);
    let held: Vec<Histogram> = (0..series)
        .map(|i| family.with(&[&i.to_string()]).expect("one label"))
        .collect();
    let each = |round: usize| {
        let values = values.iter().cycle().skip(round);
        held.iter()
            .zip(values)
            .for_each(|(histogram, value)| histogram.record(*value));
    };
    (0..COUNT).step_by(100).for_each(each);
    registry.snapshot();
    let times = time_two(rounds, each, || drop(registry.snapshot()));
    let title = "series: one record in each histogram since the last snapshot, then a snapshot, microseconds";
    print_table(
        title,
        &COLUMNS,
        [row(format!("{series} histograms"), times)],
    );
}

/// Records of one thread while another renders many series without pause, which write in turn.
fn while_rendered(run: &Run) {
    const BATCH: usize = 16;
    let (series, pages) = (run.share(10_000), run.share(100) as u64);
    let (registry, values) = (registry(), lognormal(COUNT));
    let family = histograms(&registry);
    let held: Vec<Histogram> = (0..series)
        .map(|i| family.with(&[&i.to_string()]).expect("one label"))
        .collect();
    held.iter()
        .for_each(|histogram| histogram.record(1_000_000));
    let (ended, rendered) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut times = Times::default();
    thread::scope(|scope| {
        scope.spawn(|| {
            pin::to(1);
            for _ in 0..pages {
                black_box(registry.render_prometheus());
                rendered.fetch_add(1, Relaxed);
            }
            ended.store(true, Relaxed);
        });
        pin::to(0);
        let (nothing, one) = (ticks_for_nothing(), &held[0]);
        while !ended.load(Relaxed) {
            for (batch, other) in values.chunks_exact(BATCH).zip(held.iter().cycle()) {
                // So that each page has something new.
                other.record(batch[0]);
                let started = ticks();
                batch.iter().for_each(|value| black_box(one).record(*value));
                let took = ticks().saturating_sub(started).saturating_sub(nothing);
                times.push(took as f64 * ns_per_tick() / BATCH as f64);
            }
        }
    });
    let [p50, p99, p999] = times.quantiles([0.5, 0.99, 0.999]);
    let rows = [(
        format!("{series} histograms, {} pages", rendered.load(Relaxed)),
        vec![p50, p99, p999],
    )];
    let title = "series: record while all series are rendered without pause, ns a record over 16";
    print_table(title, &["p50", "p99", "p99.9"], rows);
}

pub(crate) fn series(run: &Run) {
    one_more(run);
    one_each(run);
    while_rendered(run);
}
