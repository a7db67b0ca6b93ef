//! What a histogram held at one moment.

use crate::engine::histogram::bucket_layout::BucketLayout;
use crate::engine::histogram::counts::Counts;
use crate::engine::histogram::octave_counts::OctaveCounts;
use crate::kind::Unit;
use crate::snapshot::exemplar::Exemplar;
use crate::snapshot::exported::{QUANTILES, Quantiles, WindowQuantiles};
use crate::snapshot::origin::Origin;
use crate::snapshot::rank::Fraction;
use crate::snapshot::recent::Recent;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What a histogram held at one moment: counts by bucket, count, sum, and the recent samples if it keeps them.
///
/// It holds a prefix of the samples of each thread, and everything that was recorded before the call that built it. Normally
/// [`Self::uncertain`] is zero, and count, sum and buckets agree. Values are in the unit that was recorded: nanoseconds if the
/// histogram takes durations. Two snapshots are equal if they hold the same values, whenever they were taken and with whatever exemplars.
///
/// ```
/// use epoch_metrics::{HistogramOptions, Registry};
/// use std::time::Duration;
///
/// let latency = Registry::new().histogram("latency", "Latency.", HistogramOptions::durations())?;
/// (1..=100).for_each(|ms| latency.record_duration(Duration::from_millis(ms)));
/// let snapshot = latency.snapshot();
/// assert_eq!(snapshot.count(), 100);
/// assert_eq!(snapshot.sum(), 5_050_000_000); // nanoseconds
/// let p99 = snapshot.quantile_duration(0.99).expect("there are values, and they are durations");
/// assert!(p99 >= Duration::from_millis(99) && p99 < Duration::from_millis(100)); // 2 digits: within one percent
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct HistogramSnapshot {
    pub(crate) layout: BucketLayout,
    pub(crate) digits: u8,
    pub(crate) unit: Unit,
    pub(crate) counts: Counts,
    pub(crate) count: u64,
    pub(crate) sum: u128,
    pub(crate) rejected: u64,
    pub(crate) uncertain: u64,
    pub(crate) recent: Option<Recent>,
    /// The newest of each exported bucket that has one.
    pub(crate) exemplars: Arc<[Arc<Exemplar>]>,
    /// What pages show of its windows, if they show them.
    pub(crate) window_quantiles: Option<Arc<WindowQuantiles>>,
    /// What it is a snapshot of; `None` for a difference of snapshots.
    pub(crate) origin: Option<Origin>,
    /// The sum of the tails that were folded, of the rejections, and of the exemplars.
    pub(crate) epoch: u64,
    pub(crate) samples_folded: u64,
    /// When the histogram was created or last reset.
    pub(crate) created: Duration,
    pub(crate) taken: Duration,
}

/// A bucket that is not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Bucket {
    /// The lowest value that falls into the bucket.
    pub low: u64,
    /// The highest value that falls into the bucket.
    pub high: u64,
    /// How many values fell into the bucket.
    pub count: u64,
}

impl fmt::Debug for HistogramSnapshot {
    /// One line: the totals, and quantiles if there are values, not the buckets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("HistogramSnapshot");
        out.field("count", &self.count).field("sum", &self.sum);
        for (name, q) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
            if let Some(value) = self.quantile(q) {
                out.field(name, &value);
            }
        }
        out.field("uncertain", &self.uncertain);
        out.finish_non_exhaustive()
    }
}

impl PartialEq for HistogramSnapshot {
    fn eq(&self, other: &Self) -> bool {
        let totals = |of: &Self| {
            (
                of.layout,
                of.unit,
                of.count,
                of.sum,
                of.rejected,
                of.uncertain,
            )
        };
        totals(self) == totals(other) && self.counts == other.counts && self.recent == other.recent
    }
}

impl HistogramSnapshot {
    /// How many values were recorded. Wraps at 2^64.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The sum of the values, exact: nanoseconds if the histogram takes durations.
    ///
    /// Its 128 bits do not wrap. One limit remains: it is exact as long as what one thread records between two reads adds up to
    /// less than 2^67 (4,600 years of nanoseconds; 2^70 with two digits or more), not counting values of 2^53 and more; there
    /// may be 2^15 such values.
    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// How many values were rejected because they were outside the histogram's range. They are in no other number here.
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    /// How many of the samples in [`Self::count`] were still being recorded and may be missing from [`Self::sum`].
    ///
    /// Zero: the snapshot is exact. Otherwise one, seldom more, for each thread that was inside a record while its buckets
    /// were read. Buckets are read when a queue was overrun, and otherwise once in some hundred samples.
    pub fn uncertain(&self) -> u64 {
        self.uncertain
    }

    /// Samples that all readers of the histogram have folded since it was created, resets included: what reading has cost.
    pub fn samples_folded(&self) -> u64 {
        self.samples_folded
    }

    /// `true` if nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The unit of the values.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// The arithmetic mean of the values, exact up to the rounding of `f64`; `None` if the histogram is empty.
    pub fn mean(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.sum as f64 / self.count as f64)
    }

    /// The low end of the first bucket that is not empty; `None` if the histogram is empty.
    pub fn min(&self) -> Option<u64> {
        self.buckets().next().map(|bucket| bucket.low)
    }

    /// The high end of the last bucket that is not empty; `None` if the histogram is empty.
    pub fn max(&self) -> Option<u64> {
        self.quantile(1.0)
    }

    /// The value at or below which the fraction `q` of all values lies: nearest rank ⌈q·n⌉ of the decimal that `q` is written
    /// as, in whole numbers. It is the high end of that value's bucket, so it is never too low, and too high by one part in
    /// 10^digits or less.
    ///
    /// These are the values since the start or the last reset. They hide an incident: after 100,000 requests of a millisecond, 100
    /// of half a second leave the 99th percentile at a millisecond. What decides something now reads
    /// [`Self::recent`], or a [window](crate::HistogramOptions::windows).
    ///
    /// `q` is clamped to 0 to 1; NaN counts as 0. The answer is `None` if the histogram is empty.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let sizes = Registry::new().histogram("sizes", "Sizes.", HistogramOptions::values(0, 100))?;
    /// (1..=100).for_each(|size| sizes.record(size));
    /// assert_eq!(sizes.snapshot().quantile(0.95), Some(95));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn quantile(&self, q: f64) -> Option<u64> {
        if self.is_empty() {
            return None;
        }
        let rank = Fraction::new(q).nearest_rank(self.count);
        let mut before = 0_u64;
        for octave in self.counts.octaves() {
            // Saturating, here and in `count_up_to`: merged snapshots may hold more than 2^64.
            let after = before.saturating_add(octave.total);
            if after >= rank
                && let Some(index) = octave.reaches(rank - before)
            {
                return Some(self.high_end(octave, index));
            }
            before = after;
        }
        // A merged count may have wrapped.
        self.counts.octaves().last().map(|octave| {
            let last = octave.iter().next_back();
            self.high_end(octave, last.map_or(0, |(index, _)| index))
        })
    }

    fn high_end(&self, octave: OctaveCounts<'_>, index: usize) -> u64 {
        self.layout
            .high(octave.octave() * self.layout.octave_len() + index)
    }

    /// How many values are in buckets that end at or below `value`. Exact if `value` is the high end of a bucket.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let sizes = Registry::new().histogram("sizes", "Sizes.", HistogramOptions::values(0, 100))?;
    /// (1..=100).for_each(|size| sizes.record(size));
    /// assert_eq!(sizes.snapshot().count_up_to(42), 42);
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn count_up_to(&self, value: u64) -> u64 {
        self.buckets()
            .take_while(|bucket| bucket.high <= value)
            .fold(0, |sum, bucket| sum.saturating_add(bucket.count))
    }

    /// For each of the rising bounds, how many values are in buckets that end at or below it.
    pub(crate) fn cumulative(
        &self,
        bounds: impl Iterator<Item = u64>,
    ) -> impl Iterator<Item = u64> {
        let layout = self.layout;
        let mut octaves = self.counts.octaves().peekable();
        // Of the octaves that end below the bound.
        let mut below = 0_u64;
        bounds.map(move |bound| {
            let bucket = layout.bucket(bound);
            let last = bucket - usize::from(layout.high(bucket) > bound);
            let octave = layout.octave(last);
            while let Some(lower) = octaves.next_if(|it| it.octave() < octave) {
                below = below.wrapping_add(lower.total);
            }
            let same = octaves.peek().filter(|it| it.octave() == octave);
            below.wrapping_add(same.map_or(0, |it| it.up_to(layout.index_in_octave(last))))
        })
    }

    /// The buckets that are not empty, in rising order.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let sizes = Registry::new().histogram("sizes", "Sizes.", HistogramOptions::values(0, 1 << 20))?;
    /// sizes.record(1_000);
    /// let bucket = sizes.snapshot().buckets().next().expect("one value was recorded");
    /// assert_eq!((bucket.low, bucket.high, bucket.count), (1_000, 1_003, 1));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        let len = self.layout.octave_len();
        self.counts.octaves().flat_map(move |octave| {
            octave.iter().map(move |(index, count)| {
                let bucket = octave.octave() * len + index;
                Bucket {
                    low: self.layout.low(bucket),
                    high: self.layout.high(bucket),
                    count,
                }
            })
        })
    }

    /// The standard deviation, computed from the buckets by HdrHistogram; `None` if the histogram is empty.
    pub fn stdev(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.to_hdrhistogram().stdev())
    }

    /// The newest samples, exact; `None` if the histogram does not keep them
    /// ([`recent`](crate::HistogramOptions::recent)).
    pub fn recent(&self) -> Option<&Recent> {
        self.recent.as_ref()
    }

    /// The newest exemplar of each bucket that is exported as `le` and has one, by rising values; none unless the options ask for
    /// [exemplars](crate::HistogramOptions::exemplars).
    ///
    /// The snapshot holds the sample of each of them. Differences, merged snapshots and windows have no exemplars.
    pub fn exemplars(&self) -> impl ExactSizeIterator<Item = &Exemplar> {
        self.exemplars.iter().map(Arc::as_ref)
    }

    /// What pages show of the values.
    pub(crate) fn exported_quantiles(&self) -> Quantiles {
        QUANTILES.map(|q| self.quantile(q))
    }

    /// The same counts in HdrHistogram's own type, which computes more statistics.
    fn to_hdrhistogram(&self) -> hdrhistogram::Histogram<u64> {
        let highest = self.layout.high(self.layout.buckets() - 1).max(2);
        let hdr = hdrhistogram::Histogram::new_with_bounds(1, highest, self.digits);
        let mut hdr = hdr.expect("1 to 5 digits of a range from 1 are always possible");
        for bucket in self.buckets() {
            hdr.record_n(bucket.low, bucket.count)
                .expect("every bucket lies within the bounds");
        }
        hdr
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for HistogramSnapshot {
    /// Count, sum, rejected, uncertain, unit, the buckets that are not empty, recent samples, and exemplars if there are any.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let exemplars = !self.exemplars.is_empty();
        let mut out =
            serializer.serialize_struct("HistogramSnapshot", 7 + usize::from(exemplars))?;
        out.serialize_field("unit", &self.unit)?;
        out.serialize_field("count", &self.count)?;
        out.serialize_field("sum", &self.sum)?;
        out.serialize_field("rejected", &self.rejected)?;
        out.serialize_field("uncertain", &self.uncertain)?;
        out.serialize_field("buckets", &self.buckets().collect::<Vec<_>>())?;
        out.serialize_field("recent", &self.recent)?;
        if exemplars {
            out.serialize_field("exemplars", &self.exemplars().collect::<Vec<_>>())?;
        } else {
            out.skip_field("exemplars")?;
        }
        out.end()
    }
}
