//! What a histogram must show: a model that keeps every sample.

use crate::setup::Setup;
use epoch_metrics::{Bucket, HistogramSnapshot};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// What a histogram must show.
#[derive(Debug)]
pub(crate) struct HistogramModel {
    pub(crate) range: (u64, u64),
    pub(crate) digits: u8,
    recent: usize,
    /// No value was recorded twice.
    pub(crate) distinct: bool,
    /// Who recorded, and what, since the last reset, like the refused.
    samples: Vec<(usize, u64)>,
    rejected: u64,
    /// Something was recorded or refused since a snapshot was published.
    pub(crate) changed: bool,
    /// Count, sum, refused: of what was published last.
    pub(crate) published: (u64, u128, u64),
    pub(crate) taken: Duration,
}

impl HistogramModel {
    pub(crate) fn new(setup: &Setup, range: (u64, u64), distinct: bool) -> Self {
        Self {
            range,
            digits: setup.digits,
            recent: setup.recent,
            distinct,
            samples: Vec::new(),
            rejected: 0,
            changed: false,
            published: (0, 0, 0),
            taken: setup.start,
        }
    }

    pub(crate) fn takes(&self, value: u64) -> bool {
        (self.range.0..=self.range.1).contains(&value)
    }

    pub(crate) fn record(&mut self, writer: usize, value: u64) {
        if self.takes(value) {
            self.samples.push((writer, value));
            self.changed = true;
        } else {
            self.reject();
        }
    }

    pub(crate) fn reject(&mut self) {
        self.rejected += 1;
        self.changed = true;
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = u64> {
        self.samples.iter().map(|(_, value)| *value)
    }

    pub(crate) fn publish(&mut self, now: Duration) {
        self.published = (
            self.samples.len() as u64,
            exact_sum(self.values()),
            self.rejected,
        );
        (self.changed, self.taken) = (false, now);
    }

    pub(crate) fn reset(&mut self, now: Duration) {
        self.samples.clear();
        self.rejected = 0;
        self.publish(now);
    }

    pub(crate) fn check(&self, snapshot: &HistogramSnapshot) {
        check_distribution(snapshot, self.values(), self.rejected, self.digits);
        self.check_recent(snapshot);
    }

    fn check_recent(&self, snapshot: &HistogramSnapshot) {
        let Some(recent) = snapshot.recent() else {
            assert_eq!(self.recent, 0, "none were asked for");
            return;
        };
        let (shown, last) = (recent.sorted(), recent.last_read());
        assert!(shown.is_sorted());
        assert_eq!(
            (recent.count(), recent.is_empty()),
            (self.samples.len().min(self.recent), self.samples.is_empty())
        );
        let ends = (shown.first().copied(), shown.last().copied());
        assert_eq!((recent.min(), recent.max()), ends);
        let sum: u128 = shown.iter().map(|value| u128::from(*value)).sum();
        assert_eq!(
            recent.mean(),
            (!shown.is_empty()).then(|| sum as f64 / shown.len() as f64)
        );
        let writers: HashSet<usize> = self.samples.iter().map(|(writer, _)| *writer).collect();
        if writers.len() <= 1 {
            let mut newest: Vec<u64> = self
                .values()
                .skip(self.samples.len().saturating_sub(self.recent))
                .collect();
            assert_eq!(last, newest.last().copied());
            newest.sort_unstable();
            assert_eq!(shown, newest, "the newest, exactly");
        } else if self.distinct {
            self.check_newest_of_each(shown, last.unwrap());
        } else {
            let mut left: HashMap<u64, usize> = HashMap::new();
            self.values()
                .for_each(|value| *left.entry(value).or_default() += 1);
            for value in shown {
                let left = left.get_mut(value).filter(|left| **left > 0);
                *left.unwrap_or_else(|| panic!("{value} more often than it was recorded")) -= 1;
            }
        }
    }

    /// That of each thread its newest samples are there, without a gap.
    fn check_newest_of_each(&self, shown: &[u64], last: u64) {
        let mut left: HashSet<u64> = shown.iter().copied().collect();
        assert_eq!(left.len(), shown.len(), "a sample twice");
        let mut missing = HashSet::new();
        for (writer, value) in self.samples.iter().rev() {
            if left.remove(value) {
                assert!(
                    !missing.contains(writer),
                    "{value} is there, and a newer one of the same thread is not"
                );
            } else {
                missing.insert(*writer);
            }
        }
        assert!(left.is_empty(), "nobody recorded {left:?}");
        let of_last = self
            .samples
            .iter()
            .rfind(|(_, value)| *value == last)
            .expect("the last was recorded")
            .0;
        let newest_of_it = self.samples.iter().rfind(|(writer, _)| *writer == of_last);
        assert_eq!(
            newest_of_it,
            Some(&(of_last, last)),
            "the last is the newest of its thread"
        );
    }
}

/// That a snapshot holds just these values, as exactly as it promises to.
pub(crate) fn check_distribution(
    snapshot: &HistogramSnapshot,
    values: impl Iterator<Item = u64>,
    rejected: u64,
    digits: u8,
) {
    let mut sorted: Vec<u64> = values.collect();
    sorted.sort_unstable();
    let (count, sum) = (sorted.len() as u64, exact_sum(sorted.iter().copied()));
    assert_eq!(
        (snapshot.count(), snapshot.rejected(), snapshot.uncertain()),
        (count, rejected, 0)
    );
    assert_eq!(
        (snapshot.sum(), snapshot.is_empty()),
        (sum, sorted.is_empty()),
    );
    assert_eq!(
        snapshot.mean(),
        (count > 0).then(|| sum as f64 / count as f64)
    );
    let error = |value: u64| value / 10_u64.pow(u32::from(digits));

    let buckets: Vec<Bucket> = snapshot.buckets().collect();
    assert!(
        buckets.windows(2).all(|pair| pair[0].high < pair[1].low),
        "buckets meet"
    );
    for bucket in &buckets {
        assert!(
            bucket.low <= bucket.high && bucket.high - bucket.low <= error(bucket.low),
            "{bucket:?}"
        );
        assert_eq!(
            bucket.count,
            between(&sorted, bucket.low, bucket.high),
            "{bucket:?}"
        );
    }
    for bucket in buckets.iter().step_by(buckets.len() / 4 + 1) {
        assert_eq!(
            snapshot.count_up_to(bucket.high),
            between(&sorted, 0, bucket.high)
        );
    }
    assert_eq!(
        buckets.iter().map(|bucket| bucket.count).sum::<u64>(),
        count,
        "a bucket is missing"
    );

    let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else {
        assert_eq!(
            (snapshot.min(), snapshot.max(), snapshot.quantile(0.5)),
            (None, None, None)
        );
        return;
    };
    let [lowest, highest] = [snapshot.min(), snapshot.max()].map(Option::unwrap);
    assert!(
        lowest <= min && min - lowest <= error(min),
        "{lowest} for {min}"
    );
    assert!(
        max <= highest && highest - max <= error(max),
        "{highest} for {max}"
    );
    for (numerator, denominator) in QUANTILES {
        let rank = (numerator * count).div_ceil(denominator).max(1);
        let exact = sorted[rank as usize - 1];
        let quantile = snapshot.quantile(numerator as f64 / denominator as f64);
        let quantile = quantile.unwrap();
        assert!(
            exact <= quantile && quantile - exact <= error(exact),
            "{numerator}/{denominator} of {count} values: {quantile} for {exact}"
        );
    }
}

/// Numerator and denominator, such that the float nearest to the quotient gives the exact rank as well.
pub(crate) const QUANTILES: [(u64, u64); 14] = [
    (0, 1),
    (1, 1024),
    (1, 8),
    (1, 4),
    (1, 2),
    (3, 4),
    (7, 8),
    (9, 10),
    (95, 100),
    (99, 100),
    (999, 1000),
    (9999, 10_000),
    (1023, 1024),
    (1, 1),
];

/// How many values lie between two bounds, both included.
pub(crate) fn between(sorted: &[u64], low: u64, high: u64) -> u64 {
    (sorted.partition_point(|value| *value <= high) - sorted.partition_point(|value| *value < low))
        as u64
}

pub(crate) fn exact_sum(values: impl Iterator<Item = u64>) -> u128 {
    values.map(u128::from).sum()
}

pub(crate) fn wrapping_sum(values: impl Iterator<Item = u64>) -> u64 {
    values.fold(0, u64::wrapping_add)
}
