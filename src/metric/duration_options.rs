//! Options of histograms of durations.

use crate::clock::nanos;
use crate::metric::bounds;
use crate::metric::options::HistogramOptions;
use crate::ownership::Ownership;
use std::time::Duration;

/// How a histogram of durations records and exports.
///
/// Without [`range`](Self::range) it takes every duration from zero to 584 years, to the nanosecond.
///
/// ```
/// use epoch_metrics::{HistogramOptions, Registry};
/// use std::time::Duration;
///
/// let options = HistogramOptions::durations().export_bounds(&[5, 10, 25, 50, 100, 250].map(Duration::from_millis));
/// let registry = Registry::new();
/// registry.histogram("latency", "Time to answer.", options)?.record_duration(Duration::from_millis(60));
/// assert!(registry.render_prometheus().contains("latency_seconds_bucket{le=\"0.1\"} 1\n"));
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "options do nothing until a histogram is registered with them"]
pub struct DurationOptions(pub(super) HistogramOptions);

impl HistogramOptions {
    /// Durations: see [`DurationOptions`].
    pub fn durations() -> DurationOptions {
        DurationOptions(Self::of_durations())
    }
}

impl DurationOptions {
    /// The bounds that are exported by default: 1 µs to 1,000 s, as 1, 2.5 and 5 in each decade.
    pub const DEFAULT_BOUNDS: [Duration; 28] = bounds::of_durations();

    /// The durations that are recorded, both ends included. Others count as rejected, by series, and are in no other number.
    /// Durations beyond 584 years become the largest that 64 bits of nanoseconds hold.
    pub fn range(self, min: Duration, max: Duration) -> Self {
        Self(self.0.range(nanos(min), nanos(max)))
    }

    /// [`HistogramOptions::significant_digits`].
    pub fn significant_digits(self, digits: u8) -> Self {
        Self(self.0.significant_digits(digits))
    }

    /// [`HistogramOptions::recent`].
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    /// use std::time::Duration;
    ///
    /// let latency = Registry::new().histogram("latency", "Latency.", HistogramOptions::durations().recent(100))?;
    /// latency.record_duration(Duration::from_millis(7));
    /// assert_eq!(latency.snapshot().recent().map(|recent| recent.count()), Some(1));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn recent(self, n: usize) -> Self {
        Self(self.0.recent(n))
    }

    /// [`HistogramOptions::windows`].
    pub fn windows(self, windows: &[Duration]) -> Self {
        Self(self.0.windows(windows))
    }

    /// [`HistogramOptions::ownership`].
    pub fn ownership(self, ownership: Ownership) -> Self {
        Self(self.0.ownership(ownership))
    }

    /// [`HistogramOptions::export_recent`].
    pub fn export_recent(self, export: bool) -> Self {
        Self(self.0.export_recent(export))
    }

    /// [`HistogramOptions::export_windows`].
    pub fn export_windows(self, export: bool) -> Self {
        Self(self.0.export_windows(export))
    }

    /// [`HistogramOptions::exemplars`].
    pub fn exemplars(self, keep: bool) -> Self {
        Self(self.0.exemplars(keep))
    }

    /// Which bounds are exported as `le`, as [`HistogramOptions::export_bounds`] says.
    ///
    /// The default is [`DEFAULT_BOUNDS`](Self::DEFAULT_BOUNDS), or, with an explicit range, 1, 2.5 and 5 in each decade from the last step at or below
    /// its start to the first one at or above its end. A service that answers within a second needs a third as many; one that
    /// is measured in nanoseconds or hours needs others.
    pub fn export_bounds(self, bounds: &[Duration]) -> Self {
        let bounds: Vec<u64> = bounds.iter().map(|&bound| nanos(bound)).collect();
        Self(self.0.export_bounds(&bounds))
    }
}

impl From<DurationOptions> for HistogramOptions {
    fn from(options: DurationOptions) -> Self {
        options.0
    }
}
