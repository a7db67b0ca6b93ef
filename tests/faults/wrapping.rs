//! Counters and totals of several threads that wrap, and sums that do not.

use crate::beside_others;
use crate::clocks::{seconds, with_clock};
use crate::metrics::shown;
use epoch_metrics::{HistogramOptions, Registry};
use std::time::Duration;

#[test]
fn counters_of_several_threads_wrap() {
    let _beside = beside_others();
    let registry = Registry::new();
    let counter = registry.counter("c", "").unwrap();
    let mut expected = 0_u64;
    for (round, amount) in [u64::MAX, 3, u64::MAX / 2 + 7, u64::MAX - 1]
        .into_iter()
        .enumerate()
    {
        on_three_threads(|| counter.add(amount), || ());
        expected = expected.wrapping_add(amount.wrapping_mul(3));
        assert_eq!(
            (counter.get(), shown(&registry.snapshot(), "c")),
            (expected, expected),
            "round {round}"
        );
    }
}

/// Whether the samples come from queues or from banks, whose sums come round to zero again and again.
#[test]
fn sums_of_several_threads_do_not_wrap() {
    let _beside = beside_others();
    let registry = Registry::new();
    let options = HistogramOptions::values(1, u64::MAX - 1).significant_digits(1);
    let histogram = registry.histogram("h", "", options).unwrap();
    let (mut count, mut sum, mut rejected, mut returned) = (0_u64, 0_u128, 0, 0);
    // In a bank, 2^62 four times is zero, and so is 2^52 4,096 times; the last two are not recorded on the shortest path. The high
    // ends of buckets are where the buckets tell least about the sum.
    let values = [1 << 62, 1 << 52, (1 << 53) - 1, (1 << 54) - 1, 1 << 63];
    for round in 0..400_usize {
        let value = values[round % values.len()];
        let samples = [1, 3, 4, 8, 255, 256, 257, 512, 4_096, 5_000][round / values.len() % 10];
        let record = || {
            (0..samples).for_each(|_| histogram.record(value));
            histogram.record([0, u64::MAX][round % 2]);
        };
        on_three_threads(record, record);
        count += 4 * samples;
        sum += u128::from(value) * u128::from(4 * samples);
        rejected += 4;
        if round % 7 == 3 {
            continue;
        }
        let snapshot = histogram.snapshot();
        assert_eq!(
            (snapshot.count(), snapshot.sum(), snapshot.uncertain()),
            (count, sum, 0),
            "round {round}"
        );
        assert_eq!(
            (snapshot.rejected(), shown(&registry.snapshot(), "h")),
            (rejected, count),
            "round {round}"
        );
        if round % 50 == 49 {
            let before = histogram.reset();
            assert_eq!(
                (before.count(), before.sum(), before.rejected()),
                (count, sum, rejected),
                "round {round}"
            );
            returned += before.count();
            (count, sum, rejected) = (0, 0, 0);
        }
    }
    assert!(returned > 1_000_000);
}

#[test]
fn throughput_totals_wrap_and_rates_saturate() {
    let _beside = beside_others();
    let (clock, registry) = with_clock(Duration::ZERO);
    let throughput = registry
        .throughput_with_windows("t", "", &[seconds(5)])
        .unwrap();
    let (mut expected, mut reset) = (0_u64, 0_u64);
    for (round, amount) in [u64::MAX, 2, u64::MAX / 3, u64::MAX - 5, 9]
        .into_iter()
        .cycle()
        .take(50)
        .enumerate()
    {
        clock.advance(seconds(1));
        on_three_threads(|| throughput.add(amount), || ());
        expected = expected.wrapping_add(amount.wrapping_mul(3));
        let snapshot = throughput.snapshot();
        assert_eq!(
            snapshot.total(),
            expected.wrapping_sub(reset),
            "round {round}"
        );
        assert_eq!(
            shown(&registry.snapshot(), "t"),
            snapshot.total(),
            "round {round}"
        );
        let most = 5 * 3 * ((1 << 36) - 1);
        assert!(
            snapshot.rates()[0].amount <= most,
            "68.7 billion a second and thread"
        );
        if round % 20 == 13 {
            assert_eq!(throughput.reset().total(), expected.wrapping_sub(reset));
            reset = expected;
            assert_eq!(throughput.snapshot().total(), 0);
        }
    }
}

/// Does `work` on three threads at the same time, and `meanwhile` on this one; until each has ended to the last.
fn on_three_threads(work: impl Fn() + Sync, meanwhile: impl FnOnce()) {
    std::thread::scope(|scope| {
        let threads = [(); 3].map(|()| scope.spawn(&work));
        meanwhile();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
}
