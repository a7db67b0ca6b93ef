//! The thread that ticks a registry.

use epoch_metrics::{Clock, HistogramOptions, ManualClock, Registry};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A clock that panics at times, and counts how often it is asked.
#[derive(Debug, Default)]
struct Moody {
    manual: ManualClock,
    asked: AtomicU64,
    panics: AtomicBool,
}

impl Clock for Moody {
    fn now(&self) -> Duration {
        self.asked.fetch_add(1, SeqCst);
        assert!(!self.panics.load(SeqCst), "on purpose");
        self.manual.now()
    }
}

/// Upkeep ticks without being asked to, outlives a clock that panics, and ends with its guard.
#[test]
fn upkeep_ticks_until_it_is_dropped() {
    let clock = Arc::new(Moody::default());
    // So that the thread waits for 10 ms and not for a second.
    clock.manual.set(millis(1_995));
    let registry = Registry::builder().clock(clock.clone()).build();
    let options = HistogramOptions::values(0, 9).windows(&[millis(1_000)]);
    let histogram = registry.histogram("h", "", options).unwrap();
    let upkeep = registry.start_upkeep().unwrap();
    let wait_for_ticks = || {
        let before = clock.asked.load(SeqCst);
        let begun = Instant::now();
        while clock.asked.load(SeqCst) < before + 6 {
            assert!(begun.elapsed() < millis(20_000), "no ticks come");
            std::thread::sleep(millis(1));
        }
    };
    wait_for_ticks();
    clock.panics.store(true, SeqCst);
    wait_for_ticks();
    clock.panics.store(false, SeqCst);
    histogram.record(1);
    clock.manual.set(millis(2_995));
    wait_for_ticks();
    histogram.record(2);
    clock.manual.set(millis(3_995));
    let window = histogram.window(millis(1_000)).unwrap();
    assert_eq!((window.span, window.snapshot.sum()), (millis(1_000), 2));
    drop(upkeep);
    let asked = clock.asked.load(SeqCst);
    std::thread::sleep(millis(50));
    assert_eq!(clock.asked.load(SeqCst), asked);
}
