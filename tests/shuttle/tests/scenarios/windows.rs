//! Windows of histograms: readers, ticks and a reset that race writers, while time goes on.

use crate::{explore, small};
use shuttle::thread;
use shuttle_tests::{Clock, ManualClock, Registry};
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// Longer than a scenario takes.
const LONG: Duration = Duration::from_secs(60);

/// Two threads that tick and read, each after it advanced the clock, beside a writer and a reset. No reader takes another one's later time for a
/// clock that went back; a window holds no more than there was, and in the end, with what the reset returned, all of it.
#[test]
fn readers_and_a_reset() {
    explore("windows::readers_and_a_reset", 300, || {
        let clock = Arc::new(ManualClock::new());
        let registry = Registry::builder().clock(clock.clone()).build();
        let options = small().recent(0).windows(&[SECOND, LONG]);
        let histogram = registry.histogram("h", "", options).unwrap();
        let writer = {
            let histogram = histogram.clone();
            thread::spawn(move || (0..5).for_each(|_| histogram.record(1)))
        };
        let readers = [(); 2].map(|()| {
            let (registry, histogram, clock) = (registry.clone(), histogram.clone(), clock.clone());
            thread::spawn(move || {
                for _ in 0..2 {
                    clock.advance(SECOND);
                    registry.tick();
                    let windows = histogram.windows();
                    let (short, long) = (&windows[0], &windows[1]);
                    assert!(short.span <= long.span && long.span <= clock.now());
                    let counts = [short, long].map(|window| window.snapshot.count());
                    assert!(counts[0] <= counts[1] && counts[1] <= 5, "{counts:?}");
                }
            })
        });
        let reset = {
            let histogram = histogram.clone();
            thread::spawn(move || histogram.reset().count())
        };
        writer.join().unwrap();
        readers
            .into_iter()
            .for_each(|reader| reader.join().unwrap());
        let forgotten = reset.join().unwrap();
        let window = histogram.window(LONG).unwrap();
        assert!(window.span <= clock.now(), "{window:?}");
        assert_eq!(forgotten + window.snapshot.count(), 5);
        assert_eq!(window.snapshot.uncertain(), 0);
    });
}
