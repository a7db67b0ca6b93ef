//! Rates at one moment.

use std::time::Duration;

/// What was finished in a window of whole seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// How long the window is.
    pub window: Duration,
    /// What was finished in the whole seconds of the window, the current second left out.
    pub amount: u64,
    /// The amount by second. Since fewer seconds than the window's have passed, by those that have.
    pub per_second: f64,
}

/// Rates at one moment, and the total.
#[derive(Clone, Debug)]
pub struct ThroughputSnapshot {
    pub(crate) rates: Box<[Rate]>,
    pub(crate) total: u64,
    pub(crate) second: u64,
    pub(crate) calls: u64,
    pub(crate) taken: Duration,
}

impl ThroughputSnapshot {
    /// One rate for each window, in the order that the windows were asked for.
    pub fn rates(&self) -> &[Rate] {
        &self.rates
    }

    /// The rate by second over a window that was asked for; `None` for others.
    pub fn per_second(&self, window: Duration) -> Option<f64> {
        self.rates.iter().find(|rate| rate.window == window).map(|rate| rate.per_second)
    }

    /// Everything since the beginning or the last reset. Wraps at 2^64.
    pub fn total(&self) -> u64 {
        self.total
    }
}
