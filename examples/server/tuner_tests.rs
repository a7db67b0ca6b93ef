//! The decisions, under a manual clock.

use super::{DEAD_BAND, EVIDENCE, INTERVAL, LIMITS, Observed, Settings, TARGET, Tuner, WINDOWS};
use epoch_metrics::{Clock, ManualClock};
use std::time::Duration;

/// Time between two snapshots of the collector.
const READING: Duration = Duration::from_millis(250);
/// Readings between two decisions.
const READINGS: u32 = 8;
/// Batches before each reading. With one request in each, all readings have just as many as a decision needs.
const BATCHES: u64 = EVIDENCE / READINGS as u64;

/// A full batch, which does not wait.
const FULL: Observed = Observed {
    size: 2000,
    waited: false,
    joined: false,
    saturated: false,
};
/// A batch that was not full.
const SMALL: Observed = Observed { size: 1, ..FULL };
/// A batch after which another one waited.
const SATURATED: Observed = Observed {
    saturated: true,
    ..FULL
};

/// A tuner, its clock and its changes.
struct Trial {
    clock: ManualClock,
    tuner: Tuner,
    /// The time and the result of each change.
    changes: Vec<(Duration, Settings)>,
}

impl Trial {
    fn new() -> Self {
        let clock = ManualClock::new();
        Self {
            tuner: Tuner::new(clock.now()),
            clock,
            changes: Vec::new(),
        }
    }

    /// A reading, after batches of this kind.
    fn read(&mut self, level: f64, batch: Observed) {
        for _ in 0..BATCHES {
            self.tuner.observe(batch);
        }
        let p99 = TARGET.mul_f64(level);
        if self.tuner.read(self.clock.now(), Some(p99)) {
            self.changes.push((self.clock.now(), self.tuner.settings()));
        }
    }

    fn step(&mut self, level: f64, batch: Observed) {
        self.clock.advance(READING);
        self.read(level, batch);
    }

    /// So many times as long as decisions need.
    fn decisions(&mut self, number: u32, level: f64, batch: Observed) {
        (0..number * READINGS).for_each(|_| self.step(level, batch));
    }

    fn limit(&self) -> usize {
        self.tuner.settings().limit
    }

    fn limits(&self) -> Vec<usize> {
        self.changes.iter().map(|(_, made)| made.limit).collect()
    }
}

#[test]
fn nothing_changes_inside_the_dead_band() {
    for batch in [FULL, SMALL, SATURATED] {
        for hundredths in 81..=119 {
            let mut trial = Trial::new();
            trial.decisions(10, f64::from(hundredths) / 100.0, batch);
            assert_eq!(trial.changes, [], "{hundredths} {batch:?}");
        }
    }
    // Outside of it the settings change.
    for (level, batch) in [(0.79, FULL), (1.21, FULL), (1.21, SATURATED)] {
        let mut trial = Trial::new();
        trial.decisions(1, level, batch);
        assert_eq!(trial.changes.len(), 1, "{level} {batch:?}");
    }
}

/// Single readings are far outside the dead band; their average is inside.
#[test]
fn noise_around_the_target_changes_nothing() {
    let mut trial = Trial::new();
    for _ in 0..1000 {
        trial.step(1.5, FULL);
        trial.step(0.5, FULL);
    }
    assert_eq!(trial.changes, []);
}

/// Runs a server whose p99 depends on the limit: the limit moves in one direction until p99 is in the dead band, and stays.
fn settles(p99: impl Fn(usize) -> f64, what: &str) {
    let mut trial = Trial::new();
    let mut stable = 0;
    while stable < 50 * READINGS {
        let (limit, changes) = (trial.limit(), trial.changes.len());
        trial.step(p99(limit), FULL);
        stable = if trial.changes.len() > changes {
            0
        } else {
            stable + 1
        };
        assert!(trial.changes.len() < 30, "{what}: {:?}", trial.limits());
    }
    let (limit, limits) = (trial.limit(), trial.limits());
    let rising = limits.is_sorted();
    let falling = limits.iter().rev().is_sorted();
    assert!(rising || falling, "{what}: {limits:?}");
    let level = p99(limit);
    let settled = (1.0 - DEAD_BAND..=1.0 + DEAD_BAND).contains(&level)
        || (limit == LIMITS.0 && level > 1.0)
        || (limit == LIMITS.1 && level < 1.0);
    assert!(settled, "{what}: {level} at {limit} after {limits:?}");
}

#[test]
fn the_limit_settles_without_oscillation() {
    // `right` is the limit at which p99 equals the target: from below the least limit to above the largest one.
    for tenths in 20..1000 {
        let right = f64::from(tenths) / 10.0;
        settles(
            |limit| limit as f64 / right,
            &format!("proportional, {right}"),
        );
        settles(
            |limit| 0.3 + 0.7 * limit as f64 / right,
            &format!("with a fixed part, {right}"),
        );
    }
    // Steeper, and from below only.
    for tenths in 160..800 {
        let right = f64::from(tenths) / 10.0;
        settles(
            |limit| (limit as f64 / right).powi(3),
            &format!("cubic, {right}"),
        );
    }
}

#[test]
fn changes_are_an_interval_apart() {
    let mut trial = Trial::new();
    let millisecond = Duration::from_millis(1);
    while trial.clock.now() < INTERVAL * 5 {
        trial.clock.advance(millisecond);
        trial.read(10.0, FULL);
    }
    let times: Vec<_> = trial.changes.iter().map(|(time, _)| *time).collect();
    // One change in each interval, and none before the end of the first.
    assert_eq!(times, [1, 2, 3, 4, 5].map(|number| INTERVAL * number));
    assert_eq!(trial.limits(), [12, 9, 7, 6, 5]);
}

#[test]
fn few_requests_are_no_evidence() {
    let clock = ManualClock::new();
    let mut tuner = Tuner::new(clock.now());
    let late = Some(TARGET * 10);
    for _ in 1..EVIDENCE {
        tuner.observe(SMALL);
        clock.advance(INTERVAL);
        assert!(!tuner.read(clock.now(), late));
    }
    tuner.observe(SMALL);
    assert!(tuner.read(clock.now(), late));
}

#[test]
fn a_clock_that_stands_still_or_goes_back_changes_nothing() {
    let mut trial = Trial::new();
    trial.decisions(2, 1.0, FULL);
    let average = trial.tuner.average();
    for level in [100.0, 0.01] {
        (0..10_000).for_each(|_| trial.read(level, FULL));
    }
    assert_eq!((trial.tuner.average(), &*trial.changes), (average, &[][..]));
    let now = trial.clock.now();
    assert!(!trial.tuner.read(Duration::ZERO, Some(TARGET * 100)));
    assert_eq!(trial.tuner.average(), average);
    // After a step back no time counts twice: the new p99 has the weight of a quarter of a second.
    trial.clock.set(now + READING);
    trial.read(2.0, FULL);
    let expected = 1.0 + (1.0 - (-0.5_f64).exp());
    let level = trial
        .tuner
        .average()
        .map(|average| average / TARGET.as_secs_f64());
    assert!(
        level.is_some_and(|level| (level - expected).abs() < 1e-9),
        "{level:?}"
    );
}

#[test]
fn no_p99_changes_nothing() {
    let mut trial = Trial::new();
    for _ in 0..100 {
        trial.clock.advance(INTERVAL);
        trial.tuner.observe(FULL);
        assert!(!trial.tuner.read(trial.clock.now(), None));
    }
    assert_eq!((trial.tuner.average(), trial.limit()), (None, 16));
    // The first p99 becomes the average, and so does one after an hour without any.
    for level in [1.0, 3.0] {
        trial.clock.advance(Duration::from_secs(3600));
        trial.read(level, FULL);
        assert_eq!(
            trial.tuner.average(),
            Some(TARGET.mul_f64(level).as_secs_f64())
        );
    }
}

#[test]
fn where_requests_queue_up_batches_grow_and_stay_large() {
    // p99 is too high whatever the limit is, and below 23 requests queue up.
    let mut trial = Trial::new();
    for _ in 0..200 * READINGS {
        let batch = if trial.limit() < 23 { SATURATED } else { FULL };
        trial.step(2.0, batch);
    }
    assert_eq!(trial.limits()[..2], [32, 24]);
    assert_eq!(trial.limit(), 23);
    let last = trial.changes.last().map(|(time, _)| *time);
    assert!(last < Some(INTERVAL * 20), "{:?}", trial.changes);
    // Once p99 was in the dead band, smaller batches are tried again.
    trial.decisions(1, 1.0, FULL);
    trial.decisions(1, 2.0, FULL);
    assert_eq!(trial.limit(), 18);
    // If some batches leave others waiting, the limit stays.
    let before = trial.changes.len();
    for _ in 0..10 * READINGS {
        (0..3 * BATCHES).for_each(|_| trial.tuner.observe(FULL));
        trial.step(2.0, SATURATED);
    }
    assert_eq!(trial.changes.len(), before);
}

#[test]
fn the_window_follows_whether_waiting_pays() {
    let vain = Observed {
        waited: true,
        ..SMALL
    };
    let joined = Observed {
        joined: true,
        ..vain
    };
    let mut trial = Trial::new();
    trial.decisions(1, 0.1, joined);
    assert_eq!(trial.tuner.settings().window, Duration::from_micros(550));
    trial.decisions(20, 0.1, joined);
    assert_eq!(trial.tuner.settings().window, WINDOWS.1);
    // If a third of the waits succeeds, the window stays.
    for _ in 0..20 * READINGS {
        (0..2 * BATCHES).for_each(|_| trial.tuner.observe(vain));
        trial.step(0.1, joined);
    }
    assert_eq!(trial.tuner.settings().window, WINDOWS.1);
    // Batches that did not wait do not count.
    trial.decisions(20, 0.1, SMALL);
    assert_eq!(trial.tuner.settings().window, WINDOWS.1);
    trial.decisions(1, 0.1, vain);
    assert_eq!(trial.tuner.settings().window, WINDOWS.1 / 2);
    trial.decisions(20, 0.1, vain);
    assert_eq!(trial.tuner.settings().window, WINDOWS.0);
    assert_eq!(trial.limit(), 16);
}
