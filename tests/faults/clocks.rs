//! Clocks that go back, stall or jump, for rates, timers and staleness.

use crate::metrics::{Metrics, shown, shown_three, three};
use crate::{beside_others, until};
use epoch_metrics::{CachedValue, Clock, HistogramOptions, ManualClock, Registry, Throughput};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

#[test]
fn a_rate_survives_a_clock_that_goes_back() {
    let _beside = beside_others();
    let (clock, registry) = with_clock(Duration::ZERO);
    let throughput = registry
        .throughput_with_windows("t", "", &[seconds(5)])
        .unwrap();
    let rate = |second| rate_at(&clock, &throughput, second);
    let add = |second: u64, amount| {
        clock.set(seconds(second));
        throughput.add(amount);
    };
    add(100, 10);
    assert_eq!((rate(100), rate(101)), (0.0, 2.0));
    // Back: what was finished "later" is in no window, and what is finished now counts.
    assert_eq!(rate(50), 0.0);
    add(50, 20);
    assert_eq!(
        (rate(50), rate(51), rate(55), rate(56)),
        (0.0, 4.0, 4.0, 0.0)
    );
    // Forward again: those of the first time are there still, each second once.
    assert_eq!((rate(101), rate(105), rate(106)), (2.0, 2.0, 0.0));
    add(100, 15);
    assert_eq!(rate(101), 5.0, "added to what the second held");
    assert_eq!(throughput.snapshot().total(), 45, "the total knows no time");
    // A reset, and a clock that goes back behind it and comes forward again.
    let before = throughput.reset();
    assert_eq!(before.total(), 45);
    add(60, 30);
    for behind in [61, 101] {
        clock.set(seconds(behind));
        let snapshot = throughput.snapshot();
        let [rate] = snapshot.rates() else {
            panic!("one window")
        };
        assert_eq!(
            (rate.amount, rate.span, rate.per_second),
            (0, Duration::ZERO, None),
            "no second has passed since the reset"
        );
    }
    assert_eq!(rate(102), 0.0, "nothing before a reset counts");
    add(103, 50);
    assert_eq!(
        (rate(104), throughput.snapshot().total()),
        (50.0 / 3.0, 80),
        "by the seconds since the reset"
    );
}

#[test]
fn a_rate_survives_a_clock_that_stalls() {
    let _beside = beside_others();
    let (clock, registry) = with_clock(Duration::ZERO);
    let throughput = registry
        .throughput_with_windows("t", "", &[seconds(5)])
        .unwrap();
    clock.set(seconds(10));
    for i in 1..=1_000 {
        throughput.add(1);
        assert_eq!(
            throughput.snapshot().total(),
            i,
            "every read shows everything though no time passes"
        );
        assert_eq!(
            rate_at(&clock, &throughput, 10),
            0.0,
            "the current second is in no rate"
        );
    }
    assert_eq!(
        (
            rate_at(&clock, &throughput, 11),
            rate_at(&clock, &throughput, 16)
        ),
        (200.0, 0.0)
    );
}

#[test]
fn a_rate_survives_a_clock_that_jumps() {
    let _beside = beside_others();
    let (clock, registry) = with_clock(Duration::ZERO);
    let throughput = registry
        .throughput_with_windows("t", "", &[seconds(5)])
        .unwrap();
    let rate = |second| rate_at(&clock, &throughput, second);
    let (mut total, mut second) = (0, 1_000);
    // A minute and more, as long as the ring and about that, days, years.
    for jump in [
        61,
        63,
        64,
        65,
        127,
        128,
        3_600,
        86_400,
        86_400 * 30,
        31_557_600,
    ] {
        let there = second + jump;
        clock.set(seconds(second));
        throughput.add(25);
        assert_eq!(rate(there), 0.0, "{jump} s on");
        throughput.add(10);
        assert_eq!(
            (rate(there + 1), rate(there + 6)),
            (2.0, 0.0),
            "{jump} s on, and silence"
        );
        // And back, where the second that was begun is continued, unless its place was taken.
        assert_eq!(rate(second), 0.0, "{jump} s back");
        throughput.add(15);
        let held = if jump % 64 == 0 { 15.0 } else { 40.0 };
        assert_eq!(
            (rate(second + 1), rate(second + 6)),
            (held / 5.0, 0.0),
            "{jump} s back, and silence"
        );
        total += 50;
        second = there + 1_000;
    }
    assert_eq!(throughput.snapshot().total(), total);
}

/// Nobody reads or writes while the time passes.
#[test]
fn a_rate_in_the_registry_is_zero_after_silence() {
    let _beside = beside_others();
    let (clock, registry) = with_clock(Duration::ZERO);
    let throughput = registry.throughput("t", "").unwrap();
    clock.set(seconds(100));
    throughput.add(300);
    let amounts = || {
        let snapshot = registry.snapshot();
        let held = snapshot.throughput(&throughput).unwrap();
        held.rates()
            .iter()
            .map(|rate| rate.amount)
            .collect::<Vec<_>>()
    };
    for (passed, expected) in [
        (1, [300; 3]),
        (5, [0, 300, 300]),
        (25, [0, 0, 300]),
        (30, [0; 3]),
    ] {
        clock.advance(seconds(passed));
        assert_eq!(amounts(), expected, "{passed} s on");
    }
    throughput.add(5);
    clock.advance(seconds(1));
    assert_eq!(amounts(), [5; 3]);
    clock.advance(days(3));
    assert_eq!(amounts(), [0; 3]);
    assert!(registry.render_prometheus().contains("t_total 305\n"));
}

#[test]
fn a_timer_survives_a_clock_that_goes_back_stalls_or_jumps() {
    let _beside = beside_others();
    let (clock, registry) = with_clock(Duration::ZERO);
    let histogram = registry
        .histogram("h", "", HistogramOptions::durations().recent(10))
        .unwrap();
    let timed = |from: Duration, to: Duration| {
        clock.set(from);
        let timer = histogram.start();
        clock.set(to);
        timer.stop().unwrap()
    };
    let nanosecond = Duration::from_nanos(1);
    assert_eq!(timed(seconds(5), seconds(4)), nanosecond, "back");
    assert_eq!(timed(days(9), Duration::ZERO), nanosecond, "back by days");
    assert_eq!(timed(seconds(5), seconds(5)), nanosecond, "stalled");
    assert_eq!(
        timed(seconds(5), seconds(95)),
        seconds(90),
        "by more than a minute"
    );
    let snapshot = histogram.snapshot();
    assert_eq!(
        (snapshot.count(), snapshot.rejected(), snapshot.sum()),
        (4, 0, 90_000_000_003)
    );
    assert_eq!(timed(seconds(5), seconds(5) + days(2)), days(2));
    // The clock goes no further.
    let end = Duration::from_nanos(u64::MAX);
    assert_eq!(timed(Duration::ZERO, Duration::MAX), end);
    let snapshot = histogram.snapshot();
    assert_eq!(
        (snapshot.count(), snapshot.rejected(), snapshot.sum()),
        (6, 0, 90_000_000_003 + days(2).as_nanos() + end.as_nanos())
    );
    assert_eq!(snapshot.recent().unwrap().last_read(), Some(u64::MAX));
}

#[test]
fn staleness_survives_a_clock_that_goes_back_stalls_or_jumps() {
    let _beside = beside_others();
    let (clock, registry) = with_clock(seconds(10));
    let (counter, histogram, throughput) = three(&registry, 0);
    let write = || {
        counter.inc();
        histogram.record(1);
        throughput.add(1);
    };
    let reads = || {
        let snapshot = registry.snapshot();
        let in_registry = shown_three(&snapshot);
        assert_eq!(in_registry, [in_registry[0]; 3]);
        [
            in_registry[0],
            histogram.snapshot().count(),
            throughput.snapshot().total(),
        ]
    };
    clock.set(seconds(100));
    write();
    assert_eq!(reads(), [1; 3]);
    // Stalled: young for as long as that lasts, but for what never waits.
    (0..500).for_each(|_| write());
    assert_eq!(reads(), [1; 3]);
    assert_eq!(
        (counter.get(), histogram.latest().age),
        (501, Duration::ZERO)
    );
    assert_eq!(histogram.reset().count(), 501, "a reset knows no staleness");
    assert_eq!(
        (
            histogram.snapshot().count(),
            histogram.latest().snapshot.count()
        ),
        (0, 0),
        "and shows at once"
    );
    histogram.record(1);
    let snapshot = registry.snapshot();
    assert_eq!((shown(&snapshot, "c"), shown(&snapshot, "h")), (501, 1));
    // Back, and nothing is young; at the earlier time the new one is.
    clock.set(seconds(99));
    write();
    let snapshot = registry.snapshot();
    assert_eq!(shown_three(&snapshot), [502, 2, 502]);
    write();
    assert!(Arc::ptr_eq(&snapshot, &registry.snapshot()));
    // Days on.
    clock.advance(days(4));
    assert_eq!(histogram.latest().age, days(4));
    let snapshot = registry.snapshot();
    assert_eq!(shown_three(&snapshot), [503, 3, 503]);
    assert_eq!(histogram.latest().age, Duration::ZERO);
    // Back by days: no age is negative.
    clock.set(seconds(1));
    assert_eq!(histogram.latest().age, Duration::ZERO);
    write();
    assert_eq!(histogram.snapshot().count(), 4);
}

/// A clock that reads and writes metrics of the registry that asks it for the time, but not from inside itself.
#[derive(Default)]
struct ReadsMetrics {
    metrics: OnceLock<Arc<Metrics>>,
    calls: AtomicU64,
}

impl std::fmt::Debug for ReadsMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReadsMetrics")
    }
}

impl Clock for ReadsMetrics {
    fn now(&self) -> Duration {
        thread_local! {
            static INSIDE: Cell<bool> = const { Cell::new(false) };
        }
        let call = self.calls.fetch_add(1, SeqCst);
        if let Some(metrics) = self.metrics.get()
            && !INSIDE.replace(true)
        {
            metrics.counter.inc();
            metrics.histogram.record(7);
            metrics.throughput.add(3);
            metrics.histogram.snapshot();
            metrics.throughput.snapshot();
            metrics.collector.registry().snapshot();
            metrics
                .collector
                .record_mode_transition(if call.is_multiple_of(2) {
                    "even"
                } else {
                    "odd"
                });
            // Something is new for the one who asked.
            metrics.histogram.record(7);
            metrics.throughput.add(3);
            INSIDE.set(false);
        }
        Duration::from_micros(call)
    }
}

/// No lock is held while a clock is asked, except those of the collector's sections, which this one does not read.
#[test]
fn a_clock_may_read_metrics() {
    let _beside = beside_others();
    let clock = Arc::new(ReadsMetrics::default());
    let metrics = Arc::new(Metrics::by(clock.clone()));
    assert!(clock.metrics.set(Arc::clone(&metrics)).is_ok());
    let (done, is_done) = mpsc::channel();
    // Left alone if it never ends.
    std::thread::spawn(move || {
        for round in 0..3 {
            for (what, read) in metrics.reads() {
                metrics.write(1 + 400 * round);
                read();
                done.send(what).unwrap();
            }
            metrics.histogram.reset();
            metrics.histogram.try_reset();
            metrics.throughput.reset();
            metrics.collector.record_mode_transition("by hand");
            metrics.collector.reset();
            drop(metrics.histogram.start());
            done.send("resets").unwrap();
        }
    });
    let mut last = "nothing";
    loop {
        match is_done.recv_timeout(seconds(30)) {
            Ok(what) => last = what,
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("a deadlock after {last}"),
        }
    }
    assert_eq!(last, "resets");
    assert!(clock.calls.load(SeqCst) > 100);
}

/// While writers go on, no value is current when the next reader has the lock. Sixteen readers wait for one that rebuilds; they
/// do not rebuild one after the other.
#[test]
fn a_rebuild_serves_every_reader_that_waited() {
    const READERS: u64 = 16;
    let _beside = beside_others();
    let (cached, looked) = (CachedValue::new(()), AtomicU64::new(0));
    let outdated = |(): &()| {
        looked.fetch_add(1, SeqCst);
        false
    };
    std::thread::scope(|scope| {
        let read = || {
            cached.read(outdated, || {
                // The first one waits until all others have found the value outdated, and stand before the lock.
                until("all have looked", || looked.load(SeqCst) >= READERS);
                std::thread::sleep(Duration::from_millis(50));
            });
        };
        (0..READERS).for_each(|_| {
            scope.spawn(read);
        });
    });
    let stats = cached.stats();
    assert_eq!(stats.hits + stats.rebuilds, READERS);
    assert!(stats.rebuilds <= READERS / 2, "{stats:?}");
}

pub(crate) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn days(n: u64) -> Duration {
    seconds(n * 24 * 3600)
}

pub(crate) fn with_clock(max_staleness: Duration) -> (Arc<ManualClock>, Registry) {
    let clock = Arc::new(ManualClock::new());
    let registry = Registry::builder()
        .clock(clock.clone())
        .max_staleness(max_staleness)
        .build();
    (clock, registry)
}

/// The rate over the only window, of 5 s, by `clock` at a second.
fn rate_at(clock: &ManualClock, throughput: &Throughput, second: u64) -> f64 {
    clock.set(seconds(second));
    let rates = throughput.snapshot();
    let [rate] = rates.rates() else {
        panic!("one window")
    };
    let per_second = rate.per_second.expect("a whole second has passed");
    assert!(per_second.is_finite() && per_second >= 0.0);
    per_second
}
