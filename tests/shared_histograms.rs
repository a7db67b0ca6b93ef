//! Histograms whose threads share a block, or come to own one.

use epoch_metrics::{Histogram, HistogramOptions, Ownership, Registry};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

fn histogram(registry: &Registry, ownership: Ownership) -> Histogram {
    let options = HistogramOptions::values(0, 1 << 20).recent(0);
    registry
        .histogram("h", "", options.ownership(ownership))
        .unwrap()
}

/// How many threads own cells, as the registry's page shows it.
fn owners(registry: &Registry) -> u64 {
    let page = registry.render_prometheus();
    let name = "epoch_metrics_owned_cells ";
    let line = page.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0, |value| value.trim().parse().unwrap())
}

/// Values of every octave, zero among them.
fn value(i: u64) -> u64 {
    i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (44 + i % 20)
}

/// Values with a bucket each.
fn low(i: u64) -> u64 {
    i % 200
}

fn record_until(
    histogram: &Histogram,
    value: fn(u64) -> u64,
    done: impl Fn() -> bool,
) -> (u64, u128) {
    let (mut count, mut sum) = (0, 0);
    while !done() {
        for _ in 0..10_000 {
            histogram.record(value(count));
            sum += u128::from(value(count));
            count += 1;
        }
    }
    (count, sum)
}

#[test]
fn a_thread_that_records_for_a_second_is_promoted() {
    let registry = Registry::new();
    let histogram = histogram(&registry, Ownership::Adaptive);
    histogram.record(1);
    assert_eq!(owners(&registry), 0);
    let since = Instant::now();
    let (count, sum) = record_until(&histogram, value, || {
        // What takes a second or two has failed by then.
        assert!(since.elapsed() < Duration::from_secs(60), "it never comes");
        owners(&registry) > 0
    });
    // Some into its own block as well.
    (0..1_000).for_each(|_| histogram.record(7));
    let snapshot = histogram.snapshot();
    assert_eq!(snapshot.count(), count + 1_001);
    assert_eq!((snapshot.sum(), snapshot.uncertain()), (sum + 7_001, 0));
}

#[test]
fn a_burst_promotes_nobody() {
    let registry = Registry::new();
    let histogram = histogram(&registry, Ownership::Adaptive);
    (0..100_000).for_each(|i| histogram.record(value(i)));
    assert_eq!(
        (owners(&registry), histogram.snapshot().count()),
        (0, 100_000)
    );
}

#[test]
fn warming_makes_the_calling_threads_block() {
    let registry = Registry::new();
    let histogram = histogram(&registry, Ownership::Adaptive);
    assert!(histogram.warm(0, u64::MAX));
    assert!(histogram.warm(9, 3), "no value at all");
    assert_eq!((owners(&registry), histogram.snapshot().count()), (1, 0));
    let never = Registry::new();
    let shared = self::histogram(&never, Ownership::Never);
    assert!(shared.warm(1, 100));
    shared.record(5);
    assert_eq!((owners(&never), shared.snapshot().count()), (0, 1));
}

/// Tells writers to stop, whether or not something panicked.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}

/// Without pause eight threads record into the block that they share, while it is read and reset. Every reset ends, and what the resets
/// returned and what is left is everything; none of them returns a sample without its part of the sum.
#[test]
fn resets_of_a_shared_block_end_and_lose_nothing() {
    for ownership in [Ownership::Never, Ownership::Adaptive] {
        let registry = Registry::new();
        let histogram = histogram(&registry, ownership);
        let running = AtomicBool::new(true);
        let (mut count, mut sum, mut recorded) = (0, 0, (0, 0));
        std::thread::scope(|scope| {
            let stop = Stop(&running);
            let writers: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| record_until(&histogram, low, || !running.load(Relaxed))))
                .collect();
            for _ in 0..20 {
                let forgotten = histogram.reset();
                assert_eq!(forgotten.uncertain(), 0);
                let of_buckets = forgotten.buckets().fold((0, 0), |(count, sum), bucket| {
                    assert_eq!(bucket.low, bucket.high);
                    (
                        count + bucket.count,
                        sum + u128::from(bucket.low * bucket.count),
                    )
                });
                assert_eq!(of_buckets, (forgotten.count(), forgotten.sum()));
                count += forgotten.count();
                sum += forgotten.sum();
                histogram.snapshot();
            }
            drop(stop);
            for writer in writers {
                let (count, sum) = writer.join().unwrap();
                recorded = (recorded.0 + count, recorded.1 + sum);
            }
        });
        let rest = histogram.snapshot();
        assert_eq!(rest.uncertain(), 0);
        assert_eq!((count + rest.count(), sum + rest.sum()), recorded);
    }
}
