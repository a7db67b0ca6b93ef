//! Windows of histograms, against a model that keeps every sample with its time.

mod model;

use epoch_metrics::{
    Clock, Histogram, HistogramOptions, HistogramWindow, ManualClock, OptionsError, RegisterError,
    Registry,
};
use model::{Modelled, Step, step, step_of_any_clock};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

/// The window holds exactly these values.
fn assert_holds(window: &HistogramWindow, values: &[u64]) -> Result<(), TestCaseError> {
    let held: Vec<(u64, u64)> = window
        .snapshot
        .buckets()
        .map(|bucket| (bucket.high, bucket.count))
        .collect();
    let runs = values.chunk_by(|a, b| a == b);
    let expected: Vec<(u64, u64)> = runs.map(|run| (run[0], run.len() as u64)).collect();
    prop_assert_eq!(held, expected, "in {:?}", window.span);
    prop_assert_eq!(window.snapshot.count(), values.len() as u64);
    prop_assert_eq!(
        window.snapshot.sum(),
        u128::from(values.iter().sum::<u64>())
    );
    for q in [0.0, 0.5, 0.9, 0.99, 1.0] {
        let rank = ((q * values.len() as f64).ceil() as usize).max(1);
        let expected = values.get(rank - 1).copied();
        prop_assert_eq!(window.snapshot.quantile(q), expected);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_time: 10_000, ..ProptestConfig::with_cases(400) })]

    /// Whatever happens: a window holds exactly what was recorded in the span that it names, and begins at the newest look that is old enough.
    #[test]
    fn a_window_holds_what_was_recorded_in_its_span(
        start in 0_u64..200_000_000_000,
        steps in proptest::collection::vec(step(), 1..150),
    ) {
        let mut modelled = Modelled::new(start);
        for step in steps.into_iter().chain([Step::Read]) {
            for window in modelled.step(step).into_iter().flatten() {
                assert_holds(&window, &modelled.recorded_in(window.span))?;
                let begin = modelled.begin_of(window.window);
                prop_assert_eq!(window.span, modelled.clock.now() - begin);
            }
        }
    }

    /// With a tick a second, whatever else is read: a window is too long by less than two seconds, and by less than one if the ticks are at the
    /// beginnings of seconds.
    #[test]
    fn a_ticked_window_is_exact_to_a_second(
        start in 0_u64..200_000_000_000,
        phase in prop_oneof![Just(None), (1_u64..1_000_000_000).prop_map(Some)],
        steps in proptest::collection::vec((0_u64..200, 0_u8..4, 1_u64..1_000_000_000), 10..100),
    ) {
        let mut modelled = Modelled::new(start);
        let begun = Duration::from_nanos(start % 1_000_000_000);
        let phase = phase.map_or(Duration::from_secs(1) - begun, Duration::from_nanos);
        let mut next = modelled.since + phase;
        let late = if next.subsec_nanos() == 0 { 1 } else { 2 };
        for (value, times, after) in steps {
            if times > 0 {
                modelled.step(Step::Record(value, times));
            }
            let until = modelled.clock.now() + Duration::from_nanos(after);
            while next < until {
                modelled.clock.set(modelled.clock.now().max(next - Duration::from_nanos(1)));
                modelled.step(Step::Tick);
                next += Duration::from_secs(1);
            }
            modelled.clock.set(until);
            for window in modelled.step(Step::Read).into_iter().flatten() {
                assert_holds(&window, &modelled.recorded_in(window.span))?;
                let age = modelled.clock.now() - modelled.since;
                // A step takes some nanoseconds.
                let most = window.window + Duration::from_secs(late) + Duration::from_micros(1);
                prop_assert!(window.span >= window.window.min(age), "{:?}", window);
                prop_assert!(window.span < most, "{window:?} {most:?}");
            }
        }
    }

    /// A clock that goes back: as if it had stood still instead.
    #[test]
    fn a_step_back_is_no_time(
        start in 0_u64..200_000_000_000,
        steps in proptest::collection::vec(step_of_any_clock(), 1..100),
    ) {
        // The other clock stands still while this one is behind the last time at which it was looked at.
        let (mut back, mut forward) = (Modelled::new(start), Modelled::new(start));
        let mut looked = back.clock.now();
        for step in steps.into_iter().chain([Step::Read]) {
            let windows = back.step(step);
            let now = back.clock.now();
            if matches!(step, Step::Tick | Step::Read | Step::Reset) {
                let passed = now.saturating_sub(looked);
                looked = now;
                if matches!(step, Step::Reset) {
                    // Nothing is left of the past, steps back included.
                    forward = Modelled::new(now.as_nanos() as u64);
                    continue;
                }
                forward.clock.advance(passed);
                forward.clock.set(forward.clock.now() - Duration::from_nanos(1));
                let expected = forward.step(step);
                prop_assert_eq!(windows, expected);
            } else if let Step::Record(value, times) = step {
                (0..times).for_each(|_| forward.histogram.record(value));
            }
        }
    }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A histogram with a window of five seconds, at half past zero.
fn with_window(options: HistogramOptions) -> (Arc<ManualClock>, Registry, Histogram) {
    let clock = Arc::new(ManualClock::new());
    clock.set(millis(500));
    let registry = Registry::builder().clock(clock.clone()).build();
    let options = options.windows(&[millis(5_000)]);
    let histogram = registry.histogram("h", "", options).unwrap();
    (clock, registry, histogram)
}

fn read(histogram: &Histogram) -> (Duration, u64) {
    let window = histogram.window(millis(5_000)).unwrap();
    assert_eq!(window.snapshot.recent(), None);
    (window.span, window.snapshot.count())
}

/// Nobody looked for a minute: the window says so.
#[test]
fn a_window_that_nobody_read_names_its_span() {
    let (clock, registry, histogram) = with_window(HistogramOptions::values(0, 9));
    assert_eq!(read(&histogram), (Duration::ZERO, 0));
    histogram.record(1);
    clock.advance(millis(60_000));
    histogram.record(2);
    assert_eq!(read(&histogram), (millis(60_000), 2));
    clock.advance(millis(4_999));
    assert_eq!(read(&histogram), (millis(64_999), 2));
    clock.advance(millis(1));
    assert_eq!(read(&histogram), (millis(5_000), 0));
    registry.tick();
}

#[test]
fn a_reset_empties_windows() {
    let (clock, registry, histogram) = with_window(HistogramOptions::values(0, 9));
    for reset in [
        |histogram: &Histogram| histogram.reset().count(),
        |histogram: &Histogram| histogram.try_reset().unwrap().count(),
    ] {
        histogram.record(1);
        clock.advance(millis(2_000));
        registry.tick();
        clock.advance(millis(2_000));
        assert_eq!(reset(&histogram), 1);
        assert_eq!(read(&histogram), (Duration::ZERO, 0));
        clock.advance(millis(2_000));
        assert_eq!(read(&histogram), (millis(2_000), 0));
        assert_eq!(histogram.snapshot().count(), 0);
    }
}

/// Samples that a clock lets happen at one moment are in the window, however many reads there are.
#[test]
fn a_clock_that_stands_still_lengthens_the_window() {
    let (clock, registry, histogram) = with_window(HistogramOptions::values(0, 9).recent(4));
    for count in 1..100 {
        histogram.record(1);
        registry.tick();
        assert_eq!(read(&histogram), (Duration::ZERO, count));
    }
    clock.advance(millis(5_000));
    assert_eq!(read(&histogram), (millis(5_000), 99));
    clock.advance(millis(5_000));
    assert_eq!(read(&histogram), (millis(5_000), 0));
}

/// Series of families have windows, each its own; a histogram without them has none.
#[test]
fn a_tick_reaches_all_series() {
    let clock = Arc::new(ManualClock::new());
    let registry = Registry::builder().clock(clock.clone()).build();
    let options = HistogramOptions::durations().windows(&[millis(1_000)]);
    let family = registry.histogram_family("f", "", options, &["l"]).unwrap();
    let none = registry.histogram("g", "", HistogramOptions::durations());
    assert!(none.as_ref().unwrap().windows().is_empty());
    assert_eq!(none.unwrap().window(millis(1_000)), None);
    let series = ["a", "b"].map(|label| family.with(&[label]).unwrap());
    series[0].record(1);
    clock.advance(millis(1_000));
    registry.tick();
    series[1].record(1);
    clock.advance(millis(1_000));
    let counts = series.map(|series| {
        assert_eq!(series.window(millis(2_000)), None);
        let window = series.window(millis(1_000)).unwrap();
        assert_eq!(window.span, millis(1_000));
        window.snapshot.count()
    });
    assert_eq!(counts, [0, 1]);
}

#[test]
fn impossible_windows_are_refused() {
    let refused = |windows: &[Duration]| {
        let options = HistogramOptions::durations().windows(windows);
        match Registry::new().histogram("h", "", options) {
            Err(RegisterError::Options(error)) => error,
            other => panic!("{other:?}"),
        }
    };
    let max_seconds = HistogramOptions::MAX_WINDOW.as_secs();
    for window in [
        Duration::ZERO,
        millis(1_500),
        HistogramOptions::MAX_WINDOW + millis(1_000),
    ] {
        let expected = OptionsError::Window {
            window,
            max_seconds,
        };
        assert_eq!(refused(&[millis(1_000), window]), expected);
    }
    let window = millis(5_000);
    assert_eq!(
        refused(&[window, window]),
        OptionsError::DuplicateWindow { window }
    );
    let options = HistogramOptions::durations().windows(&[HistogramOptions::MAX_WINDOW]);
    assert!(Registry::new().histogram("h", "", options).is_ok());
}

/// What is recorded by several threads while others read and tick is in the window once, and in order of the clock.
#[test]
fn windows_read_at_the_same_time_agree_with_the_total() {
    let registry = Registry::new();
    let minute = Duration::from_secs(60);
    let options = HistogramOptions::values(0, 9).recent(0).windows(&[minute]);
    let histogram = registry.histogram("h", "", options).unwrap();
    std::thread::scope(|scope| {
        for reader in 0..2 {
            let (registry, histogram) = (&registry, &histogram);
            scope.spawn(move || {
                let mut last = (Duration::ZERO, 0);
                for _ in 0..2_000 {
                    (0..reader + 1).for_each(|_| histogram.record(1));
                    registry.tick();
                    let window = histogram.window(minute).unwrap();
                    let read = (window.span, window.snapshot.count());
                    assert!(read.0 >= last.0 && read.1 > last.1, "{last:?} {read:?}");
                    // The registry's clock began with it: that two readers ask it in turn is no step back.
                    assert!(read.0 <= registry.clock().now(), "{read:?}");
                    last = read;
                }
            });
        }
    });
    assert_eq!(histogram.window(minute).unwrap().snapshot.count(), 6_000);
}
