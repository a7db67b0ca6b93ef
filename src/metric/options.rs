//! Histogram options, and how they are validated.

use crate::engine::histogram::block::BlockConfig;
use crate::engine::histogram::bucket_layout::BucketLayout;
use crate::error::OptionsError;
use crate::kind::Unit;
use crate::tuning::MIN_QUEUE;

/// How a histogram records and exports: start from [`durations`](Self::durations) or [`values`](Self::values).
///
/// ```
/// use epoch_metrics::{HistogramOptions, Unit};
///
/// let latency = HistogramOptions::durations().recent(1000);
/// let size = HistogramOptions::values(0, 16 << 20).unit(Unit::Bytes).significant_digits(3);
/// # let _ = (latency, size);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "options do nothing until a histogram is registered with them"]
pub struct HistogramOptions {
    unit: Unit,
    min: u64,
    max: u64,
    digits: u8,
    recent: usize,
    bounds: Option<Vec<u64>>,
}

/// Validated options.
#[derive(Clone, Debug)]
pub(crate) struct ValidOptions {
    pub(crate) unit: Unit,
    pub(crate) digits: u8,
    pub(crate) config: BlockConfig,
    /// The high ends of the buckets that are exported as `le`, rising.
    pub(crate) bounds: Vec<u64>,
}

impl HistogramOptions {
    /// The most recent samples that can be kept.
    pub const MAX_RECENT: usize = 1 << 16;

    /// Durations from 1 ns to 1 hour, in nanoseconds, with 2 significant digits.
    pub fn durations() -> Self {
        Self {
            unit: Unit::Seconds,
            ..Self::values(1, 3_600_000_000_000)
        }
    }

    /// Values from `min` to `max`, both included, with 2 significant digits. Other values count as rejected.
    pub fn values(min: u64, max: u64) -> Self {
        Self {
            unit: Unit::Unitless,
            min,
            max,
            digits: 2,
            recent: 0,
            bounds: None,
        }
    }

    /// The unit of the values.
    pub fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// The range of values that are recorded, both ends included, in the histogram's unit.
    pub fn range(mut self, min: u64, max: u64) -> Self {
        (self.min, self.max) = (min, max);
        self
    }

    /// How many decimal digits of a value the buckets keep, 1 to 5: with 2, a quantile is too high by one percent or less.
    /// Each further digit takes about eight times the memory.
    pub fn significant_digits(mut self, digits: u8) -> Self {
        self.digits = digits;
        self
    }

    /// Keeps the newest `n` samples exactly, for [`HistogramSnapshot::recent`](crate::HistogramSnapshot::recent); at most
    /// [`MAX_RECENT`](Self::MAX_RECENT). Costs 16 to 32 bytes for each sample and thread.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let latency = Registry::new().histogram("latency", "Latency.", HistogramOptions::durations().recent(1000))?;
    /// latency.record(1_000_000);
    /// let snapshot = latency.snapshot();
    /// assert_eq!(snapshot.recent().map(|recent| recent.quantile(0.99)), Some(1_000_000.0));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn recent(mut self, n: usize) -> Self {
        self.recent = n;
        self
    }

    /// Which bounds are exported as `le`, in the histogram's unit.
    ///
    /// Each is moved up to the end of its bucket, so that exported counts are exact (up to 2^53, as far as a float counts).
    /// Bounds outside the range are left out. The default is one for every doubling: from 16 µs to 69 s for durations, over
    /// the whole range for everything else.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let registry = Registry::new();
    /// registry.histogram("batch", "Batch sizes.", HistogramOptions::values(0, 64).export_bounds(&[8, 32]))?;
    /// let page = registry.render_prometheus();
    /// assert!(page.contains(r#"batch_bucket{le="8.0"} 0"#) && page.contains(r#"batch_bucket{le="32.0"} 0"#));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn export_bounds(mut self, bounds: &[u64]) -> Self {
        self.bounds = Some(bounds.to_vec());
        self
    }

    pub(crate) fn validate(&self) -> Result<ValidOptions, OptionsError> {
        let Self {
            unit,
            min,
            max,
            digits,
            recent,
            ..
        } = *self;
        if !(1..=5).contains(&digits) {
            return Err(OptionsError::Digits { digits });
        }
        if max < min {
            return Err(OptionsError::EmptyRange { min, max });
        }
        if recent > Self::MAX_RECENT {
            return Err(OptionsError::TooManyRecent {
                recent,
                max: Self::MAX_RECENT,
            });
        }
        let layout = BucketLayout::new(min, max, digits);
        let queue = if recent == 0 {
            MIN_QUEUE
        } else {
            (2 * recent).next_power_of_two().max(MIN_QUEUE)
        };
        let bounds = self.exported_bounds(&layout);
        Ok(ValidOptions {
            unit,
            digits,
            config: BlockConfig {
                layout,
                queue,
                recent,
            },
            bounds,
        })
    }

    fn exported_bounds(&self, layout: &BucketLayout) -> Vec<u64> {
        let doublings = match self.unit {
            Unit::Seconds => 14..=36,
            Unit::Unitless | Unit::Bytes => 0..=63,
        };
        let wanted = self
            .bounds
            .clone()
            .unwrap_or_else(|| doublings.map(|power| 1 << power).collect());
        let within = wanted
            .into_iter()
            .filter(|bound| (self.min..=self.max).contains(bound));
        let mut bounds: Vec<u64> = within
            .map(|bound| layout.high(layout.bucket(bound)))
            .collect();
        bounds.sort_unstable();
        bounds.dedup();
        bounds
    }
}
