//! Totals and rates at one moment.

use std::time::Duration;

/// What was finished in a window of whole seconds.
///
/// The amount and the rate are those of [`span`](Self::span): the part of the window after the registration or the last reset.
///
/// ```
/// use epoch_metrics::{ManualClock, Registry};
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// let clock = Arc::new(ManualClock::new());
/// clock.set(Duration::from_millis(999_900));
/// let tokens = Registry::builder().clock(clock.clone()).build().throughput("tokens", "Tokens.")?;
/// for _ in 0..21 {
///     tokens.add(10);
///     clock.advance(Duration::from_millis(100)); // the last time to 1,002.0 s
/// }
/// let snapshot = tokens.snapshot();
/// let rate = snapshot.rate(Duration::from_secs(5)).expect("a window of this throughput");
/// assert_eq!((rate.amount, rate.span), (200, Duration::from_secs(2)));
/// assert_eq!(rate.per_second, Some(100.0));
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Rate {
    /// The length of the window.
    pub window: Duration,
    /// The whole seconds of the window that the throughput was there for, from zero to [`window`](Self::window). Neither the
    /// current second nor the one in which the throughput was registered or last reset is included, unless that was at its
    /// very beginning.
    pub span: Duration,
    /// What was finished in `span`.
    pub amount: u64,
    /// `amount` divided by `span`; `None` while no whole second has passed. Pages show a missing rate as NaN (text) or `null`
    /// (JSON).
    pub per_second: Option<f64>,
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
    #[cfg_attr(feature = "serde", serde(rename = "decaying_rates"))]
    pub(crate) decaying: Option<[f64; 3]>,
    /// When the throughput was created or last reset.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) created: Duration,
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) calls: u64,
    /// How often the throughput had been reset.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) resets: u64,
    /// The second in which it was taken, by the coarse clock.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) second: u64,
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) taken: Duration,
}

impl ThroughputSnapshot {
    /// One rate for each window, in the order in which the windows were given.
    pub fn rates(&self) -> &[Rate] {
        &self.rates
    }

    /// The amount, span and rate over one of the registered windows; `None` for any other.
    pub fn rate(&self, window: Duration) -> Option<&Rate> {
        self.rates.iter().find(|rate| rate.window == window)
    }

    /// The rate over one of the registered windows; `None` for any other, and while no whole second has passed since the
    /// registration or the last reset.
    pub fn per_second(&self, window: Duration) -> Option<f64> {
        self.rate(window)?.per_second
    }

    /// The rates per second over 1, 5 and 15 minutes, each exponentially weighted, as the load averages of `uptime` are: of a rate that ends, 37 % is
    /// left after that time, and 2 % after four times that. `None` in the first five seconds after the registration or the last reset.
    ///
    /// The formula is that of Dropwizard Metrics (`EWMA`): whole intervals of five seconds, the first of which sets all three. They are exact if the
    /// throughput is read, or [ticked](crate::Registry::tick), at least twice a minute; after a longer pause, what was finished in the part
    /// that is not remembered counts as if it had come evenly. If the clock goes back, intervals begin anew there, and the rates stay.
    ///
    /// ```
    /// use epoch_metrics::{ManualClock, Registry};
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// let clock = Arc::new(ManualClock::new());
    /// let tokens = Registry::builder().clock(clock.clone()).build().throughput("tokens", "Tokens.")?;
    /// tokens.add(500);
    /// clock.advance(Duration::from_secs(5));
    /// assert_eq!(tokens.snapshot().decaying_rates(), Some([100.0, 100.0, 100.0]));
    /// clock.advance(Duration::from_secs(60)); // a silent minute
    /// let [one, five, fifteen] = tokens.snapshot().decaying_rates().expect("it is older than five seconds");
    /// assert_eq!((one.round(), five.round(), fifteen.round()), (37.0, 82.0, 94.0));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn decaying_rates(&self) -> Option<[f64; 3]> {
        self.decaying
    }

    /// Everything since the registration or the last reset. Wraps at 2^64.
    pub fn total(&self) -> u64 {
        self.total
    }
}
