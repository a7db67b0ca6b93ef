//! The whole crate under shuttle: random schedules, and PCT schedules of depth 3.
//!
//! `cargo test --release -p shuttle_tests` takes about a minute; `EPOCH_SHUTTLE=20` before it runs twenty times as many schedules. Each
//! scenario prints how many it ran.

mod families;
mod histograms;
mod order;
mod registry;
mod sections;
mod windows;

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};
use shuttle_tests::{HistogramOptions, ManualClock, Registry};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Twelve times what a scenario asks for is a minute for all of them, on one core.
const TIMES: usize = 12;

/// Runs a scenario under random schedules and as many PCT schedules: `schedules` times [`TIMES`] times `EPOCH_SHUTTLE`.
fn explore(name: &str, schedules: usize, scenario: fn()) {
    let times: usize = std::env::var("EPOCH_SHUTTLE")
        .map_or(1, |times| times.parse().expect("EPOCH_SHUTTLE is a number"));
    let schedules = schedules * TIMES * times;
    let run = |scheduler: Box<dyn Scheduler + Send>| {
        let ran = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&ran);
        let mut config = Config::new();
        config.stack_size = 1 << 18;
        config.silence_warnings = true;
        Runner::new(scheduler, config).run(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            scenario();
        });
        ran.load(Ordering::Relaxed)
    };
    let ran = run(Box::new(RandomScheduler::new(schedules)))
        + run(Box::new(PctScheduler::new(3, schedules)));
    // Not println: the harness would keep it to itself.
    let _ = writeln!(std::io::stderr(), "shuttle {name}: {ran} schedules");
    assert_eq!(
        ran,
        2 * schedules,
        "{name}: fewer schedules than asked for check less"
    );
}

/// A registry whose time stands still.
fn registry() -> Registry {
    Registry::builder()
        .clock(Arc::new(ManualClock::new()))
        .build()
}

/// Few values and few buckets.
fn small() -> HistogramOptions {
    HistogramOptions::values(0, 7).significant_digits(1)
}
