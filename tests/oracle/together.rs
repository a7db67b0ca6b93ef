//! Threads at the same time, whose order nobody knows: what must have come together at the end, and what readers see until
//! then.

use crate::histogram::check_distribution;
use crate::setup::{DURATIONS, KINDS, Metrics, Setup, setup};
use crate::values::{Pick, burst_len, pick};
use crate::{beside, cases};
use epoch_metrics::{HistogramSnapshot, Value};
use proptest::prelude::*;
use std::collections::HashMap;
use std::time::Duration;

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn threads_at_the_same_time_come_to_what_they_did(
        setup in setup(),
        [first, second] in [(); 2].map(|()| {
            proptest::collection::vec(proptest::collection::vec(deed(), 0..60), 1..=6)
        }),
        resets in any::<bool>(),
    ) {
        at_the_same_time(&setup, &[first, second], resets);
    }
}

/// What a thread does without anybody saying when.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Add(u64),
    Raise(i64),
    /// Quarters, which add up to the same in any order.
    AddFloat(i32),
    Record(usize, Pick),
    Burst(usize, Pick, usize),
    Reject(usize),
    Finish(u64),
    Member(usize),
}

fn deed() -> impl Strategy<Value = Deed> {
    let which = 0_usize..2;
    prop_oneof![
        2 => (0_u64..1 << 40).prop_map(Deed::Add),
        1 => any::<i64>().prop_map(Deed::Raise),
        1 => (-1000_i32..1000).prop_map(Deed::AddFloat),
        4 => (which.clone(), pick()).prop_map(|(which, pick)| Deed::Record(which, pick)),
        4 => (which.clone(), pick(), burst_len()).prop_map(|(which, pick, n)| Deed::Burst(which, pick, n)),
        1 => which.prop_map(Deed::Reject),
        2 => (0_u64..1 << 20).prop_map(Deed::Finish),
        1 => (0_usize..KINDS.len()).prop_map(Deed::Member),
    ]
}

/// What must have come together when all threads have ended.
#[derive(Debug, Default)]
struct Sums {
    counter: u64,
    level: i64,
    quarters: i32,
    values: [Vec<u64>; 2],
    rejected: [u64; 2],
    finished: u64,
    members: [u64; KINDS.len()],
}

impl Sums {
    fn ranges(setup: &Setup) -> [(u64, u64); 2] {
        [setup.range, DURATIONS]
    }

    fn of(deeds: impl Iterator<Item = Deed>, setup: &Setup) -> Self {
        let mut sums = Self::default();
        for deed in deeds {
            match deed {
                Deed::Add(n) => sums.counter = sums.counter.wrapping_add(n),
                Deed::Raise(n) => sums.level = sums.level.wrapping_add(n),
                Deed::AddFloat(n) => sums.quarters += n,
                Deed::Record(which, pick) => sums.record(which, pick, 1, setup),
                Deed::Burst(which, pick, n) => sums.record(which, pick, n, setup),
                Deed::Reject(which) => sums.rejected[which] += 1,
                Deed::Finish(n) => sums.finished += n,
                Deed::Member(kind) => sums.members[kind] += 1,
            }
        }
        sums
    }

    fn record(&mut self, which: usize, pick: Pick, n: usize, setup: &Setup) {
        let (min, max) = Self::ranges(setup)[which];
        let value = pick.of((min, max));
        if (min..=max).contains(&value) {
            self.values[which].extend(std::iter::repeat_n(value, n));
        } else {
            self.rejected[which] += n as u64;
        }
    }
}

fn act(metrics: &Metrics, deeds: &[Deed], setup: &Setup) {
    for deed in deeds {
        match *deed {
            Deed::Add(n) => metrics.first.add(n),
            Deed::Raise(n) => metrics.level.add(n),
            Deed::AddFloat(n) => metrics.ratio.add(f64::from(n) / 4.0),
            Deed::Record(which, pick) => {
                metrics.histograms[which].record(pick.of(Sums::ranges(setup)[which]))
            }
            Deed::Burst(which, pick, n) => {
                (0..n).for_each(|_| {
                    metrics.histograms[which].record(pick.of(Sums::ranges(setup)[which]))
                });
            }
            Deed::Reject(which) => metrics.histograms[which].reject(),
            Deed::Finish(n) => metrics.finished.add(n),
            Deed::Member(kind) => metrics.by_kind.with(&[KINDS[kind]]).unwrap().inc(),
        }
    }
}

/// What readers have seen, which never goes back.
#[derive(Default)]
struct Seen {
    counter: u64,
    finished: u64,
    rejected: [u64; 2],
    buckets: [HashMap<u64, u64>; 2],
    last: [u64; 2],
}

impl Seen {
    fn look(&mut self, metrics: &Metrics) {
        let snapshot = metrics.registry.snapshot();
        let family = |name| {
            snapshot
                .family(name)
                .unwrap()
                .series()
                .next()
                .unwrap()
                .value()
        };
        let (Value::Counter(counter), Value::Counter(finished)) =
            (family("first"), family("finished"))
        else {
            panic!("no such metrics")
        };
        assert!(
            self.counter <= counter && counter <= metrics.first.get(),
            "the counter went back"
        );
        assert!(self.finished <= finished, "the total went back");
        (self.counter, self.finished) = (counter, finished);
        for (i, name) in ["values", "durations_seconds"].into_iter().enumerate() {
            let Value::Histogram(shown) = family(name) else {
                panic!("{name} is a histogram")
            };
            let buckets: HashMap<u64, u64> = shown
                .buckets()
                .map(|bucket| (bucket.low, bucket.count))
                .collect();
            assert_eq!(
                buckets.values().sum::<u64>(),
                shown.count(),
                "the buckets add up to the count"
            );
            let fell = |(low, count): (&u64, &u64)| buckets.get(low).is_none_or(|now| now < count);
            assert!(
                !self.buckets[i].iter().any(fell),
                "a bucket of {name} went back"
            );
            assert!(
                self.rejected[i] <= shown.rejected() && self.last[i] <= shown.count(),
                "{name} went back"
            );
            (self.rejected[i], self.last[i]) = (shown.rejected(), shown.count());
            self.buckets[i] = buckets;
        }
    }
}

/// What resets have returned.
#[derive(Default)]
struct Returned {
    histograms: [Option<HistogramSnapshot>; 2],
    finished: u64,
}

impl Returned {
    fn reset(&mut self, metrics: &Metrics) {
        for (sum, histogram) in self.histograms.iter_mut().zip(&metrics.histograms) {
            let before = histogram.reset();
            assert_eq!(before.uncertain(), 0, "a reset is exact");
            *sum = Some(
                sum.as_ref()
                    .map_or_else(|| before.clone(), |sum| sum.merge(&before).unwrap()),
            );
        }
        self.finished = self.finished.wrapping_add(metrics.finished.reset().total());
    }
}

/// Two waves of threads, the second in the slots of the first, while another thread reads or resets.
fn at_the_same_time(setup: &Setup, waves: &[Vec<Vec<Deed>>; 2], resets: bool) {
    let metrics = Metrics::new(setup);
    // Rates begin with the first whole second.
    metrics.clock.advance(Duration::from_secs(1));
    let (mut seen, mut returned) = (Seen::default(), Returned::default());
    beside(
        || {
            if resets {
                returned.reset(&metrics)
            } else {
                seen.look(&metrics)
            }
        },
        || {
            for wave in waves {
                std::thread::scope(|scope| {
                    wave.iter()
                        .for_each(|deeds| drop(scope.spawn(|| act(&metrics, deeds, setup))));
                });
            }
        },
    );
    let sums = Sums::of(waves.iter().flatten().flatten().copied(), setup);
    assert_eq!(
        (metrics.first.get(), metrics.level.get()),
        (sums.counter, sums.level)
    );
    assert_eq!(metrics.ratio.get(), f64::from(sums.quarters) / 4.0);
    for (kind, n) in KINDS.iter().zip(sums.members) {
        assert_eq!(metrics.by_kind.with(&[kind]).unwrap().get(), n);
    }
    if !resets {
        metrics.clock.advance(Duration::from_secs(1));
        let finished = metrics.finished.snapshot();
        assert_eq!(finished.total(), sums.finished);
        assert!(
            finished
                .rates()
                .iter()
                .all(|rate| rate.amount == sums.finished),
            "{finished:?} {}",
            sums.finished
        );
        Seen::default().look(&metrics);
        for (i, histogram) in metrics.histograms.iter().enumerate() {
            let recent = histogram
                .snapshot()
                .recent()
                .map_or(0, |recent| recent.count());
            assert_eq!(recent, sums.values[i].len().min(setup.recent));
        }
    }
    returned.reset(&metrics);
    assert_eq!(returned.finished, sums.finished);
    for (i, (returned, values)) in returned.histograms.iter().zip(&sums.values).enumerate() {
        check_distribution(
            returned.as_ref().unwrap(),
            values.iter().copied(),
            sums.rejected[i],
            setup.digits,
        );
    }
    assert!(
        metrics
            .histograms
            .iter()
            .all(|histogram| histogram.snapshot().is_empty())
    );
}
