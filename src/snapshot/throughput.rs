//! Totals and rates at one moment.

use std::time::Duration;

/// What was finished in a window of whole seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Rate {
    /// The length of the window.
    pub window: Duration,
    /// What was finished in the whole seconds of the window; the current second is not included.
    pub amount: u64,
    /// The amount per second. While fewer seconds than the window have passed, per second that has passed.
    pub per_second: f64,
}

/// The total and the rates of a [`Throughput`](crate::Throughput) at one moment.
///
/// ```
/// use epoch_metrics::{ManualClock, Registry};
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// let clock = Arc::new(ManualClock::new());
/// let tokens = Registry::builder().clock(clock.clone()).build().throughput("tokens", "Tokens.")?;
/// tokens.add(700);
/// clock.advance(Duration::from_secs(1));
/// let snapshot = tokens.snapshot();
/// assert_eq!(snapshot.total(), 700);
/// assert_eq!(snapshot.per_second(Duration::from_secs(5)), Some(700.0));
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ThroughputSnapshot {
    pub(crate) total: u64,
    pub(crate) rates: Box<[Rate]>,
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) calls: u64,
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) taken: Duration,
}

impl ThroughputSnapshot {
    /// One rate for each window, in the order in which the windows were given.
    pub fn rates(&self) -> &[Rate] {
        &self.rates
    }

    /// The rate over one of the registered windows; `None` for any other.
    pub fn per_second(&self, window: Duration) -> Option<f64> {
        self.rates
            .iter()
            .find(|rate| rate.window == window)
            .map(|rate| rate.per_second)
    }

    /// Everything since the registration or the last reset. Wraps at 2^64.
    pub fn total(&self) -> u64 {
        self.total
    }
}
