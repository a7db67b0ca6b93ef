//! What a histogram held at one moment.

use crate::core::layout::Layout;
use crate::error::MergeError;
use crate::metric::options::Unit;
use crate::snapshot::recent::Recent;
use std::sync::Arc;
use std::time::Duration;

/// The counts of one octave that is not empty. The counts are shared by all snapshots in which they are the same.
#[derive(Clone, Debug)]
pub(crate) struct Octave {
    pub(crate) octave: usize,
    pub(crate) total: u64,
    pub(crate) counts: Arc<[u64]>,
}

/// What a histogram held at one moment: counts by bucket, count, sum, and the recent samples if it keeps them.
///
/// Of each thread it holds a prefix of the samples that the thread recorded, and everything that happened before the call
/// that built it. [`Self::uncertain`] is normally zero, and then count, sum and buckets agree. Values are in the unit that was
/// recorded: nanoseconds where the histogram takes durations.
#[derive(Clone, Debug)]
pub struct HistogramSnapshot {
    pub(crate) layout: Layout,
    pub(crate) digits: u8,
    pub(crate) unit: Unit,
    pub(crate) octaves: Box<[Octave]>,
    pub(crate) count: u64,
    pub(crate) sum: u64,
    pub(crate) rejected: u64,
    pub(crate) uncertain: u64,
    pub(crate) recent: Option<Recent>,
    /// The sum of the tails that were folded, and of the rejected.
    pub(crate) epoch: u64,
    pub(crate) taken: Duration,
}

/// A bucket that is not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The lowest value that falls into it.
    pub low: u64,
    /// The highest value that falls into it.
    pub high: u64,
    /// How many did.
    pub count: u64,
}

impl HistogramSnapshot {
    /// How many values were recorded. Wraps at 2^64.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The sum of the values, exact. Wraps at 2^64: for nanoseconds, after 584 years of them.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// How many values were refused because they lay outside of the histogram's range. They are in no other number here.
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    /// How many of the samples in [`Self::count`] were still being recorded and may be missing from [`Self::sum`]: one, seldom
    /// more, for each thread that was inside a record while its buckets were read, which they are when its queue has been
    /// overrun, and otherwise once in some hundred samples. Zero: the snapshot is exact.
    pub fn uncertain(&self) -> u64 {
        self.uncertain
    }

    /// `true` if nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The unit of the values.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// The arithmetic mean of the values, exact up to the rounding of `f64`; 0 if there are none.
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum as f64 / self.count as f64 }
    }

    /// The smallest value, as fine as the buckets: the low end of the first one that is not empty; 0 if all are.
    pub fn min(&self) -> u64 {
        self.buckets().next().map_or(0, |bucket| bucket.low)
    }

    /// The largest value, as fine as the buckets: the high end of the last one that is not empty; 0 if all are.
    pub fn max(&self) -> u64 {
        self.quantile(1.0)
    }

    /// The value below or at which the fraction `q` of all values lies (nearest rank, as HdrHistogram's
    /// `value_at_quantile`): the high end of its bucket, so never too low, and too high by at most one part in
    /// 10^digits.
    ///
    /// `q` outside of 0 to 1 is taken as the nearer of them, NaN as 0. 0 if the histogram is empty.
    pub fn quantile(&self, q: f64) -> u64 {
        if self.count == 0 {
            return 0;
        }
        let rank = ((q.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).max(1);
        let mut before = 0_u64;
        for octave in &self.octaves {
            // Saturating, here and in `count_up_to`: merged snapshots may hold more than 2^64.
            if before.saturating_add(octave.total) < rank {
                before = before.saturating_add(octave.total);
                continue;
            }
            for (place, count) in octave.counts.iter().enumerate() {
                before = before.saturating_add(*count);
                if before >= rank {
                    return self.layout.high(octave.octave * self.layout.octave_len() + place);
                }
            }
        }
        // A count beyond 2^53 can be rounded up past the last sample.
        self.octaves.last().map_or(0, |octave| {
            let place = octave.counts.iter().rposition(|count| *count != 0).unwrap_or(0);
            self.layout.high(octave.octave * self.layout.octave_len() + place)
        })
    }

    /// [`Self::quantile`] as a duration, where the unit is [`Unit::Seconds`]; elsewhere the values are taken for
    /// nanoseconds all the same.
    pub fn quantile_duration(&self, q: f64) -> Duration {
        Duration::from_nanos(self.quantile(q))
    }

    /// How many values lay in buckets that end at or below `value`: exact if `value` is the high end of a bucket.
    pub fn count_up_to(&self, value: u64) -> u64 {
        self.buckets().take_while(|bucket| bucket.high <= value).fold(0, |sum, bucket| sum.saturating_add(bucket.count))
    }

    /// The buckets that are not empty, in rising order.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        let len = self.layout.octave_len();
        self.octaves.iter().flat_map(move |octave| {
            let filled = octave.counts.iter().enumerate().filter(|(_, count)| **count != 0);
            filled.map(move |(place, &count)| {
                let bucket = octave.octave * len + place;
                Bucket { low: self.layout.low(bucket), high: self.layout.high(bucket), count }
            })
        })
    }

    /// The standard deviation, computed from the buckets by HdrHistogram; 0 if the histogram is empty.
    pub fn stdev(&self) -> f64 {
        self.full().stdev()
    }

    /// The newest samples, exact; `None` if the histogram was not asked to keep them
    /// ([`recent`](crate::HistogramOptions::recent)).
    pub fn recent(&self) -> Option<&Recent> {
        self.recent.as_ref()
    }

    /// Both snapshots' values in one. The recent samples are left out: nothing says how two histories interleave.
    ///
    /// # Errors
    /// If the two have different buckets or units.
    pub fn merge(&self, other: &Self) -> Result<Self, MergeError> {
        self.combine(other, u64::wrapping_add)
    }

    /// What came since `earlier`, a snapshot of the same histogram. The recent samples are left out.
    ///
    /// # Errors
    /// If the two have different buckets or units, or `earlier` holds more than this one (a reset came between).
    pub fn since(&self, earlier: &Self) -> Result<Self, MergeError> {
        let more = |bucket: Bucket| self.count_in(bucket) < bucket.count;
        let fewer = self.rejected < earlier.rejected;
        if self.layout == earlier.layout && (fewer || earlier.buckets().any(more)) {
            return Err(MergeError::NotEarlier);
        }
        self.combine(earlier, u64::wrapping_sub)
    }

    fn count_in(&self, bucket: Bucket) -> u64 {
        let (octave, place) = self.layout.split(self.layout.bucket(bucket.low));
        self.octaves.iter().find(|found| found.octave == octave).map_or(0, |found| found.counts[place])
    }

    fn combine(&self, other: &Self, op: fn(u64, u64) -> u64) -> Result<Self, MergeError> {
        if self.layout != other.layout || self.unit != other.unit {
            return Err(MergeError::DifferentBuckets);
        }
        let counts_of =
            |of: &Self, octave| of.octaves.iter().find(|found| found.octave == octave).map(|o| o.counts.clone());
        let nothing: Arc<[u64]> = vec![0; self.layout.octave_len()].into();
        let octaves = (0..self.layout.octaves()).filter_map(|octave| {
            let (ours, theirs) = (counts_of(self, octave), counts_of(other, octave));
            if ours.is_none() && theirs.is_none() {
                return None;
            }
            let (ours, theirs) = (ours.unwrap_or(nothing.clone()), theirs.unwrap_or(nothing.clone()));
            let counts: Arc<[u64]> = ours.iter().zip(theirs.iter()).map(|(a, b)| op(*a, *b)).collect();
            let total = counts.iter().copied().fold(0, u64::wrapping_add);
            (total != 0).then_some(Octave { octave, total, counts })
        });
        Ok(Self {
            octaves: octaves.collect(),
            count: op(self.count, other.count),
            sum: op(self.sum, other.sum),
            rejected: op(self.rejected, other.rejected),
            uncertain: self.uncertain.saturating_add(other.uncertain),
            recent: None,
            ..self.clone()
        })
    }

    /// The same counts as HdrHistogram's own type, which knows more statistics.
    fn full(&self) -> hdrhistogram::Histogram<u64> {
        let highest = self.layout.high(self.layout.buckets() - 1).max(2);
        let mut full = hdrhistogram::Histogram::new_with_bounds(1, highest, self.digits)
            .expect("1 to 5 digits of a range from 1 are always possible");
        for bucket in self.buckets() {
            full.record_n(bucket.low, bucket.count).expect("every bucket lies within the bounds");
        }
        full
    }
}
