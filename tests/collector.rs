//! The collector's sections: cached apart, served stale only where that was asked for, reset without losing anything.

#[path = "exposition/validator/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "the tests that read expositions use the rest"
)]
mod validator;

use epoch_metrics::{HistogramOptions, ManualClock, MetricsCollector, RegisterError, Registry};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;
use validator::Checked;

fn with_staleness(age: Duration) -> (Arc<ManualClock>, MetricsCollector) {
    let clock = Arc::new(ManualClock::new());
    let collector = MetricsCollector::builder()
        .clock(clock.clone())
        .max_staleness(age)
        .build()
        .unwrap();
    (clock, collector)
}

fn manual() -> (Arc<ManualClock>, MetricsCollector) {
    with_staleness(Duration::ZERO)
}

const MS: Duration = Duration::from_millis(1);

#[test]
fn an_unchanged_section_is_the_same_arc() {
    let (_, collector) = manual();
    collector.record_latency(MS);
    collector.record_batch_size(3);
    collector.record_throughput(10, 1);
    collector.record_mode_transition("low");
    let first = collector.snapshot();
    let again = collector.snapshot();
    assert!(Arc::ptr_eq(&first.latency, &again.latency));
    assert!(Arc::ptr_eq(&first.batch, &again.batch));
    assert!(Arc::ptr_eq(&first.throughput, &again.throughput));
    assert!(Arc::ptr_eq(&first.modes, &again.modes));
    let stats = collector.cache_stats();
    for section in [stats.latency, stats.batch, stats.throughput] {
        assert_eq!((section.hits, section.rebuilds), (1, 1));
    }
    assert_eq!(
        (stats.latency.samples_folded, stats.batch.samples_folded),
        (1, 1)
    );
}

#[test]
fn a_write_to_one_section_leaves_the_others_alone() {
    type Write = fn(&MetricsCollector);
    let (_, collector) = manual();
    let writes: [(Write, [bool; 4]); 5] = [
        (
            |collector| collector.record_latency(MS),
            [true, false, false, false],
        ),
        (
            |collector| collector.record_batch_size(2),
            [false, true, false, false],
        ),
        (
            |collector| collector.record_throughput(5, 1),
            [false, false, true, false],
        ),
        (
            |collector| collector.record_mode_transition("high"),
            [false, false, false, true],
        ),
        (
            |collector| collector.record_queue_depth(9),
            [false, false, false, false],
        ),
    ];
    for (write, changed) in writes {
        let before = collector.snapshot();
        write(&collector);
        let after = collector.snapshot();
        let found = [
            !Arc::ptr_eq(&before.latency, &after.latency),
            !Arc::ptr_eq(&before.batch, &after.batch),
            !Arc::ptr_eq(&before.throughput, &after.throughput),
            !Arc::ptr_eq(&before.modes, &after.modes),
        ];
        assert_eq!(found, changed);
    }
    assert_eq!(collector.queue_depth(), 9);
}

#[test]
fn without_staleness_every_read_after_a_write_shows_it() {
    let (_, collector) = manual();
    for i in 1..=3_000 {
        collector.record_latency(Duration::from_nanos(i));
        let latency = collector.latency();
        assert_eq!(
            (latency.lifetime.count(), latency.max),
            (i, Some(Duration::from_nanos(i)))
        );
        collector.record_batch_size(i);
        assert_eq!(collector.batch().current, Some(i));
        collector.record_throughput(2, 1);
        assert_eq!(collector.throughput().tokens.total(), 2 * i);
    }
    assert_eq!(collector.cache_stats().latency.hit_rate(), 0.0);
}

/// A server with 50 requests a second and a controller that reads after each of them: the case that made the original's
/// cache useless.
#[test]
fn a_controller_that_reads_as_often_as_requests_come_hits_the_cache() {
    const A_SECOND: u64 = 50;
    let (clock, collector) = with_staleness(Duration::from_secs(1));
    let mut rebuilds = vec![collector.cache_stats().latency.rebuilds];
    let mut recorded_before = 0;
    for second in 0..60 {
        for i in 0..A_SECOND {
            clock.set(
                Duration::from_secs(second) + i as u32 * Duration::from_secs(1) / A_SECOND as u32,
            );
            collector.record_latency(MS);
            collector.record_throughput(10, 1);
            let latency = collector.latency();
            collector.throughput();
            assert!(
                latency.lifetime.count() >= recorded_before,
                "older than a second"
            );
        }
        recorded_before = second * A_SECOND;
        rebuilds.push(collector.cache_stats().latency.rebuilds);
    }
    let stats = collector.cache_stats();
    for section in [stats.latency, stats.throughput] {
        assert_eq!(section.hits + section.rebuilds, 60 * A_SECOND);
        assert!(
            section.rebuilds <= 60,
            "{} rebuilds in 60 s",
            section.rebuilds
        );
        // "Less one": the very first read.
        assert!(
            section.hits + 1 >= 60 * A_SECOND * 98 / 100,
            "{} hits",
            section.hits
        );
    }
    assert!(
        rebuilds.windows(2).all(|pair| pair[1] - pair[0] <= 1),
        "more than one rebuild in a second: {rebuilds:?}"
    );
    assert!(
        stats.latency.rebuilds >= 58,
        "{} rebuilds: it is to be a second old at the most",
        stats.latency.rebuilds
    );
    clock.advance(Duration::from_secs(1));
    assert_eq!(
        collector.latency().lifetime.count(),
        60 * A_SECOND,
        "and in the end everything is there"
    );
}

#[test]
fn refused_values_are_counted_and_in_no_other_number() {
    let (_, collector) = manual();
    let hour = Duration::from_secs(3600);
    for duration in [Duration::ZERO, hour, hour + MS, Duration::MAX] {
        collector.record_latency(duration);
    }
    for ms in [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        -1.5,
        -0.0,
        0.0,
        3_600_000.0,
        1e30,
        f64::MAX,
    ] {
        collector.record_latency_ms(ms);
    }
    let latency = collector.latency();
    assert_eq!(
        (
            latency.lifetime.rejected(),
            latency.lifetime.count(),
            latency.count
        ),
        (13, 0, 0)
    );
    assert_eq!(
        (latency.p99, latency.mean, latency.min, latency.max),
        (None, None, None, None)
    );

    collector.record_latency(Duration::from_nanos(1));
    collector.record_latency(hour - Duration::from_nanos(1));
    collector.record_latency_ms(1e-9);
    let latency = collector.latency();
    assert_eq!(
        (
            latency.lifetime.rejected(),
            latency.lifetime.count(),
            latency.count
        ),
        (13, 3, 3)
    );
    assert_eq!(
        (latency.min, latency.max),
        (
            Some(Duration::from_nanos(1)),
            Some(hour - Duration::from_nanos(1))
        )
    );

    for size in [(1 << 20) + 1, u64::MAX] {
        collector.record_batch_size(size);
    }
    collector.record_batch_size(0);
    collector.record_batch_size(1 << 20);
    let batch = collector.batch();
    assert_eq!((batch.lifetime.rejected(), batch.lifetime.count()), (2, 2));
    let largest = Some(1 << 20);
    assert_eq!(
        (batch.min, batch.max, batch.current),
        (Some(0), largest, largest)
    );
}

#[test]
fn batch_sizes_are_counted_one_by_one_up_to_2047() {
    let (_, collector) = manual();
    for size in 0..4096 {
        collector.record_batch_size(size);
    }
    let batch = collector.batch();
    let singles = batch
        .distribution()
        .take_while(|bucket| bucket.low == bucket.high && bucket.count == 1)
        .count();
    assert_eq!(singles, 2048);
    assert_eq!(
        batch.distribution().map(|bucket| bucket.count).sum::<u64>(),
        4096
    );
    assert!(
        batch
            .distribution()
            .all(|bucket| bucket.count == bucket.high - bucket.low + 1)
    );
}

#[test]
fn modes_count_changes_and_keep_the_last_64() {
    let (clock, collector) = manual();
    assert_eq!(collector.mode(), None);
    collector.record_mode_transition("mode 0");
    assert_eq!(
        collector.mode_transitions().count,
        0,
        "the first is no transition"
    );
    collector.record_mode_transition("mode 0");
    assert_eq!(
        collector.mode_transitions().count,
        0,
        "nor is the same again"
    );
    for i in 1..=200_u64 {
        clock.set(Duration::from_secs(i));
        collector.record_mode_transition(&format!("mode {i}"));
        // Read now and then only: what overflows between reads is dropped at its old end.
        if i % 50 == 0 {
            assert_eq!(collector.mode_transitions().count, i);
        }
    }
    let modes = collector.mode_transitions();
    assert_eq!(
        (modes.count, collector.mode().as_deref()),
        (200, Some("mode 200"))
    );
    assert_eq!(modes.transitions.len(), 64);
    for (i, transition) in (137_u64..).zip(&modes.transitions) {
        assert_eq!(*transition.from, *format!("mode {}", i - 1));
        assert_eq!(*transition.to, *format!("mode {i}"));
        assert_eq!(transition.at, Duration::from_secs(i));
    }
}

#[test]
fn modes_recorded_by_many_threads_are_each_counted() {
    let collector = MetricsCollector::new();
    collector.record_mode_transition("start");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let collector = &collector;
            scope.spawn(move || {
                for i in 0..500 {
                    collector.record_mode_transition(&format!("{thread}/{i}"));
                }
            });
        }
        for _ in 0..500 {
            assert!(collector.mode_transitions().transitions.len() <= 64);
        }
    });
    // No two threads ever use the same name, so each call changed the mode.
    let modes = collector.mode_transitions();
    assert_eq!((modes.count, modes.transitions.len()), (2_000, 64));
}

#[test]
fn reset_forgets_everything_and_keeps_the_configuration() {
    let clock = Arc::new(ManualClock::new());
    let windows = [Duration::from_secs(2)];
    let collector = MetricsCollector::builder()
        .prefix("gpu")
        .unwrap()
        .recent(5)
        .windows(&windows)
        .clock(clock.clone());
    let collector = collector.build().unwrap();
    let fill = || {
        for i in 1..=10_000 {
            collector.record_latency(i * MS / 100);
            collector.record_batch_size(u64::from(i));
        }
        collector.record_latency(Duration::ZERO);
        collector.record_throughput(100, 10);
        collector.record_queue_depth(4);
        collector.record_mode_transition("a");
        collector.record_mode_transition("b");
    };
    for round in 1..=3 {
        fill();
        clock.advance(Duration::from_secs(1));
        let full = collector.snapshot();
        assert_eq!(
            (
                full.latency.lifetime.count(),
                full.latency.lifetime.rejected()
            ),
            (10_000, 1),
            "round {round}"
        );
        assert_eq!(
            (full.latency.count, full.batch.lifetime.count()),
            (5, 10_000)
        );
        assert_eq!(
            (
                full.throughput.tokens.total(),
                full.modes.count,
                full.queue_depth
            ),
            (100, 1, 4)
        );
        assert_eq!(full.throughput.tokens.per_second(windows[0]), Some(100.0));

        collector.reset();
        let empty = collector.snapshot();
        assert!(empty.latency.lifetime.is_empty() && empty.batch.lifetime.is_empty());
        assert_eq!(
            (
                empty.latency.lifetime.sum(),
                empty.latency.lifetime.rejected(),
                empty.latency.count
            ),
            (0, 0, 0)
        );
        assert_eq!(
            (empty.latency.p99, empty.batch.max, empty.batch.current),
            (None, None, None)
        );
        assert_eq!(
            (
                empty.throughput.tokens.total(),
                empty.throughput.requests.total()
            ),
            (0, 0)
        );
        assert_eq!(
            empty.throughput.tokens.per_second(windows[0]),
            None,
            "what came before is in no window, and no second has passed"
        );
        assert_eq!(
            (
                empty.modes.count,
                empty.modes.transitions.len(),
                empty.queue_depth
            ),
            (0, 0, 0)
        );
        assert_eq!(empty.modes.mode, None);
        let text = collector.checked_text();
        assert!(
            text.contains("gpu_request_latency_seconds_count 0\n")
                && text.contains("gpu_tokens_total 0\n")
        );
    }
    clock.advance(Duration::from_secs(100));
    fill();
    clock.advance(Duration::from_secs(1));
    assert_eq!(collector.latency().count, 5);
    assert_eq!(
        collector.throughput().requests.per_second(windows[0]),
        Some(5.0)
    );
    assert_eq!(collector.throughput().requests.rates().len(), 1);
}

/// What a metric's own reset changes, a read of its registry shows: both answer the same question.
#[test]
fn the_registry_shows_a_reset_at_once() {
    let clock = Arc::new(ManualClock::new());
    let registry = Registry::builder().clock(clock.clone()).build();
    let histogram = registry
        .histogram("h", "", HistogramOptions::values(1, 100))
        .unwrap();
    let throughput = registry.throughput("t", "").unwrap();
    histogram.record(5);
    throughput.add(7);
    let text = registry.checked_text();
    assert!(text.contains("h_count 1\n") && text.contains("t_total 7\n"));
    assert_eq!(histogram.reset().count(), 1);
    assert_eq!(histogram.snapshot().count(), 0);
    assert!(
        registry.checked_text().contains("h_count 0\n"),
        "the registry still shows what was reset"
    );
    assert_eq!(throughput.reset().total(), 7);
    assert_eq!(throughput.snapshot().total(), 0);
    assert!(
        registry.checked_text().contains("t_total 0\n"),
        "the registry still shows what was reset"
    );
}

/// Stops other threads also when an assertion failed: they would go on for ever.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(false, SeqCst);
    }
}

/// Each thread records a value of its own, small enough for a bucket of its own, so what each part holds can be told.
#[test]
fn reset_while_threads_record_loses_and_doubles_nothing() {
    // More than there are processors, so that resets meet writers that were stopped inside of a record.
    const THREADS: u64 = 8;
    const EACH: u64 = 2_000_000;
    let registry = Registry::new();
    let histogram = registry
        .histogram("h", "", HistogramOptions::values(1, 200))
        .unwrap();
    let throughput = registry.throughput("t", "").unwrap();
    let running = AtomicBool::new(true);
    let mut counts = [0; THREADS as usize + 1];
    let (mut sum, mut total, mut resets, mut refused) = (0, 0, 0, 0);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (1..=THREADS)
            .map(|value| {
                let (histogram, throughput) = (&histogram, &throughput);
                scope.spawn(move || {
                    for i in 0..EACH {
                        histogram.record(value);
                        if i % 64 == 0 {
                            throughput.add(value);
                            histogram.record(1000);
                        }
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            // Another reader, so that folds happen outside of resets as well.
            while running.load(SeqCst) {
                let snapshot = histogram.snapshot();
                assert!(snapshot.count() <= THREADS * EACH);
            }
        });
        let stop = Stop(&running);
        loop {
            let done = writers
                .iter()
                .all(std::thread::ScopedJoinHandle::is_finished);
            let part = histogram.reset();
            assert_eq!(part.uncertain(), 0, "a reset is exact");
            assert_eq!(
                part.buckets()
                    .map(|bucket| u128::from(bucket.low * bucket.count))
                    .sum::<u128>(),
                part.sum()
            );
            part.buckets()
                .for_each(|bucket| counts[bucket.low as usize] += bucket.count);
            sum += part.sum();
            refused += part.rejected();
            total += throughput.reset().total();
            resets += 1;
            if done {
                break;
            }
        }
        drop(stop);
    });
    assert!(
        histogram.snapshot().is_empty() && throughput.snapshot().total() == 0,
        "the last reset came after the end"
    );
    let of_all = THREADS * (THREADS + 1) / 2;
    assert_eq!(counts[1..], [EACH; THREADS as usize], "in {resets} resets");
    assert_eq!(sum, u128::from(EACH * of_all));
    assert_eq!(refused, THREADS * EACH.div_ceil(64));
    assert_eq!(total, EACH.div_ceil(64) * of_all);
}

#[test]
fn impossible_collectors_are_refused() {
    let refused = |builder: epoch_metrics::CollectorBuilder| builder.build().unwrap_err();
    let builder = MetricsCollector::builder;
    assert!(matches!(
        builder().prefix("1 x").unwrap_err(),
        RegisterError::InvalidName { .. }
    ));
    assert!(matches!(
        refused(builder().windows(&[Duration::ZERO])),
        RegisterError::Options(_)
    ));
    assert!(matches!(
        refused(builder().windows(&[Duration::from_millis(1_500)])),
        RegisterError::Options(_)
    ));
    assert!(matches!(
        refused(builder().recent(usize::MAX)),
        RegisterError::Options(_)
    ));
}

#[test]
fn names_that_the_collector_exports_are_taken() {
    let (_, collector) = manual();
    collector.record_mode_transition("x");
    let names: Vec<String> = collector
        .checked_text()
        .lines()
        .filter_map(|line| {
            line.strip_prefix("# TYPE ")?
                .split(' ')
                .next()
                .map(str::to_owned)
        })
        .collect();
    assert!(names.len() > 10);
    for name in names {
        assert!(
            matches!(
                collector.registry().gauge(&name, "Another one."),
                Err(RegisterError::Duplicate { .. })
            ),
            "{name} could be registered a second time"
        );
    }
    let mine = collector.registry().counter("mine", "One's own.").unwrap();
    mine.inc();
    assert!(collector.checked_text().contains("mine_total 1\n"));
}

/// What nothing was measured for is not shown as 0, which would be the best value of all.
#[test]
fn without_samples_there_is_no_best_value() {
    let collector = MetricsCollector::new();
    let check = |collector: &MetricsCollector, samples: usize, what: &str| {
        let (latency, batch) = (collector.latency(), collector.batch());
        assert_eq!(latency.count, samples, "{what}");
        let latencies = [
            latency.p50,
            latency.p95,
            latency.p99,
            latency.min,
            latency.max,
            latency.mean,
        ];
        let sizes = [batch.min, batch.max];
        // That one needs no recent samples.
        assert_eq!(
            batch.current.is_some(),
            !batch.lifetime.is_empty(),
            "{what}"
        );
        let json: serde_json::Value = serde_json::from_str(&collector.render_json()).unwrap();
        let recent = &json["latency_seconds"]["recent"];
        let keys = ["p50", "p95", "p99", "min", "max", "mean"];
        for (key, value) in keys.into_iter().zip(latencies) {
            assert_eq!(value.is_some(), samples > 0, "{what}: {key}");
            assert_eq!(recent[key].is_number(), samples > 0, "{what}: {key}");
        }
        for (key, value) in ["min", "max"].into_iter().zip(sizes) {
            assert_eq!(value.is_some(), samples > 0, "{what}: {key}");
            assert_eq!(json["batch"][key].is_number(), samples > 0, "{what}: {key}");
        }
        assert_eq!(batch.mean.is_some(), samples > 0, "{what}");
        assert_eq!(json["batch"]["mean"].is_number(), samples > 0, "{what}");
    };
    let lines = |collector: &MetricsCollector| -> Vec<String> {
        let text = collector.checked_text();
        let recent = text.lines().filter(|line| line.contains("_recent"));
        recent
            .filter(|line| !line.starts_with('#'))
            .map(str::to_owned)
            .collect()
    };
    let empty = [
        "server_request_latency_recent_seconds{quantile=\"0.5\"} NaN",
        "server_request_latency_recent_seconds{quantile=\"0.95\"} NaN",
        "server_request_latency_recent_seconds{quantile=\"0.99\"} NaN",
        "server_request_latency_recent_seconds_sum 0",
        "server_request_latency_recent_seconds_count 0",
        "server_batch_size_recent{of=\"current\"} NaN",
        "server_batch_size_recent{of=\"min\"} NaN",
        "server_batch_size_recent{of=\"max\"} NaN",
        "server_batch_size_recent{of=\"mean\"} NaN",
    ];
    check(&collector, 0, "a new collector");
    assert_eq!(lines(&collector), empty);
    let json: serde_json::Value = serde_json::from_str(&collector.render_json()).unwrap();
    let summary = &json["metrics"]["server_request_latency_recent_seconds"]["series"][0]["value"];
    let nothing = serde_json::json!([[0.5, null], [0.95, null], [0.99, null]]);
    assert_eq!(summary["quantiles"], nothing);

    collector.record_latency(Duration::from_secs(30));
    collector.record_batch_size(0);
    check(&collector, 1, "one sample");
    assert_eq!(
        lines(&collector)[2],
        "server_request_latency_recent_seconds{quantile=\"0.99\"} 30"
    );
    assert_eq!(
        lines(&collector)[5],
        "server_batch_size_recent{of=\"current\"} 0"
    );
    collector.reset();
    check(&collector, 0, "after a reset");
    assert_eq!(lines(&collector), empty);

    let without = MetricsCollector::builder().recent(0).build().unwrap();
    without.record_latency(Duration::from_secs(30));
    without.record_batch_size(3);
    check(&without, 0, "no recent samples are kept");
    assert!(!without.checked_text().contains("_recent"));
    assert!(!without.registry().render_json().contains("_recent"));
    assert_eq!(without.latency().lifetime.count(), 1);
}

/// Strictly after each other, in threads that share nothing else, with and without a read in between.
#[test]
fn the_current_batch_is_the_one_that_was_recorded_last() {
    let collector = MetricsCollector::new();
    let record = |sizes: &[u64]| {
        std::thread::scope(|scope| {
            // In a thread of its own, which may get the slot of the one before.
            scope.spawn(|| {
                sizes
                    .iter()
                    .for_each(|size| collector.record_batch_size(*size))
            });
        });
    };
    // This thread keeps its slot, so that the others have a second one.
    [1, 2, 3]
        .into_iter()
        .for_each(|size| collector.record_batch_size(size));
    record(&[9]);
    assert_eq!(collector.batch().current, Some(9));
    record(&[8]);
    [4, 5]
        .into_iter()
        .for_each(|size| collector.record_batch_size(size));
    record(&[7, 1 << 21]);
    assert_eq!(
        collector.batch().current,
        Some(7),
        "the larger one was refused"
    );
    assert_eq!(collector.snapshot().batch.current, Some(7));
    collector.reset();
    assert_eq!(collector.batch().current, None);
}
