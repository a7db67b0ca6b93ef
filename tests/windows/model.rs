//! A histogram with windows, beside everything that was recorded into it.

use epoch_metrics::{Clock, Histogram, HistogramOptions, HistogramWindow, ManualClock, Registry};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

/// Of the windows, in seconds.
const LENGTHS: [u64; 3] = [1, 5, 30];

/// One step of a program.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// Records so many samples, at moments of their own.
    Record(u64, u8),
    Tick,
    Read,
    Reset,
    /// Lets nanoseconds pass.
    Advance(u64),
    /// Sets the clock back by nanoseconds.
    Back(u64),
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u64..200, 1_u8..5).prop_map(|(value, times)| Step::Record(value, times)),
        2 => Just(Step::Tick),
        2 => Just(Step::Read),
        1 => prop::bool::weighted(0.1).prop_map(|reset| if reset { Step::Reset } else { Step::Tick }),
        3 => (1_u64..3_000_000_000).prop_map(Step::Advance),
        1 => (1_u64..100_000_000_000).prop_map(Step::Advance),
    ]
}

pub(crate) fn step_of_any_clock() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => step(),
        1 => (1_u64..5_000_000_000).prop_map(Step::Back),
    ]
}

/// A histogram with windows, and every sample that it holds with the time when it was recorded.
pub(crate) struct Modelled {
    pub(crate) clock: Arc<ManualClock>,
    registry: Registry,
    pub(crate) histogram: Histogram,
    samples: Vec<(Duration, u64)>,
    /// The registration or the last reset.
    pub(crate) since: Duration,
    /// Ticks and reads since then.
    looks: Vec<Duration>,
}

impl Modelled {
    pub(crate) fn new(start: u64) -> Self {
        let clock = Arc::new(ManualClock::new());
        clock.set(Duration::from_nanos(start));
        let registry = Registry::builder().clock(clock.clone()).build();
        let options = HistogramOptions::values(0, 200).windows(&LENGTHS.map(Duration::from_secs));
        let histogram = registry.histogram("h", "", options).unwrap();
        let since = clock.now();
        Self {
            clock,
            registry,
            histogram,
            samples: Vec::new(),
            since,
            looks: vec![since],
        }
    }

    /// No two of these are at one moment, so that a sample is before a look or after it.
    pub(crate) fn step(&mut self, step: Step) -> Option<Vec<HistogramWindow>> {
        self.clock.advance(Duration::from_nanos(1));
        let now = self.clock.now();
        match step {
            Step::Record(value, times) => {
                for _ in 0..times {
                    self.histogram.record(value);
                    self.samples.push((self.clock.now(), value));
                    self.clock.advance(Duration::from_nanos(1));
                }
            }
            Step::Tick => {
                self.registry.tick();
                self.looks.push(now);
            }
            Step::Read => {
                let windows = self.histogram.windows();
                self.looks.push(now);
                return Some(windows);
            }
            Step::Reset => {
                self.histogram.reset();
                self.samples.clear();
                self.since = now;
                self.looks = vec![now];
            }
            Step::Advance(by) => self.clock.advance(Duration::from_nanos(by)),
            Step::Back(by) => self.clock.set(now.saturating_sub(Duration::from_nanos(by))),
        }
        None
    }

    /// The values that were recorded in a span that ends now.
    pub(crate) fn recorded_in(&self, span: Duration) -> Vec<u64> {
        let begin = self.clock.now() - span;
        let samples = self.samples.iter().filter(|(at, _)| *at > begin);
        let mut values: Vec<u64> = samples.map(|(_, value)| *value).collect();
        values.sort_unstable();
        values
    }

    /// The first look of the second that the newest look of this age or more is in: there a window begins.
    pub(crate) fn begin_of(&self, window: Duration) -> Duration {
        let now = self.clock.now();
        let is_first =
            |at: usize| at == 0 || self.looks[at - 1].as_secs() < self.looks[at].as_secs();
        let firsts = (0..self.looks.len()).filter(|at| is_first(*at));
        let begins = firsts.map(|at| self.looks[at]);
        begins
            .rev()
            .find(|at| now - *at >= window)
            .unwrap_or(self.since)
    }
}
