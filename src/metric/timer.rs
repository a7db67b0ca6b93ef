//! A guard that records how long it lived.

use crate::metric::histogram::Histogram;
use std::time::Duration;

/// Records the time since it was started when it is dropped. Get one from [`Histogram::start`].
///
/// An interval that the clock is too coarse to see is recorded as one nanosecond: a fast request is short, not invalid.
#[derive(Debug)]
#[must_use = "a timer that is dropped at once times nothing"]
pub struct Timer<'a> {
    /// `None`: discarded.
    histogram: Option<&'a Histogram>,
    started: Duration,
}

impl<'a> Timer<'a> {
    #[inline]
    pub(crate) fn start(histogram: &'a Histogram) -> Self {
        Self { histogram: Some(histogram), started: histogram.now() }
    }

    /// Records now, and returns what was recorded.
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
        let elapsed = histogram.now().saturating_sub(self.started).max(Duration::from_nanos(1));
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
