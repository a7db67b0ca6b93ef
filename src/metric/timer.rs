//! A guard that records how long it lived.

use crate::metric::histogram::Histogram;
use std::time::Duration;

/// Records the time since it was started when it is dropped. [`Histogram::start`] makes one.
///
/// An interval too short for the clock is recorded as one nanosecond: a fast request is short, not invalid.
///
/// ```
/// use epoch_metrics::{HistogramOptions, Registry};
///
/// let latency = Registry::new().histogram("latency", "Latency.", HistogramOptions::durations())?;
/// {
///     let _timer = latency.start();
///     // … the work to be timed …
/// } // recorded here
/// latency.start().discard(); // records nothing
/// assert_eq!(latency.snapshot().count(), 1);
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Debug)]
#[must_use = "a timer that is dropped at once times nothing"]
pub struct Timer<'a> {
    /// `None`: discarded.
    histogram: Option<&'a Histogram>,
    started: Duration,
}

impl Histogram {
    /// Starts a timer that records the time until it is dropped.
    #[inline]
    pub fn start(&self) -> Timer<'_> {
        Timer {
            histogram: Some(self),
            started: self.now(),
        }
    }
}

impl Timer<'_> {
    /// Records now, and returns what was recorded.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let latency = Registry::new().histogram("latency", "Latency.", HistogramOptions::durations())?;
    /// let timer = latency.start();
    /// let elapsed = timer.stop();
    /// assert_eq!(latency.snapshot().sum(), elapsed.as_nanos() as u64);
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    #[inline]
    pub fn stop(mut self) -> Duration {
        self.record().unwrap_or_default()
    }

    /// Records nothing.
    pub fn discard(mut self) {
        self.histogram = None;
    }

    #[inline]
    fn record(&mut self) -> Option<Duration> {
        let histogram = self.histogram.take()?;
        let elapsed = histogram
            .now()
            .saturating_sub(self.started)
            .max(Duration::from_nanos(1));
        histogram.record_duration(elapsed);
        Some(elapsed)
    }
}

impl Drop for Timer<'_> {
    #[inline]
    fn drop(&mut self) {
        self.record();
    }
}
