//! The histogram that a writer and a reader are at, and what it must show.

use crate::stepped::StillClock;
use epoch_metrics::{Histogram, HistogramOptions, HistogramSnapshot, Ownership, Registry};
use std::sync::Arc;
use std::time::Duration;

/// A histogram from 0 to [`MAX`].
pub(crate) struct Subject {
    pub(crate) clock: Arc<StillClock>,
    pub(crate) registry: Registry,
    pub(crate) histogram: Histogram,
}

pub(crate) fn subject(recent: usize) -> Subject {
    let clock = Arc::new(StillClock::default());
    let registry = Registry::builder().clock(clock.clone()).build();
    let options = HistogramOptions::durations()
        .range(Duration::ZERO, Duration::from_nanos(MAX))
        .significant_digits(1)
        .ownership(Ownership::Always)
        .recent(recent);
    let histogram = registry.histogram("h", "", options).unwrap();
    // This thread's own first touch, for the rejections by which it makes a snapshot out of date.
    histogram.reject();
    Subject {
        clock,
        registry,
        histogram,
    }
}

/// Samples that a queue holds.
pub(crate) const QUEUE: u64 = 256;
/// Samples that a histogram with recent ones keeps.
pub(crate) const RECENT: usize = 10;
/// The largest value. With one digit, all to here have a bucket of their own.
pub(crate) const MAX: u64 = 31;

/// What a writer and a reader do to a histogram before it comes to the call in question.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// Records this many, of the values 1 to 15 in turn.
    Write(u64),
    /// Records a zero.
    Zero,
    Read,
}
pub(crate) use Step::{Read, Write, Zero};

/// The samples that steps record, one after the other.
pub(crate) fn samples(steps: &[Step]) -> Vec<u64> {
    let mut samples = Vec::new();
    for step in steps {
        match *step {
            Write(n) => samples.extend(ordinary(samples.len(), n)),
            Zero => samples.push(0),
            Read => {}
        }
    }
    samples
}

/// The next `n` after so many.
pub(crate) fn ordinary(from: usize, n: u64) -> impl Iterator<Item = u64> {
    (from as u64..from as u64 + n).map(|i| 1 + i % 15)
}

/// Takes the steps.
pub(crate) fn take(steps: &[Step], histogram: &Histogram) {
    let samples = samples(steps);
    let mut samples = samples.iter();
    for step in steps {
        let n = match *step {
            Write(n) => n,
            Zero => 1,
            Read => {
                histogram.snapshot();
                0
            }
        };
        samples
            .by_ref()
            .take(n as usize)
            .for_each(|sample| histogram.record(*sample));
    }
}

/// Holds snapshots against one thread's samples.
pub(crate) struct Watch<'a> {
    /// All that are or will be recorded, in order.
    samples: &'a [u64],
    /// So many were there before.
    pub(crate) least: usize,
    last: Tally,
    /// Whether recent samples are looked at.
    pub(crate) recent: bool,
    /// Snapshots that were not exact.
    pub(crate) uncertain: u64,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(samples: &'a [u64], least: usize) -> Self {
        Self {
            samples,
            least,
            last: tally(&[]),
            recent: true,
            uncertain: 0,
        }
    }

    /// A snapshot is of the first so many samples, exactly, or admits one more that is in its bucket and perhaps not in the
    /// sum; and it is never behind the last one.
    pub(crate) fn see(&mut self, snapshot: &HistogramSnapshot) {
        let (count, uncertain) = (snapshot.count() as usize, snapshot.uncertain() as usize);
        assert!(uncertain <= 1, "{uncertain} uncertain, and one writer");
        let certain = count - uncertain;
        assert!(
            certain >= self.least,
            "{certain} of {} that were there before",
            self.least
        );
        assert!(
            count <= self.samples.len(),
            "{count} of {} that are recorded",
            self.samples.len()
        );
        let mut counts = [0; MAX as usize + 1];
        for bucket in snapshot.buckets() {
            assert_eq!(bucket.low, bucket.high);
            counts[bucket.low as usize] = bucket.count;
        }
        assert_eq!(
            counts,
            tally(&self.samples[..count]).0,
            "the buckets of {count} samples, {uncertain} uncertain"
        );
        let sums = [certain, count].map(|n| tally(&self.samples[..n]).1);
        assert!(
            sums.contains(&snapshot.sum()),
            "the sum is {}, not one of {sums:?}",
            snapshot.sum()
        );
        let now = (counts, snapshot.sum());
        assert!(
            self.last
                .0
                .iter()
                .zip(&now.0)
                .all(|(before, now)| before <= now),
            "a bucket went back"
        );
        assert!(self.last.1 <= now.1, "the sum went back");
        self.last = now;
        self.uncertain += snapshot.uncertain();
        if let Some(recent) = snapshot.recent().filter(|_| self.recent) {
            let mut newest = self.samples[certain.saturating_sub(RECENT)..certain].to_vec();
            newest.sort_unstable();
            assert_eq!(recent.sorted(), newest, "the newest of {certain}");
        }
    }

    /// A snapshot that holds everything, exactly.
    pub(crate) fn see_all(&mut self, snapshot: &HistogramSnapshot) {
        self.least = self.samples.len();
        self.see(snapshot);
        assert_eq!(
            snapshot.uncertain(),
            0,
            "nobody is inside of a record any more"
        );
    }
}

/// By value, how many; and their sum.
type Tally = ([u64; MAX as usize + 1], u128);

fn tally(samples: &[u64]) -> Tally {
    let mut counts = [0; MAX as usize + 1];
    samples
        .iter()
        .for_each(|sample| counts[*sample as usize] += 1);
    (counts, samples.iter().copied().map(u128::from).sum())
}
