//! What each call costs, on one thread. How that compares with other libraries, and with several threads, is for
//! `benches/compare`.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use epoch_metrics::{Histogram, HistogramOptions, MetricsCollector, Registry};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Recorded in turn: more than fit into a queue, over four octaves of buckets.
const VALUES: u64 = 1024;

fn value(i: u64) -> u64 {
    200_000 + (i % VALUES) * 2_909
}

fn histogram(options: impl Into<HistogramOptions>) -> Histogram {
    Registry::new()
        .histogram("latency", "Latency.", options)
        .expect("a valid name")
}

fn filled(options: impl Into<HistogramOptions>) -> Histogram {
    let histogram = histogram(options);
    (0..100 * VALUES).for_each(|i| histogram.record(value(i)));
    histogram.snapshot();
    histogram
}

fn write(c: &mut Criterion) {
    let mut group = c.benchmark_group("write");
    let mut i = 0;
    let mut next = || {
        i += 1;
        value(i)
    };
    let registry = Registry::new();
    let plain = histogram(HistogramOptions::durations().recent(0));
    group.bench_function("record", |b| b.iter(|| black_box(&plain).record(next())));
    let recent = histogram(HistogramOptions::durations().recent(1000));
    group.bench_function("record, recent(1000)", |b| {
        b.iter(|| black_box(&recent).record(next()))
    });
    group.bench_function("timer", |b| b.iter(|| drop(black_box(&plain).start())));
    let counter = registry
        .counter("requests", "Requests.")
        .expect("a valid name");
    group.bench_function("count", |b| b.iter(|| black_box(&counter).inc()));
    let gauge = registry.gauge("depth", "Depth.").expect("a valid name");
    group.bench_function("gauge set", |b| {
        b.iter(|| black_box(&gauge).set(next() as i64))
    });
    let throughput = registry
        .throughput("tokens", "Tokens.")
        .expect("a valid name");
    group.bench_function("throughput add", |b| {
        b.iter(|| black_box(&throughput).add(next()))
    });
    group.finish();
}

/// A snapshot and three quantiles of it.
fn read_quantiles(histogram: &Histogram) -> [Option<u64>; 3] {
    let snapshot = histogram.snapshot();
    [0.5, 0.95, 0.99].map(|q| snapshot.quantile(q))
}

fn read_recent(histogram: &Histogram) -> Option<[Option<f64>; 3]> {
    let snapshot = histogram.snapshot();
    snapshot
        .recent()
        .map(|recent| [0.5, 0.95, 0.99].map(|q| recent.quantile(q)))
}

/// Records so often before each read, and times only the read.
fn time_reads<T>(
    reads: u64,
    histogram: &Histogram,
    unread: u64,
    read: impl Fn(&Histogram) -> T,
) -> Duration {
    let time = |i| {
        (i..i + unread).for_each(|i| histogram.record(value(i)));
        let started = Instant::now();
        black_box(read(black_box(histogram)));
        started.elapsed()
    };
    (0..reads).map(time).sum()
}

fn read(c: &mut Criterion) {
    let mut group = c.benchmark_group("read");
    let plain = filled(HistogramOptions::durations().recent(0));
    group.bench_function("hit", |b| b.iter(|| black_box(&plain).snapshot()));
    // Both of these time the record as well: the clock would cost more.
    let mut i = 0;
    let mut record = |histogram: &Histogram| {
        i += 1;
        histogram.record(value(i));
    };
    group.bench_function("record, then miss and three quantiles", |b| {
        b.iter(|| {
            record(&plain);
            read_quantiles(black_box(&plain))
        });
    });
    let recent = filled(HistogramOptions::durations().recent(1000));
    group.bench_function(
        "record, then miss and three quantiles of recent(1000)",
        |b| {
            b.iter(|| {
                record(&recent);
                read_recent(black_box(&recent))
            });
        },
    );
    group.sample_size(10);
    group.bench_function("miss after a million records", |b| {
        b.iter_custom(|reads| time_reads(reads, &plain, 1_000_000, Histogram::snapshot));
    });
    group.bench_function("miss after 1,000 records, recent(1000)", |b| {
        b.iter_custom(|reads| time_reads(reads, &recent, 1_000, Histogram::snapshot));
    });
    group.finish();
}

fn render(c: &mut Criterion) {
    const SERIES: usize = 1_000;
    let mut group = c.benchmark_group("render 1,000 counters");
    let registry = Registry::new();
    let family = registry
        .counter_family("requests", "Requests.", &["id"])
        .expect("a valid name");
    let counters: Vec<_> = (0..SERIES)
        .map(|i| family.with(&[&i.to_string()]).expect("one label"))
        .collect();
    counters.iter().for_each(|counter| counter.add(10_000));
    group.bench_function("nothing changed", |b| {
        b.iter(|| registry.render_prometheus())
    });
    group.bench_function("one changed", |b| {
        b.iter_batched(
            || counters[SERIES / 2].inc(),
            |()| registry.render_prometheus(),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("all changed", |b| {
        let change = || counters.iter().for_each(|counter| counter.inc());
        b.iter_batched(
            change,
            |()| registry.render_prometheus(),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn collector(c: &mut Criterion) {
    let mut group = c.benchmark_group("collector");
    let collector = MetricsCollector::new();
    let mut i = 0;
    let mut request = || {
        i += 1;
        collector.record_latency(Duration::from_nanos(value(i)));
        collector.record_throughput(100, 1);
        collector.record_batch_size(i % 64);
        collector.record_queue_depth(i % 100);
    };
    (0..2_000).for_each(|_| request());
    collector.record_mode_transition("latency");
    group.bench_function("snapshot(), hit", |b| {
        b.iter(|| black_box(&collector).snapshot())
    });
    group.bench_function("one request of each kind, then snapshot(), miss", |b| {
        b.iter(|| {
            request();
            black_box(&collector).snapshot()
        });
    });
    group.bench_function("record one request of each kind", |b| b.iter(&mut request));
    group.finish();
}

criterion_group!(benches, write, read, render, collector);
criterion_main!(benches);
