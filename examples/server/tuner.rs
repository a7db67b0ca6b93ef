//! Decides how large batches may be and how long they wait, from p99 and from what batches were like.
//!
//! The average of p99 is exponential and weighted by time, so it does not depend on how often p99 is read. A decision
//! is due [`INTERVAL`] after the last one, if at least [`EVIDENCE`] requests were in batches since, so that each decision is based on
//! requests that were answered after the last change.
//!
//! | average of p99 | batches since the last decision | what changes |
//! |---|---|---|
//! | above the dead band | at least half left another full batch in the queue | the limit doubles, because large batches cost less by request |
//! | | at most one in eight did | the limit falls by a quarter, the window by half |
//! | inside the dead band | | nothing |
//! | below the dead band | more than half were full | the limit grows by an eighth |
//! | | at least half of the waits brought more requests | the window grows by [`WINDOW_STEP`] |
//! | | at most a quarter of the waits did | the window falls by half |
//!
//! **No oscillation.** If p99 is proportional to the limit, no step leads from one side of the dead band to the other: a step down
//! takes a quarter, a step up adds an eighth (from 4 to 5 a quarter), and the band reaches from 0.8 to 1.2 of the target. A step up
//! does not do so either if p99 grows as the third power of the limit. Where requests queue up below some limit, and batches are too
//! slow above it, the limit stays at the smallest one at which they do not queue up, until p99 is no longer too high.

use std::time::Duration;

/// Target of p99.
pub(crate) const TARGET: Duration = Duration::from_millis(5);
/// Largest difference between average and target that causes no change, as a part of the target.
pub(crate) const DEAD_BAND: f64 = 0.2;
/// Time constant of the average: a p99 that lasts for so long counts for 63 %, and for 95 % after three times as long.
const SMOOTHING: Duration = Duration::from_millis(500);
/// Least time between two changes. It is long compared with [`SMOOTHING`], so the average no longer contains the time before.
pub(crate) const INTERVAL: Duration = Duration::from_secs(2);
/// Least number of requests between two changes: those that the collector computes p99 from.
pub(crate) const EVIDENCE: u64 = 1000;
/// Bounds of the batch limit. The upper one bounds the time of a batch.
pub(crate) const LIMITS: (usize, usize) = (4, 64);
/// Bounds of the window. The lower one keeps enough of it to notice when waiting begins to pay.
pub(crate) const WINDOWS: (Duration, Duration) =
    (Duration::from_micros(100), Duration::from_micros(1000));
/// What the window grows by.
const WINDOW_STEP: Duration = Duration::from_micros(50);

/// How large a batch may be, and how long it may wait for more requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) limit: usize,
    pub(crate) window: Duration,
}

impl Settings {
    /// The settings at the start.
    pub(crate) const INITIAL: Self = Self {
        limit: 16,
        window: Duration::from_micros(500),
    };
}

/// What happened to a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observed {
    /// Requests in it.
    pub(crate) size: usize,
    /// It waited for more requests.
    pub(crate) waited: bool,
    /// More requests arrived while it waited.
    pub(crate) joined: bool,
    /// Another full batch was left in the queue.
    pub(crate) saturated: bool,
}

/// Batches since the last decision.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    requests: u64,
    batches: u64,
    full: u64,
    waited: u64,
    joined: u64,
    saturated: u64,
}

/// Decides about limit and window. It has no access to metrics or clocks: the caller passes times and values.
#[derive(Debug)]
pub(crate) struct Tuner {
    settings: Settings,
    /// The least limit that may be set now: below it requests queued up, and p99 has been too high since.
    floor: usize,
    /// The average of p99 in seconds; `None` before the first.
    average: Option<f64>,
    /// When p99 was averaged last.
    averaged_at: Duration,
    decided_at: Duration,
    tally: Tally,
}

impl Tuner {
    /// Starts with [`Settings::INITIAL`]. The first decision is due after [`INTERVAL`].
    pub(crate) fn new(now: Duration) -> Self {
        Self {
            settings: Settings::INITIAL,
            floor: LIMITS.0,
            average: None,
            averaged_at: now,
            decided_at: now,
            tally: Tally::default(),
        }
    }

    pub(crate) fn settings(&self) -> Settings {
        self.settings
    }

    /// The average of p99, in seconds; `None` before the first.
    pub(crate) fn average(&self) -> Option<f64> {
        self.average
    }

    /// Counts a batch.
    pub(crate) fn observe(&mut self, batch: Observed) {
        let tally = &mut self.tally;
        tally.requests += batch.size as u64;
        tally.batches += 1;
        tally.full += u64::from(batch.size >= self.settings.limit);
        tally.waited += u64::from(batch.waited);
        tally.joined += u64::from(batch.joined);
        tally.saturated += u64::from(batch.saturated);
    }

    /// Averages p99, decides if a decision is due, and returns whether that changed the settings. Before the first request there is no p99,
    /// and nothing happens.
    ///
    /// Nor does anything happen while the clock stands still or goes back: p99 then has no weight, and no decision is due.
    pub(crate) fn read(&mut self, now: Duration, p99: Option<Duration>) -> bool {
        let Some(p99) = p99 else {
            return false;
        };
        let average = self.add(now, p99.as_secs_f64());
        let due = now.saturating_sub(self.decided_at) >= INTERVAL;
        if !due || self.tally.requests < EVIDENCE {
            return false;
        }
        let before = self.settings;
        self.decide(average / TARGET.as_secs_f64());
        self.decided_at = now;
        self.tally = Tally::default();
        self.settings != before
    }

    /// Adds a p99 to the average, and returns the average.
    fn add(&mut self, now: Duration, p99: f64) -> f64 {
        let passed = now.saturating_sub(self.averaged_at);
        let weight = -(-passed.as_secs_f64() / SMOOTHING.as_secs_f64()).exp_m1();
        let average = match self.average {
            Some(average) => average + weight * (p99 - average),
            None => p99,
        };
        self.average = Some(average);
        self.averaged_at = self.averaged_at.max(now);
        average
    }

    /// Changes the settings. `level` is the average divided by the target.
    fn decide(&mut self, level: f64) {
        let Tally {
            batches,
            full,
            waited,
            joined,
            saturated,
            ..
        } = self.tally;
        let Settings { limit, window } = &mut self.settings;
        if level > 1.0 + DEAD_BAND {
            if saturated * 2 >= batches {
                self.floor = *limit + 1;
                *limit *= 2;
            } else if saturated * 8 <= batches {
                *limit = (*limit * 3).div_ceil(4).max(self.floor);
                *window /= 2;
            }
        } else {
            self.floor = LIMITS.0;
            if level < 1.0 - DEAD_BAND {
                if full * 2 > batches {
                    *limit += (*limit / 8).max(1);
                }
                if waited > 0 && joined * 2 >= waited {
                    *window += WINDOW_STEP;
                } else if joined * 4 <= waited && waited > 0 {
                    *window /= 2;
                }
            }
        }
        *limit = (*limit).clamp(LIMITS.0, LIMITS.1);
        *window = (*window).clamp(WINDOWS.0, WINDOWS.1);
    }
}

#[cfg(test)]
#[path = "tuner_tests.rs"]
mod tests;
