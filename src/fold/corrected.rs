//! Correction for coordinated omission, after the fact.

use crate::engine::histogram::accumulate::{Accumulate, FoldOutcome, FoldTarget};
use crate::fold::histogram::Accumulator;
use crate::snapshot::histogram::HistogramSnapshot;

impl HistogramSnapshot {
    /// The same values, corrected for *coordinated omission*: a client that waits for one answer before it sends the next request sends
    /// nothing while the server is stuck, so the requests that would have waited as well are missing.
    ///
    /// `expected_interval` is the time from one request to the next, in the histogram's unit (nanoseconds for
    /// [`Unit::Seconds`](crate::Unit::Seconds)). The rule is that of HdrHistogram
    /// (Gil Tene, `copyCorrectedForCoordinatedOmission`): each value v above the interval i adds v - i, v - 2i, and so on, down to the last one
    /// that is not below i. A value is taken as the high end of its bucket, so what is added is as exact as the buckets are. Zero adds nothing.
    ///
    /// Correct only what was measured that way: where requests come at their own times, whatever the server does, nothing is missing.
    /// Added values below the histogram's range are left out. Recent samples are left out as well, and the result cannot be
    /// [subtracted](Self::since). The cost grows with the buckets that are filled, before and after.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    /// use std::time::Duration;
    ///
    /// let latency = Registry::new().histogram("latency", "Latency.", HistogramOptions::durations())?;
    /// (0..99).for_each(|_| latency.record_duration(Duration::from_millis(1)));
    /// latency.record_duration(Duration::from_secs(1)); // one request each 10 ms was meant: 99 of them were not sent
    /// let measured = latency.snapshot();
    /// let corrected = measured.corrected(Duration::from_millis(10).as_nanos() as u64);
    /// assert_eq!((measured.count(), corrected.count()), (100, 199));
    /// assert!(measured.quantile_duration(0.9) < Some(Duration::from_millis(2)));
    /// assert!(corrected.quantile_duration(0.9) > Some(Duration::from_millis(800)));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    #[must_use]
    pub fn corrected(&self, expected_interval: u64) -> Self {
        let mut corrected = Accumulator::of(self);
        if expected_interval > 0 {
            for bucket in self.buckets() {
                let value = bucket.high.min(self.layout.range().1);
                self.add_missing(&mut corrected, value, bucket.count, expected_interval);
            }
        }
        let outcome = FoldOutcome {
            epoch: self.epoch,
            uncertain: self.uncertain,
            samples: self.samples_folded,
        };
        Self {
            origin: None,
            ..corrected.publish(outcome, self.taken)
        }
    }

    /// Adds what is missing below a value that was recorded `count` times: all that falls into one bucket at once.
    fn add_missing(&self, to: &mut Accumulator, value: u64, count: u64, interval: u64) {
        let lowest = interval.max(self.layout.range().0);
        let mut next = value.checked_sub(interval);
        while let Some(highest) = next.filter(|next| *next >= lowest) {
            let bucket = self.layout.bucket(highest);
            let steps = (highest - self.layout.low(bucket).max(lowest)) / interval;
            let last = highest - steps * interval;
            to.add(bucket, count.wrapping_mul(steps + 1));
            // A bucket is at most a sixteenth of its octave, so this is less than 2^128.
            let twice = (u128::from(highest) + u128::from(last)) * u128::from(steps + 1);
            to.add_sum((twice / 2).wrapping_mul(count.into()));
            next = last.checked_sub(interval);
        }
    }
}
