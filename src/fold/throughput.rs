//! What a throughput's reader keeps: its windows, and what the last reset left behind.
//!
//! A rate covers whole seconds only. The second in which the throughput was registered or reset is covered in part, so it is
//! left out, of the amount and of the span alike; its amount is in the total.

use crate::engine::throughput::ring::stamp;
use crate::engine::throughput::{Amounts, Moment, Summarize};
use crate::fold::decaying::DecayingRates;
use crate::snapshot::throughput::{Rate, ThroughputSnapshot};
use std::collections::HashMap;
use std::time::Duration;

/// Cuts snapshots from amounts.
#[derive(Debug)]
pub(crate) struct RateWindows {
    /// In seconds.
    windows: Box<[u64]>,
    /// The first whole second after the registration or the last reset: rates cover nothing before it.
    first_second: u64,
    /// What the last reset found in a second, by its stamp: in `first_second` if the reset was at its very
    /// beginning, and in later ones that a clock was at before it went back. It does not count.
    uncounted: HashMap<u64, u64>,
    /// The total at the last reset. It does not count.
    uncounted_total: u64,
    resets: u64,
    decaying: DecayingRates,
    /// When it was created or last reset.
    created: Duration,
}

impl RateWindows {
    /// `created`: rates begin with the first whole second from there on.
    pub(crate) fn new(windows: Box<[u64]>, created: Moment) -> Self {
        let first_second = first_whole_second(created);
        Self {
            windows,
            first_second,
            decaying: DecayingRates::new(first_second),
            uncounted: HashMap::new(),
            uncounted_total: 0,
            resets: 0,
            created: created.exact,
        }
    }

    fn rate(&self, window: u64, second: u64, in_second: &dyn Fn(u64) -> u64) -> Rate {
        // If a clock went back behind the last reset, there are no seconds to look at.
        let first = second.saturating_sub(window).max(self.first_second);
        let new = (first..second).map(in_second);
        let amount = new.fold(0, u64::saturating_add);
        let covered = second.saturating_sub(first);
        Rate {
            window: Duration::from_secs(window),
            span: Duration::from_secs(covered),
            amount,
            per_second: (covered > 0).then(|| amount as f64 / covered as f64),
        }
    }
}

/// The first second that lies wholly at or after `moment`.
fn first_whole_second(moment: Moment) -> u64 {
    let begun = u64::from(moment.coarse.subsec_nanos() > 0);
    moment.coarse.as_secs().saturating_add(begun)
}

impl Summarize for RateWindows {
    type Snapshot = ThroughputSnapshot;

    fn summarize(&mut self, now: Moment, amounts: &Amounts<'_>) -> ThroughputSnapshot {
        let second = now.coarse.as_secs();
        let before = |second| self.uncounted.get(&stamp(second)).copied().unwrap_or(0);
        let in_second = |second| (amounts.in_second)(second).saturating_sub(before(second));
        let total = amounts.total.wrapping_sub(self.uncounted_total);
        self.decaying.update(second, total, in_second);
        let rates = self
            .windows
            .iter()
            .map(|window| self.rate(*window, second, &in_second));
        ThroughputSnapshot {
            total,
            rates: rates.collect(),
            decaying: self.decaying.get(),
            created: self.created,
            calls: amounts.calls,
            resets: self.resets,
            second,
            taken: now.exact,
        }
    }

    fn reset(&mut self, now: Moment, amounts: &Amounts<'_>, seconds: HashMap<u64, u64>) {
        (self.first_second, self.uncounted, self.uncounted_total) =
            (first_whole_second(now), seconds, amounts.total);
        self.resets += 1;
        self.decaying = DecayingRates::new(self.first_second);
        self.created = now.exact;
    }

    fn epoch(snapshot: &ThroughputSnapshot) -> (u64, u64) {
        (snapshot.calls, snapshot.second)
    }
}
