//! Exponentially weighted rates over one, five and fifteen minutes, as the load averages of Unix.
//!
//! The formula is that of Dropwizard Metrics' `EWMA` (after Neil Gunther, "UNIX Load Average"): for each interval of five seconds, a rate r moves to
//! r + α·(x − r), where x is the rate within the interval and α = 1 − e^(−5/60/m), of m minutes. The first interval's rate is the first r.
//!
//! Dropwizard gives all that was counted since the last look to one interval. Here each interval has what was finished in it, as long as its seconds are
//! remembered; what was finished in intervals that are not any more is spread over them evenly.

use crate::engine::throughput::ring::SECONDS;

/// Seconds in an interval.
const INTERVAL: u64 = 5;
const MINUTES: [f64; 3] = [1.0, 5.0, 15.0];
/// Seconds that are known, the current one aside: some less than there are, for clocks that run late.
const KNOWN: u64 = SECONDS - 4;

/// See the module's header.
#[derive(Clone, Debug)]
pub(crate) struct DecayingRates {
    /// The first second of the interval that is not complete.
    begin: u64,
    /// What was finished in complete intervals.
    counted: u64,
    /// `None`: no interval is complete.
    per_second: Option<[f64; 3]>,
}

impl DecayingRates {
    /// `first_second`: that of the first interval.
    pub(crate) fn new(first_second: u64) -> Self {
        Self {
            begin: first_second,
            counted: 0,
            per_second: None,
        }
    }

    /// The rates per second.
    pub(crate) fn get(&self) -> Option<[f64; 3]> {
        self.per_second
    }

    /// Takes in what was finished before `second`, of a `total`.
    pub(crate) fn update(&mut self, second: u64, total: u64, in_second: impl Fn(u64) -> u64) {
        if second.saturating_add(1) < self.begin {
            // The clock went back: an interval begins there.
            self.begin = second + 1;
        }
        let sum = |from: u64, to: u64| (from..to).map(&in_second).fold(0, u64::saturating_add);
        let forgotten = second.saturating_sub(KNOWN).saturating_sub(self.begin);
        if forgotten > 0 {
            let intervals = forgotten.div_ceil(INTERVAL);
            let known = sum(self.begin + intervals * INTERVAL, second.saturating_add(1));
            let amount = total.saturating_sub(self.counted).saturating_sub(known);
            self.advance(intervals, amount);
        }
        while self.begin.saturating_add(INTERVAL) <= second {
            self.advance(1, sum(self.begin, self.begin + INTERVAL));
        }
    }

    /// So many intervals are complete, over which this amount is spread evenly.
    fn advance(&mut self, intervals: u64, amount: u64) {
        let seconds = intervals * INTERVAL;
        let rate = amount as f64 / seconds as f64;
        let before = self.per_second.unwrap_or([rate; 3]);
        self.per_second = Some(std::array::from_fn(|at| {
            let kept = (-(seconds as f64) / 60.0 / MINUTES[at]).exp();
            rate + kept * (before[at] - rate)
        }));
        self.begin += seconds;
        self.counted = self.counted.saturating_add(amount);
    }
}
