//! What a throughput must show: a model that keeps every amount.

use crate::histogram::wrapping_sum;
use crate::setup::Setup;
use epoch_metrics::ThroughputSnapshot;
use std::time::Duration;

/// What a cell of a throughput can hold for one second.
const MOST_A_SECOND: u64 = (1 << 36) - 1;

/// What a throughput must show.
#[derive(Debug)]
pub(crate) struct ThroughputModel {
    windows: Vec<u64>,
    /// Time and amount of everything ever finished.
    finished: Vec<(Duration, u64)>,
    /// How many of them were before the last reset,
    forgotten: usize,
    /// which was at this time; or else the registration was.
    since: Duration,
}

impl ThroughputModel {
    pub(crate) fn new(setup: &Setup) -> Self {
        Self {
            windows: setup.windows.clone(),
            finished: Vec::new(),
            forgotten: 0,
            since: setup.start,
        }
    }

    pub(crate) fn finish(&mut self, now: Duration, amount: u64) {
        self.finished.push((now, amount));
    }

    pub(crate) fn reset(&mut self, now: Duration) {
        (self.forgotten, self.since) = (self.finished.len(), now);
    }

    pub(crate) fn check(&self, snapshot: &ThroughputSnapshot, now: Duration) {
        assert_eq!(
            snapshot.total(),
            wrapping_sum(
                self.finished[self.forgotten..]
                    .iter()
                    .map(|(_, amount)| *amount)
            )
        );
        assert_eq!(snapshot.rates().len(), self.windows.len());
        for (rate, &window) in snapshot.rates().iter().zip(&self.windows) {
            assert_eq!(rate.window, Duration::from_secs(window));
            // The whole seconds of the window that begin after the registration or the reset. What was finished in just these
            // is the amount, by its time.
            let end = now.as_secs();
            let covered: Vec<u64> = (end.saturating_sub(window)..end)
                .filter(|second| Duration::from_secs(*second) >= self.since)
                .collect();
            assert_eq!(rate.span, Duration::from_secs(covered.len() as u64));
            let (least, most) = self.amount(&covered);
            assert!(
                (least..=most).contains(&rate.amount),
                "{} in {window} s, not {least} to {most}, at {now:?}: {self:?}",
                rate.amount
            );
            let expected = rate.amount as f64 / covered.len() as f64;
            assert_eq!(rate.per_second, (!covered.is_empty()).then_some(expected));
            assert_eq!(snapshot.rate(rate.window), Some(rate));
            assert_eq!(snapshot.per_second(rate.window), rate.per_second);
        }
    }

    /// The least and the most that may have been finished in these seconds. The two are the same unless the clock went back, or
    /// an amount was beyond what a second can hold.
    ///
    /// A second is remembered until one that is a multiple of 64 away is written to. While the clock does not go back, no
    /// second of a window can have met that. If it does, what was finished may be missing.
    fn amount(&self, seconds: &[u64]) -> (u64, u64) {
        let (mut least, mut most) = (0_u64, 0_u64);
        for &second in seconds {
            let of_second = |from: usize| -> u64 {
                let finished = self
                    .finished
                    .iter()
                    .skip(from)
                    .filter(|(at, _)| at.as_secs() == second);
                finished.fold(0, |sum, (_, amount)| sum.saturating_add(*amount))
            };
            let overwritten = self
                .finished
                .iter()
                .map(|(at, _)| at.as_secs())
                .rposition(|at| at != second && at.abs_diff(second) % 64 == 0);
            let kept_from = self.forgotten.max(overwritten.map_or(0, |at| at + 1));
            let mut kept = of_second(kept_from).min(MOST_A_SECOND);
            most = most.saturating_add(of_second(self.forgotten));
            // What was there at the reset is taken off, whether or not it is there still.
            if of_second(0) > MOST_A_SECOND || overwritten.is_some_and(|at| at >= self.forgotten) {
                kept = kept.saturating_sub(of_second(0) - of_second(self.forgotten));
            }
            least = least.saturating_add(kept);
        }
        (least, most)
    }
}
