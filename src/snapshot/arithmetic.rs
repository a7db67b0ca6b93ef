//! Adding and subtracting histogram snapshots.

use crate::engine::histogram::counts::Counts;
use crate::engine::histogram::octave_counts::OctaveCounts;
use crate::engine::histogram::unpacked_counts::UnpackedCounts;
use crate::error::MergeError;
use crate::snapshot::histogram::{Bucket, HistogramSnapshot};
use std::sync::Arc;

impl HistogramSnapshot {
    /// The values of both snapshots. Recent samples are left out, since nothing tells how two histories interleave, and so are exemplars.
    ///
    /// # Errors
    /// If the two have different buckets or units.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let registry = Registry::new();
    /// let family = registry.histogram_family("sizes", "Sizes.", HistogramOptions::values(0, 100), &["shard"])?;
    /// let (first, second) = (family.with(&["1"])?, family.with(&["2"])?);
    /// first.record(10);
    /// second.record(30);
    /// let both = first.snapshot().merge(&second.snapshot())?;
    /// assert_eq!((both.count(), both.sum()), (2, 40));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn merge(&self, other: &Self) -> Result<Self, MergeError> {
        let origins = self.origin.as_ref().zip(other.origin.as_ref());
        Ok(Self {
            sum: self.sum.wrapping_add(other.sum),
            origin: origins.map(|(ours, theirs)| ours.merge(theirs)),
            ..self.combine(other, u64::wrapping_add)?
        })
    }

    /// What was recorded since `earlier`, a snapshot of the same histogram. Recent samples and exemplars are left out.
    ///
    /// Merged snapshots can be subtracted if they were merged from the same histograms. A difference cannot.
    ///
    /// # Errors
    /// If the two have different buckets or units; or if `earlier` is not an earlier snapshot of the same histogram: it is later, it is of
    /// another histogram, or a reset came between, whatever was recorded before and after it.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let sizes = Registry::new().histogram("sizes", "Sizes.", HistogramOptions::values(0, 100))?;
    /// sizes.record(10);
    /// let earlier = sizes.snapshot();
    /// sizes.record(30);
    /// assert_eq!(sizes.snapshot().since(&earlier)?.sum(), 30);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn since(&self, earlier: &Self) -> Result<Self, MergeError> {
        let more = |bucket: Bucket| self.count_in(bucket) < bucket.count;
        let fewer = self.rejected < earlier.rejected;
        let same_buckets = self.layout == earlier.layout && self.unit == earlier.unit;
        let same_origin = self.origin.is_some() && self.origin == earlier.origin;
        if same_buckets && (!same_origin || fewer || earlier.buckets().any(more)) {
            return Err(MergeError::NotEarlier);
        }
        Ok(Self {
            sum: self.sum.wrapping_sub(earlier.sum),
            origin: None,
            ..self.combine(earlier, u64::wrapping_sub)?
        })
    }

    /// A snapshot without values, with the buckets of `other`: what others are added to.
    pub(crate) fn nothing_of(other: &Self) -> Self {
        Self {
            origin: None,
            exemplars: Arc::default(),
            ..other.clone()
        }
    }

    /// The same values without recent samples and exemplars: the same snapshot, if there are none.
    pub(crate) fn counts_alone(snapshot: &Arc<Self>) -> Arc<Self> {
        if snapshot.recent.is_none() && snapshot.exemplars.is_empty() {
            return Arc::clone(snapshot);
        }
        Arc::new(Self {
            recent: None,
            exemplars: Arc::default(),
            ..Self::clone(snapshot)
        })
    }

    /// Whether another snapshot of the same histogram certainly holds the same values.
    pub(crate) fn is_same_read(&self, other: &Self) -> bool {
        let read = |of: &Self| (of.epoch, of.uncertain);
        read(self) == read(other) && self.uncertain == 0 && self.origin == other.origin
    }

    fn count_in(&self, bucket: Bucket) -> u64 {
        let number = self.layout.bucket(bucket.low);
        let (octave, index) = (
            self.layout.octave(number),
            self.layout.index_in_octave(number),
        );
        let counts = self.counts.octave(octave);
        counts.map_or(0, |counts| counts.get(index))
    }

    fn combine(&self, other: &Self, op: fn(u64, u64) -> u64) -> Result<Self, MergeError> {
        if self.layout != other.layout || self.unit != other.unit {
            return Err(MergeError::DifferentBuckets);
        }
        Ok(Self {
            counts: self.combine_counts(other, op),
            count: op(self.count, other.count),
            rejected: op(self.rejected, other.rejected),
            uncertain: self.uncertain.saturating_add(other.uncertain),
            recent: None,
            exemplars: Arc::default(),
            window_quantiles: None,
            ..self.clone()
        })
    }

    fn combine_counts(&self, other: &Self, op: fn(u64, u64) -> u64) -> Counts {
        let mut combined = UnpackedCounts::default();
        for octave in 0..self.layout.octaves() {
            let sides = [self, other].map(|side| side.counts.octave(octave));
            if sides.iter().all(Option::is_none) {
                continue;
            }
            let [ours, theirs] = sides.map(|side| {
                move |index| side.map_or(0, |counts: OctaveCounts<'_>| counts.get(index))
            });
            combined.push_with(octave, |counts| {
                let indices = 0..self.layout.octave_len();
                counts.extend(indices.map(|index| op(ours(index), theirs(index))));
                true
            });
        }
        Counts::default().with(&combined)
    }
}
