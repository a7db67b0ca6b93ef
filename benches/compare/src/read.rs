//! What a reader pays: for a snapshot when nothing changed, after one record, and after a great many.

use crate::Run;
use crate::contenders::{Contender, histograms::*, record_all};
use crate::crew::Crew;
use crate::timing::{
    Entry, interleave, ns_each, ns_per_tick, print_min_median, print_table, ticks,
    ticks_for_nothing,
};
use crate::values::{COUNT, lognormal};
use arc_swap::ArcSwap;
use epoch_metrics::{Histogram, Registry};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Values that are in a histogram before it is read.
const BEFORE: usize = 128_000;
const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

/// A histogram into which so many threads have recorded, all of which still live: the caller and `others`.
fn recorded_by(others: &Crew, threads: usize, registry: &Registry) -> Histogram {
    let histogram = our_histogram(registry);
    let values: Arc<[u64]> = lognormal(BEFORE / threads).into();
    others.run(|| record_values(&histogram, &values));
    record_values(&histogram, &values)();
    histogram.snapshot();
    histogram
}

fn record_values(histogram: &Histogram, values: &Arc<[u64]>) -> impl FnOnce() + Send + use<> {
    let (histogram, values) = (histogram.clone(), Arc::clone(values));
    move || values.iter().for_each(|value| histogram.record(*value))
}

#[inline(always)]
fn time_calls<T>(read: impl Fn() -> T) -> [f64; 1] {
    const CALLS: usize = 100_000;
    let started = Instant::now();
    for _ in 0..CALLS {
        black_box(read());
    }
    [ns_each(started.elapsed(), CALLS)]
}

fn hit(name: &str, histogram: Histogram) -> Entry<'static, 1> {
    Entry::new(name, move || {
        // So that the published snapshot is young, for a registry that asks for no more.
        histogram.record(1);
        histogram.snapshot();
        time_calls(|| black_box(&histogram).snapshot())
    })
}

fn hits(run: &Run) {
    let (few, many) = (Crew::new(1), Crew::new(31));
    let stale = || {
        Registry::builder()
            .max_staleness(Duration::from_secs(1))
            .build()
    };
    let swap = ArcSwap::from_pointee(0_u64);
    let entries = vec![
        hit(
            "epoch-metrics, 2 slots",
            recorded_by(&few, 2, &Registry::new()),
        ),
        hit(
            "epoch-metrics, 32 slots",
            recorded_by(&many, 32, &Registry::new()),
        ),
        hit(
            "epoch-metrics, max_staleness 1 s, 2 slots",
            recorded_by(&few, 2, &stale()),
        ),
        hit(
            "epoch-metrics, max_staleness 1 s, 32 slots",
            recorded_by(&many, 32, &stale()),
        ),
        Entry::new("floor: ArcSwap::load_full", || {
            time_calls(|| black_box(&swap).load_full())
        }),
    ];
    print_min_median(
        "read: a snapshot when nothing changed, ns",
        interleave(run.share(200), entries),
    );
}

/// Times each read by itself, each after one record, less what reading the clock takes: the minimum and the median.
#[inline(always)]
fn time_reads<S>(
    state: &mut S,
    values: &[u64],
    record: impl Fn(&mut S, u64),
    read: impl Fn(&mut S),
) -> [f64; 2] {
    let one = |value: &u64| {
        record(state, *value);
        let started = ticks();
        read(state);
        ticks()
            .saturating_sub(started)
            .saturating_sub(ticks_for_nothing())
    };
    let mut took: Vec<u64> = values.iter().map(one).collect();
    took.sort_unstable();
    [took[0], took[took.len() / 2]].map(|ticks| ticks as f64 * ns_per_tick())
}

fn our_miss(name: &str, mut histogram: Histogram, values: Vec<u64>) -> Entry<'static, 2> {
    Entry::new(name, move || {
        let record = |h: &mut Histogram, value| h.record(value);
        time_reads(&mut histogram, &values, record, |h| {
            let snapshot = h.snapshot();
            black_box(QUANTILES.map(|q| snapshot.quantile(q)));
        })
    })
}

fn metriken_miss(values: Vec<u64>) -> Entry<'static, 2> {
    let contender = Metriken::new();
    let mut handle = contender.handle();
    record_all::<Metriken>(&mut handle, &lognormal(BEFORE));
    Entry::new("metriken AtomicCounterHistogram(7, 64)", move || {
        time_reads(&mut handle, &values, Metriken::record, |h| {
            let loaded = h.load().expect("something was recorded");
            black_box(loaded.quantiles(&QUANTILES).expect("valid quantiles"));
        })
    })
}

fn hdr_miss(values: Vec<u64>) -> Entry<'static, 2> {
    let mut histogram = hdr();
    record_all::<HdrPlain>(&mut histogram, &lognormal(BEFORE));
    Entry::new("hdrhistogram, not shared: no snapshot", move || {
        time_reads(&mut histogram, &values, HdrPlain::record, |h| {
            black_box(QUANTILES.map(|q| h.value_at_quantile(q)));
        })
    })
}

fn misses(run: &Run) {
    let (few, many, values) = (Crew::new(1), Crew::new(7), lognormal(COUNT));
    let entries = vec![
        our_miss(
            "epoch-metrics, 2 slots",
            recorded_by(&few, 2, &Registry::new()),
            values.clone(),
        ),
        our_miss(
            "epoch-metrics, 8 slots",
            recorded_by(&many, 8, &Registry::new()),
            values.clone(),
        ),
        metriken_miss(values.clone()),
        hdr_miss(values),
    ];
    let rows = interleave(run.share(100), entries);
    let numbers = rows
        .into_iter()
        .map(|row| (row.name, vec![row.times[0].min(), row.times[1].median()]));
    let title = "read: a snapshot and its p50, p95, p99 after one record, 128,000 before, ns";
    print_table(title, &["min", "median"], numbers);
}

pub(crate) fn read(run: &Run) {
    hits(run);
    misses(run);
}
