//! What snapshots of durations say, as a [`Duration`]. The other methods give the number of nanoseconds.

use crate::kind::Unit;
use crate::snapshot::histogram::HistogramSnapshot;
use crate::snapshot::recent::Recent;
use std::time::Duration;

/// Each of these is `None` if the histogram is empty or does not take durations.
///
/// ```
/// use epoch_metrics::{HistogramOptions, Registry};
/// use std::time::Duration;
///
/// let latency = Registry::new().histogram("latency", "Latency.", HistogramOptions::durations())?;
/// assert_eq!(latency.snapshot().mean_duration(), None);
/// [10, 20].into_iter().for_each(|ms| latency.record_duration(Duration::from_millis(ms)));
/// let snapshot = latency.snapshot();
/// assert_eq!(snapshot.mean_duration(), Some(Duration::from_millis(15)));
/// assert_eq!(snapshot.sum_duration(), Some(Duration::from_millis(30)));
/// assert!(snapshot.min_duration() <= Some(Duration::from_millis(10)));
/// assert!(snapshot.max_duration() >= Some(Duration::from_millis(20)));
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
impl HistogramSnapshot {
    /// [`Self::quantile`] as a duration.
    pub fn quantile_duration(&self, q: f64) -> Option<Duration> {
        self.duration(self.quantile(q)?.into())
    }

    /// [`Self::min`] as a duration.
    pub fn min_duration(&self) -> Option<Duration> {
        self.duration(self.min()?.into())
    }

    /// [`Self::max`] as a duration.
    pub fn max_duration(&self) -> Option<Duration> {
        self.duration(self.max()?.into())
    }

    /// The mean as a duration, rounded down to whole nanoseconds.
    pub fn mean_duration(&self) -> Option<Duration> {
        self.duration(self.sum.checked_div(self.count.into())?)
    }

    /// [`Self::sum`] as a duration, exact.
    pub fn sum_duration(&self) -> Option<Duration> {
        self.duration(self.sum)
    }

    fn duration(&self, nanos: u128) -> Option<Duration> {
        (!self.is_empty() && self.unit == Unit::Seconds).then(|| from_nanos(nanos))
    }
}

/// Each of these is `None` if there are no samples or the histogram does not take durations.
impl Recent {
    /// [`Self::quantile`] as a duration.
    pub fn quantile_duration(&self, q: f64) -> Option<Duration> {
        self.duration(self.quantile(q)?.round() as u128)
    }

    /// [`Self::min`] as a duration.
    pub fn min_duration(&self) -> Option<Duration> {
        self.duration(self.min()?.into())
    }

    /// [`Self::max`] as a duration.
    pub fn max_duration(&self) -> Option<Duration> {
        self.duration(self.max()?.into())
    }

    /// The mean as a duration, rounded down to whole nanoseconds.
    pub fn mean_duration(&self) -> Option<Duration> {
        self.duration(self.sum.checked_div(self.sorted.len() as u128)?)
    }

    /// [`Self::last_read`] as a duration.
    pub fn last_read_duration(&self) -> Option<Duration> {
        self.duration(self.last?.into())
    }

    fn duration(&self, nanos: u128) -> Option<Duration> {
        (self.unit == Unit::Seconds).then(|| from_nanos(nanos))
    }
}

/// At most the longest duration there is. A larger sum would take 2^30 samples of 584 years.
fn from_nanos(nanos: u128) -> Duration {
    const NANOS_PER_SECOND: u128 = 1_000_000_000;
    match u64::try_from(nanos / NANOS_PER_SECOND) {
        Ok(seconds) => Duration::new(seconds, (nanos % NANOS_PER_SECOND) as u32),
        Err(_) => Duration::MAX,
    }
}
