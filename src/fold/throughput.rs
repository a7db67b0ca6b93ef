//! What a throughput's reader keeps: its windows, and what the last reset left behind.

use crate::engine::throughput::ring::stamp;
use crate::engine::throughput::{Amounts, Summarize};
use crate::snapshot::throughput::{Rate, ThroughputSnapshot};
use std::collections::HashMap;
use std::time::Duration;

/// Cuts snapshots from amounts.
#[derive(Debug)]
pub(crate) struct RateWindows {
    /// In seconds.
    windows: Box<[u64]>,
    /// The second of the registration or the last reset: nothing before it counts.
    first_second: u64,
    /// What the last reset found in a second, by its stamp: in `first_second`, and in later ones that a clock was at before
    /// it went back. It does not count.
    uncounted: HashMap<u64, u64>,
    /// The total at the last reset. It does not count.
    uncounted_total: u64,
}

impl RateWindows {
    /// `created`: rates begin there.
    pub(crate) fn new(windows: Box<[u64]>, created: Duration) -> Self {
        Self {
            windows,
            first_second: created.as_secs(),
            uncounted: HashMap::new(),
            uncounted_total: 0,
        }
    }

    fn rate(&self, window: u64, second: u64, in_second: &dyn Fn(u64) -> u64) -> Rate {
        // If a clock went back behind the last reset, there are no seconds to look at.
        let first = second.saturating_sub(window).max(self.first_second);
        let before = |second| self.uncounted.get(&stamp(second)).copied().unwrap_or(0);
        let new = (first..second).map(|second| in_second(second).saturating_sub(before(second)));
        let amount = new.fold(0, u64::saturating_add);
        let passed = second.saturating_sub(first).clamp(1, window);
        Rate {
            window: Duration::from_secs(window),
            amount,
            per_second: amount as f64 / passed as f64,
        }
    }
}

impl Summarize for RateWindows {
    type Snapshot = ThroughputSnapshot;

    fn summarize(&self, now: Duration, amounts: &Amounts<'_>) -> ThroughputSnapshot {
        let rates = self
            .windows
            .iter()
            .map(|window| self.rate(*window, now.as_secs(), amounts.in_second));
        ThroughputSnapshot {
            total: amounts.total.wrapping_sub(self.uncounted_total),
            rates: rates.collect(),
            calls: amounts.calls,
            taken: now,
        }
    }

    fn reset(&mut self, now: Duration, amounts: &Amounts<'_>, seconds: HashMap<u64, u64>) {
        (self.first_second, self.uncounted, self.uncounted_total) =
            (now.as_secs(), seconds, amounts.total);
    }

    fn epoch(snapshot: &ThroughputSnapshot) -> (u64, Duration) {
        (snapshot.calls, snapshot.taken)
    }
}
