//! Histograms against oracles: HdrHistogram for what buckets keep, a sorted vector for what is exact.

use epoch_metrics::{
    Histogram, HistogramOptions, HistogramSnapshot, ManualClock, MergeError, Recent, RecordError,
    Registry, Unit,
};
use hdrhistogram::Histogram as Hdr;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

const QUANTILES: [f64; 17] = [
    0.0,
    1e-9,
    0.001,
    0.01,
    0.1,
    0.25,
    0.5,
    0.75,
    0.9,
    0.95,
    0.99,
    0.999,
    0.9999,
    0.99999,
    0.999_999_9,
    1.0,
    2.0,
];

fn histogram(options: impl Into<HistogramOptions>) -> Histogram {
    Registry::new().histogram("h", "", options).unwrap()
}

/// What was recorded so far, kept in ways that cannot be wrong.
struct Oracle {
    hdr: Hdr<u64>,
    values: Vec<u64>,
    rejected: u64,
    range: (u64, u64),
}

impl Oracle {
    fn new((min, max): (u64, u64), digits: u8) -> Self {
        let hdr = Hdr::new_with_bounds(1, max.max(2), digits).unwrap();
        Self {
            hdr,
            values: Vec::new(),
            rejected: 0,
            range: (min, max),
        }
    }

    fn record(&mut self, value: u64) {
        if (self.range.0..=self.range.1).contains(&value) {
            self.hdr.record(value).unwrap();
            self.values.push(value);
        } else {
            self.rejected += 1;
        }
    }

    /// HdrHistogram's, save that it saturates one too early in the last bucket that 64 bits have.
    fn highest_equivalent(&self, value: u64) -> u64 {
        match self.hdr.highest_equivalent(value) {
            high if high == u64::MAX - 1 => u64::MAX,
            high => high,
        }
    }

    fn compare(&self, snapshot: &HistogramSnapshot) {
        assert_eq!(snapshot.uncertain(), 0);
        self.compare_numbers(snapshot);
        self.compare_buckets(snapshot);
    }

    fn compare_numbers(&self, snapshot: &HistogramSnapshot) {
        let sum = self
            .values
            .iter()
            .fold(0_u128, |sum, value| sum + u128::from(*value));
        let count = self.values.len() as u64;
        assert_eq!(
            (snapshot.count(), snapshot.rejected()),
            (count, self.rejected)
        );
        assert_eq!(snapshot.sum(), sum);
        assert_eq!(snapshot.is_empty(), self.values.is_empty());
        let mean = (count > 0).then(|| sum as f64 / count as f64);
        assert_eq!(snapshot.mean(), mean);
        let low = |value| self.hdr.lowest_equivalent(value);
        let high = |value| self.highest_equivalent(value);
        assert_eq!(
            snapshot.min(),
            self.values.iter().min().map(|min| low(*min))
        );
        assert_eq!(
            snapshot.max(),
            self.values.iter().max().map(|max| high(*max))
        );
        assert_eq!(snapshot.stdev().is_some(), count > 0);
        let (stdev, expected) = (snapshot.stdev().unwrap_or_default(), self.hdr.stdev());
        assert!(
            (stdev - expected).abs() <= expected * 1e-9,
            "{stdev} {expected}"
        );
    }

    fn compare_buckets(&self, snapshot: &HistogramSnapshot) {
        for q in QUANTILES {
            // HdrHistogram answers quantile 0 with the low end of a bucket, all others with the high end.
            let expected = self.hdr.value_at_quantile(q);
            let expected = (!self.values.is_empty()).then(|| self.highest_equivalent(expected));
            assert_eq!(
                snapshot.quantile(q),
                expected,
                "quantile {q} of {}",
                self.values.len()
            );
            assert_eq!(
                snapshot.quantile_duration(q),
                expected
                    .filter(|_| snapshot.unit() == Unit::Seconds)
                    .map(Duration::from_nanos)
            );
        }
        let (mut buckets, mut below) = (snapshot.buckets(), 0);
        for expected in self.hdr.iter_recorded() {
            let bucket = buckets.next().expect("as many buckets as HdrHistogram's");
            let value = expected.value_iterated_to();
            assert_eq!(bucket.low, self.hdr.lowest_equivalent(value));
            assert_eq!(bucket.high, self.highest_equivalent(value));
            assert_eq!(bucket.count, expected.count_at_value());
            below += bucket.count;
            assert_eq!(snapshot.count_up_to(bucket.high), below);
        }
        assert!(buckets.next().is_none(), "more buckets than HdrHistogram's");
    }

    /// The last `n` as they are.
    fn compare_recent(&self, snapshot: &HistogramSnapshot, n: usize) {
        let recent = snapshot.recent().expect("it was asked for");
        let newest = &self.values[self.values.len().saturating_sub(n)..];
        let mut sorted = newest.to_vec();
        sorted.sort_unstable();
        assert_eq!(recent.sorted(), sorted);
        assert_eq!(
            (recent.count(), recent.is_empty()),
            (sorted.len(), sorted.is_empty())
        );
        assert_eq!(recent.last_read(), newest.last().copied());
        let ends = (sorted.first().copied(), sorted.last().copied());
        assert_eq!((recent.min(), recent.max()), ends);
        let sum: u128 = sorted.iter().map(|value| u128::from(*value)).sum();
        let mean = (!sorted.is_empty()).then(|| sum as f64 / sorted.len() as f64);
        assert_eq!(recent.mean(), mean);
        for q in QUANTILES {
            if sorted.is_empty() {
                assert_eq!(recent.quantile(q), None, "quantile {q} of nothing");
                continue;
            }
            let (quantile, expected) = (recent.quantile(q).unwrap(), interpolated(&sorted, q));
            assert!(
                (quantile - expected).abs() <= expected * 1e-12,
                "quantile {q} of the recent: {quantile} {expected}"
            );
        }
    }
}

/// Between closest ranks, weighted from both sides: not the formula that the library uses.
fn interpolated(sorted: &[u64], q: f64) -> f64 {
    if sorted.is_empty() {
        return 0.0;
    }
    let rank = q.min(1.0) * (sorted.len() - 1) as f64;
    let (below, above) = (rank.floor(), rank.ceil());
    let (low, high) = (sorted[below as usize] as f64, sorted[above as usize] as f64);
    if below == above {
        low
    } else {
        low * (above - rank) + high * (rank - below)
    }
}

/// Ranges of all sizes, and values that fall into, at the ends of, and outside of them.
fn range() -> impl Strategy<Value = (u64, u64)> {
    let size =
        || (0_u32..=64, any::<u64>()).prop_map(|(bits, n)| n.checked_shr(64 - bits).unwrap_or(0));
    prop_oneof![
        (size(), size()).prop_map(|(a, b)| (a.min(b), a.max(b))),
        size().prop_map(|max| (0, max)),
        size().prop_map(|max| (1.min(max), max)),
        size().prop_map(|min| (min, u64::MAX)),
    ]
}

fn values((min, max): (u64, u64)) -> impl Strategy<Value = Vec<u64>> {
    let anywhere =
        (0_u32..=64, any::<u64>()).prop_map(|(bits, n)| n.checked_shr(64 - bits).unwrap_or(0));
    let around = (0_u64..3).prop_map(move |by| {
        [
            min.wrapping_sub(1).wrapping_add(by),
            max.wrapping_sub(1).wrapping_add(by),
        ]
    });
    let near_powers = (0_u32..64, 0_u64..3)
        .prop_map(|(bits, by)| (1_u64 << bits).wrapping_sub(1).wrapping_add(by));
    let value = prop_oneof![
        4 => min..=max,
        2 => anywhere,
        1 => near_powers,
        1 => (around, any::<bool>()).prop_map(|(ends, first)| if first { ends[0] } else { ends[1] }),
    ];
    proptest::collection::vec(value, 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn counts_sums_and_quantiles_are_those_of_hdrhistogram(
        (range, values) in range().prop_flat_map(|range| (Just(range), values(range))),
        digits in prop_oneof![3 => 1_u8..=3, 1 => 4_u8..=5],
        read_between in any::<bool>(),
    ) {
        let ours = histogram(HistogramOptions::values(range.0, range.1).significant_digits(digits));
        let mut oracle = Oracle::new(range, digits);
        for (i, &value) in values.iter().enumerate() {
            ours.record(value);
            oracle.record(value);
            if read_between && i % 37 == 0 {
                oracle.compare_numbers(&ours.snapshot());
            }
        }
        oracle.compare(&ours.snapshot());
    }
}

#[derive(Clone, Debug)]
enum Step {
    Record(u64),
    Burst(u64),
    Read,
    Latest,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => any::<u64>().prop_map(|n| Step::Record(n % (1 << (n % 40)))),
        // Queues hold 256 samples or, here, up to 1024; folds remember 1024: bursts around and far beyond these.
        2 => prop_oneof![1_u64..40, 250_u64..260, 505_u64..520, 1020_u64..1030, 1000_u64..4000].prop_map(Step::Burst),
        4 => Just(Step::Read),
        1 => Just(Step::Latest),
    ];
    proptest::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_sequence_of_records_and_reads_is_exact_on_one_thread(
        steps in steps(),
        recent in prop_oneof![Just(0_usize), 1_usize..20, 100_usize..=512],
    ) {
        const RANGE: (u64, u64) = (0, 1 << 38);
        let ours = histogram(HistogramOptions::values(RANGE.0, RANGE.1).recent(recent));
        let mut oracle = Oracle::new(RANGE, 2);
        let mut last = ours.snapshot();
        for step in steps {
            let before = oracle.values.len();
            match step {
                Step::Record(value) => {
                    ours.record(value);
                    oracle.record(value);
                }
                Step::Burst(n) => {
                    for i in 0..n {
                        let value = (i * 2_654_435_761 + n) % (1 << (i % 39));
                        ours.record(value);
                        oracle.record(value);
                    }
                }
                Step::Read => {
                    let now = ours.snapshot();
                    oracle.compare_numbers(&now);
                    assert_eq!(now.uncertain(), 0);
                    if recent > 0 {
                        oracle.compare_recent(&now, recent);
                    } else {
                        assert!(now.recent().is_none());
                    }
                    let same = now.count() == last.count() && now.rejected() == last.rejected();
                    assert_eq!(Arc::ptr_eq(&now, &last), same, "a new snapshot when and only when something is new");
                    last = now;
                }
                Step::Latest => assert!(Arc::ptr_eq(&ours.latest().snapshot, &last), "nobody has read since"),
            }
            assert!(oracle.values.len() >= before);
        }
        oracle.compare(&ours.snapshot());
    }

    #[test]
    fn merge_adds_and_since_subtracts(
        first in values((1, 1_000_000)),
        second in values((1, 1_000_000)),
    ) {
        let options = HistogramOptions::values(1, 1_000_000).recent(10);
        let (whole, other) = (histogram(options.clone()), histogram(options));
        let [mut of_first, mut of_second, mut of_both] = [(); 3].map(|()| Oracle::new((1, 1_000_000), 2));
        for &value in &first {
            whole.record(value);
            of_first.record(value);
            of_both.record(value);
        }
        let earlier = whole.snapshot();
        for &value in &second {
            whole.record(value);
            other.record(value);
            of_second.record(value);
            of_both.record(value);
        }
        let later = whole.snapshot();
        let merged = earlier.merge(&other.snapshot()).unwrap();
        of_both.compare(&merged);
        prop_assert!(merged.recent().is_none());
        let since = later.since(&earlier).unwrap();
        of_second.compare(&since);
        prop_assert!(since.recent().is_none());
        of_first.compare(&earlier);
        of_both.compare(&later);
        if later.count() > earlier.count() {
            prop_assert_eq!(earlier.since(&later).unwrap_err(), MergeError::NotEarlier);
        }
    }
}

#[test]
fn snapshots_with_other_buckets_do_not_combine() {
    let empty = |options| histogram(options).snapshot();
    let values = || HistogramOptions::values(1, 1000);
    let ours = empty(values());
    for other in [
        values().range(1, 1001),
        values().significant_digits(3),
        values().unit(Unit::Bytes),
    ] {
        let other = empty(other);
        assert_eq!(
            ours.merge(&other).unwrap_err(),
            MergeError::DifferentBuckets
        );
        let error = ours.since(&other).unwrap_err();
        assert_eq!(error, MergeError::DifferentBuckets);
        assert!(
            error
                .to_string()
                .contains("register both with the same options")
        );
    }
    assert!(ours.merge(&empty(values())).unwrap().is_empty());
}

/// A reset between the two is what `since` is to notice; here only refused values tell.
#[test]
fn since_notices_a_reset_by_the_refused_values_too() {
    let ours = histogram(HistogramOptions::values(1, 10));
    ours.record(11);
    let earlier = ours.snapshot();
    ours.reset();
    ours.record(5);
    assert_eq!(
        ours.snapshot().since(&earlier).unwrap_err(),
        MergeError::NotEarlier
    );
}

#[test]
fn values_out_of_range_are_refused_and_counted() {
    for (min, max) in [(1, 1000), (10, 1 << 40), (1, 1 << 54), (100, (1 << 63) - 1)] {
        let ours = histogram(HistogramOptions::values(min, max));
        let outside = [
            0,
            min - 1,
            max + 1,
            1 << 63,
            (1 << 63) + 1,
            u64::MAX - 1,
            u64::MAX,
        ];
        for (refused, value) in (1..).zip(outside) {
            let error = ours.try_record(value).unwrap_err();
            assert_eq!(error, RecordError::OutOfRange { value, min, max });
            assert!(error.to_string().contains("widen the histogram's range"));
            let snapshot = ours.snapshot();
            assert_eq!(
                (snapshot.rejected(), snapshot.count(), snapshot.sum()),
                (refused, 0, 0)
            );
        }
        for value in [min, min + 1, max - 1, max] {
            ours.try_record(value).unwrap();
        }
        let snapshot = ours.snapshot();
        assert_eq!((snapshot.rejected(), snapshot.count()), (7, 4));
        assert_eq!(snapshot.sum(), 2 * (u128::from(min) + u128::from(max)));
        ours.reject();
        assert_eq!(ours.snapshot().rejected(), 8);
        assert_eq!(ours.reset().rejected(), 8);
        assert_eq!(ours.snapshot().rejected(), 0);
    }
}

/// A float keeps 53 bits; buckets of values beyond must not depend on how it rounds.
#[test]
fn values_beyond_2_to_the_53_fall_into_their_own_bucket() {
    let ours = histogram(HistogramOptions::values(1, u64::MAX).significant_digits(3));
    let mut oracle = Oracle::new((1, u64::MAX), 3);
    for power in 50..64 {
        for near in [
            (1_u64 << power) - 1,
            1 << power,
            (1 << power) + 1,
            u64::MAX >> (63 - power),
        ] {
            ours.record(near);
            oracle.record(near);
        }
    }
    ours.try_record(u64::MAX).unwrap();
    oracle.record(u64::MAX);
    oracle.compare(&ours.snapshot());
    assert_eq!(ours.snapshot().quantile(1.0), Some(u64::MAX));
}

#[test]
fn zero_is_a_value_like_any_other_where_the_range_begins_with_it() {
    let ours = histogram(HistogramOptions::values(0, 100).recent(300));
    let mut oracle = Oracle::new((0, 100), 2);
    // Nothing but zeroes at first: they add nothing to the sum, by which a bank can be told from a cleared one.
    for round in [1, 255, 257, 3_000, 1, 3_000, 10] {
        for _ in 0..round {
            ours.record(0);
            oracle.record(0);
        }
        oracle.compare(&ours.snapshot());
        oracle.compare_recent(&ours.snapshot(), 300);
    }
    ours.record(100);
    oracle.record(100);
    oracle.compare(&ours.snapshot());
    let only_zero = histogram(HistogramOptions::values(0, 0));
    only_zero.record(0);
    only_zero.record(1);
    let snapshot = only_zero.snapshot();
    assert_eq!(
        (
            snapshot.count(),
            snapshot.rejected(),
            snapshot.quantile(0.5),
            snapshot.max()
        ),
        (1, 1, Some(0), Some(0))
    );
    assert_eq!(snapshot.stdev(), Some(0.0));
}

#[test]
fn quantiles_take_any_float() {
    let ours = histogram(HistogramOptions::values(0, 1000).recent(10));
    assert_eq!(
        (
            ours.snapshot().quantile(0.5),
            ours.snapshot().recent().unwrap().quantile(0.5)
        ),
        (None, None)
    );
    for value in [3, 7, 11] {
        ours.record(value);
    }
    let snapshot = ours.snapshot();
    for (q, expected) in [
        (f64::NEG_INFINITY, 3),
        (-1.0, 3),
        (f64::NAN, 3),
        (1.5, 11),
        (f64::INFINITY, 11),
    ] {
        assert_eq!(snapshot.quantile(q), Some(expected), "{q}");
        assert_eq!(
            snapshot.recent().unwrap().quantile(q),
            Some(expected as f64),
            "{q}"
        );
    }
}

#[test]
fn reset_returns_what_it_forgets() {
    let ours = histogram(HistogramOptions::values(1, 1 << 20).recent(100));
    for (round, n) in [1, 255, 256, 300, 5_000, 0, 2_000].into_iter().enumerate() {
        let mut oracle = Oracle::new((1, 1 << 20), 2);
        for i in 0..n {
            let value = (i * 7919) % (1 << 20);
            ours.record(value);
            oracle.record(value);
            if i % 1_500 == 700 {
                oracle.compare(&ours.snapshot());
            }
        }
        let before = ours.reset();
        oracle.compare(&before);
        oracle.compare_recent(&before, 100);
        let nothing = Oracle::new((1, 1 << 20), 2);
        nothing.compare(&ours.snapshot());
        nothing.compare_recent(&ours.snapshot(), 100);
        assert!(round < 7);
    }
}

#[test]
fn clones_record_into_the_same_histogram_and_threads_add_up() {
    let ours = histogram(HistogramOptions::values(1, 1 << 30).recent(400));
    let mut oracle = Oracle::new((1, 1 << 30), 2);
    let value = |thread: u64, i: u64| 1 + thread * 1_000_000 + i * i;
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let ours = ours.clone();
            scope.spawn(move || (0..5_000).for_each(|i| ours.record(value(thread, i))));
        }
    });
    (0..4).for_each(|thread| (0..5_000).for_each(|i| oracle.record(value(thread, i))));
    let snapshot = ours.snapshot();
    oracle.compare(&snapshot);
    assert_eq!(snapshot.recent().unwrap().count(), 400);
}

/// The last N of several threads: each one's newest, in proportion, so no burst evicts all others.
#[test]
fn recent_samples_of_threads_are_in_proportion() {
    let ours = histogram(HistogramOptions::values(0, 100_000).recent(100));
    // Alive at the same time, so that each has a slot of its own.
    let together = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        for (first, n) in [(0, 80), (50_000, 40)] {
            let (ours, together) = (&ours, &together);
            scope.spawn(move || {
                ours.record(first);
                together.wait();
                (first + 1..first + n).for_each(|value| ours.record(value));
            });
        }
    });
    let snapshot = ours.snapshot();
    let recent = snapshot.recent().unwrap().sorted();
    let of_second = recent.iter().filter(|value| **value >= 50_000).count();
    assert_eq!(recent.len(), 100);
    assert!(
        (32..=35).contains(&of_second),
        "{of_second} of 100, where 33 would be in proportion"
    );
    assert_eq!(
        (recent[100 - of_second - 1], recent[99]),
        (79, 50_039),
        "the newest of each"
    );
}

fn with_clock(max_staleness: Duration) -> (Arc<ManualClock>, Histogram) {
    let clock = Arc::new(ManualClock::new());
    let registry = Registry::builder()
        .clock(clock.clone())
        .max_staleness(max_staleness)
        .build();
    let options = HistogramOptions::durations().recent(10);
    (clock, registry.histogram("h", "", options).unwrap())
}

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_timer_records_when_it_is_dropped_or_stopped_and_not_when_discarded() {
    let (clock, ours) = with_clock(Duration::ZERO);
    let last = || ours.snapshot().recent().unwrap().last_read().unwrap();
    {
        let _timer = ours.start();
        clock.advance(3 * MS);
        assert_eq!(ours.snapshot().count(), 0, "not before its end");
    }
    assert_eq!(last(), 3_000_000);
    let snapshot = ours.snapshot();
    let recent = snapshot.recent().unwrap();
    assert_eq!(recent.quantile_duration(0.99), Some(3 * MS));
    let timer = ours.start();
    clock.advance(5 * MS);
    assert_eq!(timer.stop(), Ok(5 * MS));
    assert_eq!((last(), ours.snapshot().count()), (5_000_000, 2), "once");
    let timer = ours.start();
    clock.advance(MS);
    timer.discard();
    assert_eq!(ours.snapshot().count(), 2);
    assert_eq!(
        ours.start().stop(),
        Ok(Duration::from_nanos(1)),
        "too short for the clock, but not invalid"
    );
    assert_eq!((last(), ours.snapshot().count()), (1, 3));
    clock.set(Duration::from_secs(10));
    let timer = ours.start();
    clock.set(Duration::from_secs(9));
    assert_eq!(
        timer.stop(),
        Ok(Duration::from_nanos(1)),
        "a clock that went back"
    );
    assert_eq!(
        (last(), ours.snapshot().count(), ours.snapshot().rejected()),
        (1, 4, 0)
    );
    let panics = std::panic::catch_unwind(|| {
        let _timer = ours.start();
        clock.advance(7 * MS);
        std::panic::resume_unwind(Box::new(()));
    });
    assert!(panics.is_err());
    assert_eq!(
        last(),
        7_000_000,
        "a request that panicked took time as well"
    );
}

#[test]
fn durations_are_checked() {
    let (hour, ns) = (Duration::from_secs(3600), Duration::from_nanos(1));
    let ours = histogram(HistogramOptions::durations().range(ns, hour));
    for duration in [ns, MS, hour] {
        ours.try_record_duration(duration).unwrap();
    }
    let (min, max) = (1, 3_600_000_000_000);
    for (duration, value) in [
        (Duration::ZERO, 0),
        (hour + ns, max + 1),
        (Duration::MAX, u64::MAX),
    ] {
        assert_eq!(
            ours.try_record_duration(duration),
            Err(RecordError::OutOfRange { value, min, max })
        );
        ours.record_duration(duration);
    }
    ours.record_duration(2 * MS);
    assert_eq!(
        (ours.snapshot().count(), ours.snapshot().rejected()),
        (4, 6)
    );
    assert_eq!(ours.snapshot().sum(), 3_600_003_000_001);

    let bytes = histogram(HistogramOptions::values(1, u64::MAX).unit(Unit::Bytes));
    let error = bytes.try_record_duration(MS).unwrap_err();
    assert_eq!(error, RecordError::NotADuration);
    assert!(error.to_string().contains("HistogramOptions::durations()"));
    bytes.record_duration(MS);
    drop(bytes.start());
    assert_eq!(
        (
            bytes.snapshot().count(),
            bytes.snapshot().rejected(),
            bytes.snapshot().unit()
        ),
        (0, 3, Unit::Bytes)
    );
}

/// The default range takes every duration; more nanoseconds than 64 bits hold count as the largest number.
#[test]
fn the_default_range_takes_every_value() {
    let ours = histogram(HistogramOptions::durations());
    let hours = |n: u64| Duration::from_secs(3600 * n);
    for duration in [Duration::ZERO, hours(1) + MS, hours(2), Duration::MAX] {
        ours.record_duration(duration);
        ours.try_record_duration(duration).unwrap();
    }
    let snapshot = ours.snapshot();
    assert_eq!((snapshot.count(), snapshot.rejected()), (8, 0));
    assert_eq!((snapshot.min(), snapshot.max()), (Some(0), Some(u64::MAX)));
    let numbers = histogram(HistogramOptions::default());
    [0, 1, u64::MAX]
        .into_iter()
        .for_each(|value| numbers.record(value));
    assert_eq!(
        (numbers.snapshot().count(), numbers.snapshot().rejected()),
        (3, 0)
    );
}

#[test]
fn latest_is_what_was_published_last_with_its_age() {
    let (clock, ours) = with_clock(Duration::ZERO);
    clock.set(Duration::from_secs(5));
    ours.record(1);
    assert_eq!(ours.latest().snapshot.count(), 0, "nobody has read yet");
    assert_eq!(
        ours.latest().age,
        Duration::from_secs(5),
        "since the histogram was made"
    );
    let read = ours.snapshot();
    ours.record(2);
    clock.advance(3 * MS);
    let latest = ours.latest();
    assert!(Arc::ptr_eq(&latest.snapshot, &read));
    assert_eq!(latest.age, 3 * MS);
    clock.set(Duration::ZERO);
    assert_eq!(ours.latest().age, Duration::ZERO, "a clock that went back");
}

#[test]
fn a_stale_snapshot_is_served_while_it_is_young() {
    let (clock, ours) = with_clock(10 * MS);
    clock.set(Duration::from_secs(1));
    ours.record(1);
    let first = ours.snapshot();
    assert_eq!(
        first.count(),
        1,
        "what was published at the start is too old"
    );
    ours.record(2);
    clock.advance(10 * MS - Duration::from_nanos(1));
    assert!(Arc::ptr_eq(&first, &ours.snapshot()));
    clock.advance(Duration::from_nanos(1));
    let second = ours.snapshot();
    assert_eq!(second.count(), 2);
    clock.advance(Duration::from_secs(3600));
    assert!(
        Arc::ptr_eq(&second, &ours.snapshot()),
        "old, but nothing changed"
    );
    ours.record(3);
    clock.set(Duration::ZERO);
    assert_eq!(
        ours.snapshot().count(),
        3,
        "a clock that went back makes nothing young"
    );
    ours.record(4);
    assert_eq!(ours.reset().count(), 4, "a reset is never stale");
    assert!(ours.snapshot().is_empty());
}

/// 10.2 million polls of half an hour, read in between or not; and values of all sizes, many more than a queue holds.
#[test]
fn sums_do_not_wrap() {
    for reads in [0, 100] {
        let polls = histogram(HistogramOptions::durations());
        let half_an_hour = Duration::from_secs(1800);
        for i in 0..10_200_000_u64 {
            polls.record_duration(half_an_hour);
            if reads > 0 && i % (10_200_000 / reads) == 0 {
                polls.snapshot();
            }
        }
        let snapshot = polls.snapshot();
        assert_eq!(snapshot.sum(), 10_200_000 * half_an_hour.as_nanos());
        assert_eq!(snapshot.mean(), Some(1800e9));
    }
    for digits in [1, 2, 3] {
        let ours = histogram(HistogramOptions::default().significant_digits(digits));
        let mut sum = 0;
        for i in 0..100_000_u64 {
            // The high ends of buckets, where these tell least about the sum, among others.
            let value = u64::MAX >> (i % 13);
            ours.record(value);
            sum += u128::from(value);
            if i % 30_000 == 29_999 {
                assert_eq!(ours.snapshot().sum(), sum, "{digits} digits, {i}");
            }
        }
        assert_eq!(ours.reset().sum(), sum);
        assert_eq!(ours.snapshot().sum(), 0);
    }
}

#[test]
fn a_rank_is_that_of_the_decimal() {
    let ours = histogram(HistogramOptions::values(0, 1000));
    (1..=100).for_each(|value| ours.record(value));
    let snapshot = ours.snapshot();
    for percent in 1..=100_u64 {
        let q: f64 = format!("{percent}e-2").parse().unwrap();
        assert_eq!(snapshot.quantile(q), Some(percent), "{q}");
    }
    let recent = snapshot.recent().unwrap();
    assert_eq!(recent.quantile(0.07), Some(7.93));
}

proptest! {
    /// Snapshots of two histograms at many moments, some after resets: a difference is what lies between two snapshots of one
    /// histogram without a reset between them, and everything else is refused.
    #[test]
    fn only_earlier_snapshots_of_the_same_histogram_are_subtracted(
        steps in prop::collection::vec((0..2_usize, 0..4_u8, 0..1000_u64), 1..40)
    ) {
        let ours = [(); 2].map(|()| histogram(HistogramOptions::values(0, 1000)));
        // By snapshot: which histogram, after how many resets and how many samples since the last.
        let (mut taken, mut state) = (Vec::new(), [(0, 0_u64, 0_u128); 2]);
        for (which, step, value) in steps {
            let (resets, count, sum) = &mut state[which];
            if step == 0 {
                ours[which].reset();
                (*resets, *count, *sum) = (*resets + 1, 0, 0);
            } else {
                ours[which].record(value);
                *count += 1;
                *sum += u128::from(value);
            }
            taken.push((which, state[which], ours[which].snapshot()));
        }
        for (which, (resets, count, sum), snapshot) in &taken {
            for (other, (other_resets, before, sum_before), earlier) in &taken {
                let difference = snapshot.since(earlier);
                if (which, resets) == (other, other_resets) && before <= count {
                    let difference = difference.unwrap();
                    prop_assert_eq!((difference.count(), difference.sum()), (count - before, sum - sum_before));
                    prop_assert_eq!(difference.since(&difference), Err(MergeError::NotEarlier));
                } else {
                    prop_assert_eq!(difference, Err(MergeError::NotEarlier));
                }
            }
        }
    }
}

/// Whatever a snapshot of durations says is to be had as a `Duration`, and is missing where there is none.
#[test]
fn snapshots_of_durations_answer_in_durations() {
    let registry = Registry::new();
    let latency = registry
        .histogram("latency", "", HistogramOptions::durations())
        .expect("registers");
    let answers = || {
        let snapshot = latency.snapshot();
        let recent = snapshot.recent().expect("kept by default");
        let whole = [
            snapshot.min_duration(),
            snapshot.max_duration(),
            snapshot.mean_duration(),
            snapshot.sum_duration(),
        ];
        let last = [
            recent.min_duration(),
            recent.max_duration(),
            recent.mean_duration(),
            recent.last_read_duration(),
        ];
        (whole, last)
    };
    assert_eq!(answers(), ([None; 4], [None; 4]));
    for seconds in [1, 2, 4] {
        latency.record_duration(Duration::from_secs(seconds));
    }
    let seconds = |seconds| Some(Duration::from_secs_f64(seconds));
    let ([min, max, mean, sum], last) = answers();
    assert!(min <= seconds(1.0) && min > seconds(0.99), "{min:?}");
    assert!(max >= seconds(4.0) && max < seconds(4.04), "{max:?}");
    let third = Some(Duration::from_nanos(2_333_333_333));
    assert_eq!((mean, sum), (third, seconds(7.0)));
    assert_eq!(last, [seconds(1.0), seconds(4.0), third, seconds(4.0)]);

    // 2^64 nanoseconds and more.
    (0..3).for_each(|_| latency.record_duration(Duration::MAX));
    let sum = 7_000_000_000 + 3 * u128::from(u64::MAX);
    assert_eq!(
        latency.snapshot().sum_duration().map(|sum| sum.as_nanos()),
        Some(sum)
    );

    let sizes = registry
        .histogram("sizes", "", HistogramOptions::values(0, 100))
        .expect("registers");
    sizes.record(7);
    let snapshot = sizes.snapshot();
    assert_eq!(snapshot.sum_duration(), None, "not durations");
    assert_eq!(snapshot.recent().and_then(Recent::max_duration), None);
}
