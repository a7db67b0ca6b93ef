//! What a histogram is asked for.

use crate::core::fold::Shape;
use crate::core::layout::Layout;
use crate::error::OptionsError;

/// What the values of a histogram are, and so how they are exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Plain numbers: batch sizes, lengths, counts.
    #[default]
    None,
    /// Durations: recorded as whole nanoseconds, exported in seconds.
    Seconds,
    /// Sizes in bytes.
    Bytes,
}

impl Unit {
    /// The suffix that a metric's name gets if it does not have it yet.
    pub(crate) fn suffix(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Seconds => Some("seconds"),
            Self::Bytes => Some("bytes"),
        }
    }
}

/// How a histogram records and exports: start from [`durations`](Self::durations) or [`values`](Self::values).
///
/// ```
/// use epoch_metrics::{HistogramOptions, Unit};
///
/// let latency = HistogramOptions::durations().recent(1000);
/// let size = HistogramOptions::values(0, 16 << 20).unit(Unit::Bytes).significant_digits(3);
/// # let _ = (latency, size);
/// ```
#[derive(Clone, Debug)]
pub struct HistogramOptions {
    unit: Unit,
    min: u64,
    max: u64,
    digits: u8,
    recent: usize,
    bounds: Option<Vec<u64>>,
}

/// Options that were found to go together.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) unit: Unit,
    pub(crate) digits: u8,
    pub(crate) shape: Shape,
    /// The high ends of the buckets that are exported as `le`, rising.
    pub(crate) bounds: Vec<u64>,
}

/// Samples that a queue holds where no recent ones are asked for.
const QUEUE: usize = 256;

impl HistogramOptions {
    /// The most recent samples that can be kept.
    pub const MAX_RECENT: usize = 1 << 16;

    /// Durations from 1 ns to 1 hour, in nanoseconds, with 2 significant digits.
    pub fn durations() -> Self {
        Self { unit: Unit::Seconds, ..Self::values(1, 3_600_000_000_000) }
    }

    /// Values from `min` to `max`, both included, with 2 significant digits. Others are counted as rejected.
    pub fn values(min: u64, max: u64) -> Self {
        Self { unit: Unit::None, min, max, digits: 2, recent: 0, bounds: None }
    }

    /// What the values are.
    pub fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// The range of values that are recorded, both ends included, in the histogram's unit.
    pub fn range(mut self, min: u64, max: u64) -> Self {
        (self.min, self.max) = (min, max);
        self
    }

    /// How many decimal digits of a value the buckets keep, 1 to 5: 2 means that a quantile is too high by at most one
    /// percent. Each further digit takes about eight times the memory.
    pub fn significant_digits(mut self, digits: u8) -> Self {
        self.digits = digits;
        self
    }

    /// Keeps the newest `n` samples exactly, for [`HistogramSnapshot::recent`](crate::HistogramSnapshot::recent); at most
    /// [`MAX_RECENT`](Self::MAX_RECENT). Costs 16 to 32 bytes each for each thread.
    pub fn recent(mut self, n: usize) -> Self {
        self.recent = n;
        self
    }

    /// Which bounds are exported as `le`, in the histogram's unit. Each is moved up to the end of the bucket that it falls
    /// into, so that what is exported is exact (up to 2^53, which is as far as a float counts); those out of range are left
    /// out. Without this, one for every doubling:
    /// from 16 µs to 69 s for durations, over the whole range for everything else.
    pub fn export_bounds(mut self, bounds: &[u64]) -> Self {
        self.bounds = Some(bounds.to_vec());
        self
    }

    pub(crate) fn accept(&self) -> Result<Accepted, OptionsError> {
        let Self { unit, min, max, digits, recent, .. } = *self;
        if !(1..=5).contains(&digits) {
            return Err(OptionsError::Digits { digits });
        }
        if max < min {
            return Err(OptionsError::EmptyRange { min, max });
        }
        if recent > Self::MAX_RECENT {
            return Err(OptionsError::TooManyRecent { recent });
        }
        let layout = Layout::new(min, max, digits);
        let queue = if recent == 0 { QUEUE } else { (2 * recent).next_power_of_two().max(QUEUE) };
        let bounds = self.exported(&layout);
        Ok(Accepted { unit, digits, shape: Shape { layout, queue, recent }, bounds })
    }

    fn exported(&self, layout: &Layout) -> Vec<u64> {
        let doublings = match self.unit {
            Unit::Seconds => 14..=36,
            _ => 0..=63,
        };
        let asked = self.bounds.clone().unwrap_or_else(|| doublings.map(|power| 1 << power).collect());
        let within = asked.into_iter().filter(|bound| (self.min..=self.max).contains(bound));
        let mut bounds: Vec<u64> = within.map(|bound| layout.high(layout.bucket(bound))).collect();
        bounds.sort_unstable();
        bounds.dedup();
        bounds
    }
}
