//! Conservation under load: whatever writers, readers and dying threads do at once, no sample is lost or doubled, and
//! what a snapshot shows is a prefix of each thread's samples, holds all that happened before it was asked for, and
//! never goes back.
//!
//! `EPOCH_STRESS=10` makes every test ten times as long.

#[cfg(target_os = "linux")]
#[path = "../interrupts/mod.rs"]
mod interrupts;
#[cfg(target_os = "linux")]
mod preempted;
mod resets;
mod samples;
mod sections;
#[cfg(target_os = "linux")]
mod victims;

use epoch_metrics::{Counter, Histogram, HistogramOptions, Ownership, Registry, Throughput};
use samples::{Seen, THREADS, check, check_prefixes, sum_of, value};
use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

#[test]
fn tight_writers_are_conserved() {
    let options = HistogramOptions::values(1, 255).recent(0);
    conserves(
        "8 tight writers",
        options,
        THREADS,
        scaled(10_000_000),
        || {},
    );
}

#[test]
fn tight_writers_that_share_are_conserved() {
    let options = HistogramOptions::values(1, 255).recent(0);
    let options = options.ownership(Ownership::Never);
    conserves(
        "8 tight writers that share",
        options,
        THREADS,
        scaled(1_000_000),
        || {},
    );
}

#[test]
fn tight_writers_are_conserved_with_recent_samples() {
    conserves(
        "8 tight writers, recent samples kept",
        HistogramOptions::values(1, 255).recent(1000),
        THREADS,
        scaled(5_000_000),
        || {},
    );
}

/// On two processors the reader and the writer then run at the same time, all of the time.
#[test]
fn one_tight_writer_is_conserved() {
    let options = HistogramOptions::values(1, 255).recent(0);
    conserves("1 tight writer", options, 1, scaled(100_000_000), || {});
}

#[test]
fn writers_that_take_their_time_are_conserved() {
    conserves(
        "8 writers with work between records",
        HistogramOptions::values(1, 255).recent(0),
        THREADS,
        scaled(50_000),
        || {
            for _ in 0..200 {
                std::hint::spin_loop();
            }
        },
    );
}

fn conserves(what: &str, options: HistogramOptions, threads: u64, each: u64, between: fn()) {
    let histogram = Registry::new().histogram("h", "", options).unwrap();
    let seen = watched(&histogram, true, || {
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let histogram = &histogram;
                scope.spawn(move || {
                    for i in 0..each {
                        histogram.record(value(thread, i));
                        between();
                    }
                });
            }
        });
    });
    seen.print(what);
    let end = histogram.snapshot();
    assert_eq!(end.uncertain(), 0, "nobody is inside of a record any more");
    assert_eq!(end.count(), threads * each);
    assert_eq!(
        end.sum(),
        (0..threads)
            .map(|thread| u128::from(sum_of(thread, each)))
            .sum::<u128>()
    );
    check_prefixes(&end);
}

/// Slots are handed from thread to thread, and the next one continues the last one's cells.
#[test]
fn threads_that_come_and_go_are_conserved() {
    const EACH: u64 = 2_000;
    let waves = scaled(1_000) / THREADS;
    let registry = Registry::new();
    let histogram = registry
        .histogram("h", "", HistogramOptions::values(1, 255).recent(100))
        .unwrap();
    let counter = registry.counter("c", "").unwrap();
    let throughput = registry.throughput("t", "").unwrap();
    let seen = watched(&histogram, false, || {
        for _ in 0..waves {
            std::thread::scope(|scope| {
                for thread in 0..THREADS {
                    let (histogram, counter, throughput) = (&histogram, &counter, &throughput);
                    scope.spawn(move || {
                        for i in 0..EACH {
                            histogram.record(value(thread, i));
                            counter.add(i);
                            throughput.add(3);
                        }
                    });
                }
            });
        }
    });
    seen.print("threads that come and go");
    let end = histogram.snapshot();
    assert_eq!((end.uncertain(), end.count()), (0, waves * THREADS * EACH));
    assert_eq!(
        end.sum(),
        (0..THREADS)
            .map(|thread| u128::from(waves * sum_of(thread, EACH)))
            .sum::<u128>()
    );
    assert_eq!(counter.get(), waves * THREADS * (EACH * (EACH - 1) / 2));
    assert_eq!(throughput.snapshot().total(), waves * THREADS * EACH * 3);
}

/// Enough for the writes of threads that end at the same time to meet, should they have the same slot.
const LATE: u64 = 3_000;

/// Writes when it is dropped: by a thread-local destructor, that is at its thread's very end.
struct WritesLast(Counter, Histogram, Throughput);

impl Drop for WritesLast {
    fn drop(&mut self) {
        for _ in 0..LATE {
            self.0.inc();
            self.1.record(7);
            self.2.add(5);
        }
        // As often as there are samples, but refused.
        self.1.record(256);
    }
}

/// Destructors run in the opposite order of first uses: one of the two runs after the library's own.
#[test]
fn writes_of_late_thread_local_destructors_are_counted() {
    thread_local! {
        static USED_BEFORE: OnceCell<WritesLast> = const { OnceCell::new() };
        static USED_AFTER: OnceCell<WritesLast> = const { OnceCell::new() };
    }
    let registry = Registry::new();
    let histogram = registry
        .histogram("h", "", HistogramOptions::values(1, 255))
        .unwrap();
    let counter = registry.counter("c", "").unwrap();
    let throughput = registry.throughput("t", "").unwrap();
    let threads = scaled(400);
    for write_while_alive in [true, false] {
        let (counts, before) = (counter.get(), histogram.snapshot());
        for _ in 0..threads / 4 {
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        let late =
                            || WritesLast(counter.clone(), histogram.clone(), throughput.clone());
                        USED_BEFORE.with(|cell| assert!(cell.set(late()).is_ok()));
                        if write_while_alive {
                            counter.inc();
                            histogram.record(7);
                            throughput.add(5);
                        }
                        USED_AFTER.with(|cell| assert!(cell.set(late()).is_ok()));
                    });
                }
            });
        }
        // A scope ends when its threads' functions do; their destructors may still run, and those who count must wait.
        let writes = threads * (2 * LATE + u64::from(write_while_alive));
        let complete = || {
            counter.get() == counts + writes
                && histogram.snapshot().rejected() == before.rejected() + 2 * threads
        };
        (0..10_000)
            .take_while(|_| !complete())
            .for_each(|_| std::thread::sleep(Duration::from_millis(1)));
        assert_eq!(
            counter.get(),
            counts + writes,
            "written while alive: {write_while_alive}"
        );
        let since = histogram.snapshot().since(&before).unwrap();
        assert_eq!(
            (since.count(), since.sum(), since.rejected()),
            (writes, u128::from(7 * writes), 2 * threads)
        );
    }
    assert_eq!(throughput.snapshot().total(), 5 * counter.get());
}

/// Runs `write` while a reader watches, and stops the reader whether or not `write` panics.
fn watched(histogram: &Histogram, prefixes: bool, write: impl FnOnce()) -> Seen {
    let running = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| watch(histogram, &running, prefixes));
        let stop = Stop(&running);
        write();
        drop(stop);
        reader.join().unwrap()
    })
}

/// Reads without pause until told to stop.
fn watch(histogram: &Histogram, running: &AtomicBool, prefixes: bool) -> Seen {
    let (mut seen, mut last, mut before) = (Seen::default(), [0; 256], histogram.snapshot());
    while running.load(SeqCst) {
        let snapshot = histogram.snapshot();
        if Arc::ptr_eq(&snapshot, &before) {
            continue;
        }
        seen.note(&snapshot);
        check(&snapshot, &mut last);
        if prefixes {
            check_prefixes(&snapshot);
        }
        before = snapshot;
    }
    seen
}

/// Tells readers to stop, whether or not something panicked.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(false, SeqCst);
    }
}

/// How often, or how much: the standard amount times `EPOCH_STRESS`.
fn scaled(standard: u64) -> u64 {
    let factor = std::env::var("EPOCH_STRESS")
        .ok()
        .map_or(1, |text| text.parse().expect("EPOCH_STRESS is a number"));
    standard * factor
}
