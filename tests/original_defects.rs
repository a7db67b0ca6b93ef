//! The four defects of the collector that this one replaces, each as a test that fails if it comes back.

use epoch_metrics::{
    Clock, Histogram, HistogramOptions, ManualClock, MetricsCollector, Registry, Value,
};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A clock that, once armed, records into a histogram when it is read for the n-th time: the library reads the clock inside
/// of a rebuild, so this is a write that lands there for certain.
#[derive(Debug, Default)]
struct WritingClock {
    target: OnceLock<Histogram>,
    reads_left: AtomicU64,
}

impl WritingClock {
    /// Whether the write took place.
    fn has_fired(&self) -> bool {
        self.reads_left.swap(0, SeqCst) == 0
    }
}

impl Clock for WritingClock {
    fn now(&self) -> Duration {
        let left = self.reads_left.load(SeqCst);
        self.reads_left.store(left.saturating_sub(1), SeqCst);
        if left == 1 {
            self.target.get().unwrap().record(7);
        }
        Duration::ZERO
    }
}

/// Defect 1: a write that landed during a rebuild was marked clean, and never shown until the next one came.
#[test]
fn a_write_inside_a_histograms_rebuild_is_shown_by_the_next_read() {
    let clock = Arc::new(WritingClock::default());
    let registry = Registry::builder().clock(clock.clone()).build();
    let histogram = registry
        .histogram("a", "", HistogramOptions::values(0, 100))
        .unwrap();
    clock.target.set(histogram.clone()).unwrap();
    histogram.record(1);
    clock.reads_left.store(1, SeqCst);
    let during = histogram.snapshot().count();
    assert!(
        clock.has_fired(),
        "the write took place inside of the rebuild"
    );
    assert!((1..=2).contains(&during), "it may be shown or not");
    assert_eq!(
        histogram.snapshot().count(),
        2,
        "but the next read is after it"
    );
}

/// A clock is asked before anything is locked, so this is the only place inside a read where a test can write; what happens
/// inside a rebuild is for the models `recorder::write_during_a_rebuild` and `read_order::a_write_is_not_marked_clean`.
#[test]
fn a_write_while_the_registry_asks_for_the_time_is_shown() {
    let clock = Arc::new(WritingClock::default());
    let registry = Registry::builder().clock(clock.clone()).build();
    let first = registry
        .histogram("first", "", HistogramOptions::values(0, 100))
        .unwrap();
    let last = registry
        .histogram("last", "", HistogramOptions::values(0, 100))
        .unwrap();
    clock.target.set(last.clone()).unwrap();
    let shown = || match registry
        .snapshot()
        .family("last")
        .unwrap()
        .series()
        .next()
        .unwrap()
        .value()
    {
        Value::Histogram(histogram) => histogram.count(),
        other => panic!("{other:?} is no histogram"),
    };
    let mut written = 0;
    for reads in 1.. {
        first.record(1);
        clock.reads_left.store(reads, SeqCst);
        let during = shown();
        if !clock.has_fired() {
            assert!(
                reads > 1,
                "the registry read no clock, so nothing was tested"
            );
            break;
        }
        written += 1;
        assert_eq!(
            during, written,
            "written before the rebuild, at reading {reads} of the clock"
        );
        assert_eq!(shown(), written, "at reading {reads} of the clock");
    }
}

/// Tells the writer that no round follows, also when an assertion failed: it would wait for ever.
struct EndOfRounds<'a>(&'a AtomicU64);

impl Drop for EndOfRounds<'_> {
    fn drop(&mut self) {
        self.0.store(u64::MAX, SeqCst);
    }
}

/// The same without a hook, as a race: whatever a rebuild overlaps with, once the writer is done a read shows it all.
#[test]
fn no_write_is_marked_clean_by_a_rebuild_that_it_raced() {
    const ROUNDS: u64 = 10_000;
    const BURST: u64 = 5;
    let collector = MetricsCollector::new();
    let counter = collector.registry().counter("events", "").unwrap();
    let (round, done) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for wanted in 1.. {
                while round.load(SeqCst) < wanted {
                    std::thread::yield_now();
                }
                if round.load(SeqCst) == u64::MAX {
                    break;
                }
                for _ in 0..BURST {
                    collector.record_latency(Duration::from_micros(3));
                    collector.record_batch_size(2);
                    counter.inc();
                }
                collector.record_throughput(1, 1);
                done.store(wanted, SeqCst);
            }
        });
        let _end = EndOfRounds(&round);
        for now in 1..=ROUNDS {
            round.store(now, SeqCst);
            while done.load(SeqCst) < now {
                collector.latency();
                collector.batch();
                collector.throughput();
                collector.registry().snapshot();
            }
            // The writer is idle: nothing but this read can make up for what an earlier one marked clean.
            assert_eq!(
                collector.latency().lifetime.count(),
                now * BURST,
                "latencies in round {now}"
            );
            assert_eq!(
                collector.batch().lifetime.count(),
                now * BURST,
                "batches in round {now}"
            );
            assert_eq!(
                collector.throughput().requests.total(),
                now,
                "requests in round {now}"
            );
            let snapshot = collector.registry().snapshot();
            let Value::Counter(events) = snapshot
                .family("events")
                .unwrap()
                .series()
                .next()
                .unwrap()
                .value()
            else {
                panic!("a counter")
            };
            assert_eq!(events, now * BURST, "counted in round {now}");
        }
    });
}

fn manual() -> (Arc<ManualClock>, MetricsCollector) {
    let clock = Arc::new(ManualClock::new());
    let collector = MetricsCollector::builder()
        .clock(clock.clone())
        .build()
        .unwrap();
    (clock, collector)
}

const WINDOWS: [u64; 3] = [5, 30, 60];

/// Defect 2: only a write invalidated the cache, so an hour of silence left the last rate standing.
#[test]
fn after_an_hour_of_silence_the_rate_is_zero() {
    let (clock, collector) = manual();
    for second in 0..10 {
        clock.set(Duration::from_secs(second));
        collector.record_throughput(500, 51);
    }
    clock.set(Duration::from_secs(10));
    let busy = collector.throughput();
    assert_eq!(busy.requests.per_second(Duration::from_secs(5)), Some(51.0));
    clock.advance(Duration::from_secs(3600));
    let silent = collector.throughput();
    for window in WINDOWS.map(Duration::from_secs) {
        assert_eq!(
            silent.requests.per_second(window),
            Some(0.0),
            "requests over {window:?}"
        );
        assert_eq!(
            silent.tokens.per_second(window),
            Some(0.0),
            "tokens over {window:?}"
        );
    }
    assert_eq!(silent.requests.total(), 510, "the total stays");
    assert!(
        collector
            .render_prometheus()
            .contains("server_requests_per_second{window=\"5s\"} 0\n")
    );
}

/// Defect 3: a window held at most ten events a second, so what came in a burst was averaged over the wrong span.
#[test]
fn more_than_ten_events_a_second_are_averaged_over_the_window() {
    let (clock, collector) = manual();
    for millis in 0..60_000 {
        clock.set(Duration::from_millis(millis));
        collector.record_throughput(7, 1);
    }
    clock.set(Duration::from_secs(60));
    let throughput = collector.throughput();
    for window in WINDOWS.map(Duration::from_secs) {
        assert_eq!(
            throughput.requests.per_second(window),
            Some(1000.0),
            "requests over {window:?}"
        );
        assert_eq!(
            throughput.tokens.per_second(window),
            Some(7000.0),
            "tokens over {window:?}"
        );
    }
}

#[test]
fn a_burst_is_averaged_over_the_window_and_leaves_with_it() {
    let (clock, collector) = manual();
    clock.set(Duration::from_secs(100));
    for _ in 0..3_000 {
        collector.record_throughput(0, 1);
    }
    let rate = |second, window| {
        clock.set(Duration::from_secs(second));
        collector
            .throughput()
            .requests
            .per_second(Duration::from_secs(window))
            .unwrap()
    };
    assert_eq!(
        (rate(101, 5), rate(101, 30), rate(101, 60)),
        (600.0, 100.0, 50.0)
    );
    assert_eq!(
        (rate(105, 5), rate(105, 30), rate(105, 60)),
        (600.0, 100.0, 50.0)
    );
    assert_eq!(
        (rate(106, 5), rate(106, 30), rate(106, 60)),
        (0.0, 100.0, 50.0)
    );
    assert_eq!(
        (rate(131, 30), rate(160, 60), rate(161, 60)),
        (0.0, 50.0, 0.0)
    );
}

/// Defect 4: percentiles alone cannot be aggregated over servers.
#[test]
fn the_histogram_is_exported_beside_the_percentiles() {
    let (_, collector) = manual();
    for millis in 1..=100 {
        collector.record_latency(Duration::from_millis(millis));
    }
    let text = collector.render_prometheus();
    assert!(text.contains("# TYPE server_request_latency_seconds histogram\n"));
    let buckets = text
        .lines()
        .filter(|line| line.starts_with("server_request_latency_seconds_bucket{le="))
        .count();
    assert!(buckets > 10, "{buckets} buckets");
    assert!(text.contains("server_request_latency_seconds_bucket{le=\"+Inf\"} 100\n"));
    assert!(text.contains("server_request_latency_seconds_count 100\n"));
    assert!(text.contains("server_request_latency_seconds_sum 5.05\n"));
    assert!(text.contains("server_request_latency_recent_seconds{quantile=\"0.99\"} 0.09901\n"));
}
