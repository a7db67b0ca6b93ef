//! What a thread needs to record into a histogram, made beforehand.

use crate::clock::nanos;
use crate::kind::Unit;
use crate::metric::histogram::Histogram;
use crate::thread::ThisThread;
use std::time::Duration;

/// For threads that must not allocate once they serve requests.
impl Histogram {
    /// Makes what the calling thread needs to record values from `low` to `high`: its own cells, unless the options or
    /// [`RegistryBuilder::ownership`](crate::RegistryBuilder::ownership) say never, and counters for the values, in the histogram's unit. Not
    /// even the first record of such a value allocates then. The part of the values that is outside of the histogram's range is left out.
    ///
    /// Returns `false` if there was no memory for it.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let sizes = Registry::new().histogram("sizes", "Sizes.", HistogramOptions::default())?;
    /// assert!(sizes.warm(1, 1 << 20));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn warm(&self, low: u64, high: u64) -> bool {
        let (min, max) = self.core().recorder.config().layout.range();
        let (low, high) = (low.max(min), high.min(max));
        low > high || self.core().recorder.warm(ThisThread, low, high)
    }

    /// [`Self::warm`], for a histogram of durations from `low` to `high`.
    ///
    /// Returns `false` if there was no memory for it, or if the histogram takes no durations.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    /// use std::time::Duration;
    ///
    /// let latency = Registry::new().histogram("latency", "Latency.", HistogramOptions::durations())?;
    /// assert!(latency.warm_durations(Duration::from_micros(1), Duration::from_secs(1)));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn warm_durations(&self, low: Duration, high: Duration) -> bool {
        self.unit() == Unit::Seconds && self.warm(nanos(low), nanos(high))
    }
}
