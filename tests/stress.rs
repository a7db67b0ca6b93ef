//! Conservation under load: whatever writers, readers and dying threads do at once, no sample is lost or doubled, and what a
//! snapshot shows is a prefix of each thread's samples.
//!
//! `EPOCH_STRESS=10` makes every test ten times as long.

#![allow(
    clippy::disallowed_types,
    reason = "the rule is for src/; a test may share a plain atomic between its threads"
)]

use epoch_metrics::{Counter, Histogram, HistogramOptions, HistogramSnapshot, Registry, Throughput};
use std::cell::OnceCell;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

const THREADS: u64 = 8;
/// Values that a thread goes round and round in.
const CYCLE: u64 = 16;

/// How often, or how much: the standard amount times `EPOCH_STRESS`.
fn scaled(standard: u64) -> u64 {
    let factor = std::env::var("EPOCH_STRESS").ok().map_or(1, |text| text.parse().expect("EPOCH_STRESS is a number"));
    standard * factor
}

/// The i-th value of a thread. Each is below 256, where two digits give every value a bucket of its own, and no two threads
/// share one: what a snapshot holds of each thread can be read off its buckets.
fn value(thread: u64, i: u64) -> u64 {
    1 + thread * CYCLE + i % CYCLE
}

/// The sum of a thread's first `n` values.
fn sum_of(thread: u64, n: u64) -> u64 {
    (0..CYCLE).map(|i| cycled(n, i) * value(thread, i)).sum()
}

/// How many of the first `n` values are at place `i` of the cycle.
fn cycled(n: u64, i: u64) -> u64 {
    n / CYCLE + u64::from(i < n % CYCLE)
}

/// By bucket of [`value`]: how many.
type Counts = [u64; 256];

fn counts(snapshot: &HistogramSnapshot) -> Counts {
    let mut counts = [0; 256];
    for bucket in snapshot.buckets() {
        assert_eq!(bucket.low, bucket.high);
        counts[bucket.low as usize] = bucket.count;
    }
    counts
}

/// What must be true of every snapshot, whatever the writers are doing.
fn check(snapshot: &HistogramSnapshot, last: &mut Counts) {
    let counts = counts(snapshot);
    assert!(last.iter().zip(&counts).all(|(before, now)| before <= now), "a bucket went back");
    assert_eq!(counts.iter().sum::<u64>(), snapshot.count(), "the buckets add up to the count");
    let of_buckets: u64 = (0..).zip(&counts).map(|(value, count)| value * count).sum();
    assert!(snapshot.uncertain() <= THREADS * 100, "{} uncertain", snapshot.uncertain());
    assert!(snapshot.sum() <= of_buckets, "a sum ahead of its buckets");
    // A sample that is uncertain is in its bucket, and perhaps not in the sum.
    assert!(of_buckets - snapshot.sum() <= snapshot.uncertain() * 255, "more missing from the sum than is admitted");
    *last = counts;
}

/// That of each thread exactly the first samples are there, with no more exceptions than the snapshot admits. For threads
/// that recorded without interruption from one end of [`value`]'s sequence.
fn check_prefixes(snapshot: &HistogramSnapshot) {
    let counts = counts(snapshot);
    let mut exceptions = 0;
    for thread in 0..THREADS {
        let of_thread = |i| counts[value(thread, i) as usize];
        let n: u64 = (0..CYCLE).map(of_thread).sum();
        // The longest prefix that is wholly there.
        let prefix = (0..CYCLE).map(|i| of_thread(i) * CYCLE + i).min().unwrap();
        exceptions += n - prefix;
    }
    assert!(exceptions <= snapshot.uncertain(), "{exceptions} samples without all before them");
}

/// How many snapshots there were, and how many of them were exact.
#[derive(Default)]
struct Seen {
    different: u64,
    exact: u64,
    uncertain: u64,
}

impl Seen {
    fn note(&mut self, snapshot: &HistogramSnapshot) {
        self.different += 1;
        self.exact += u64::from(snapshot.uncertain() == 0);
        self.uncertain += snapshot.uncertain();
    }

    fn print(&self, of: &str) {
        let share = 100.0 * self.exact as f64 / self.different as f64;
        println!(
            "{of}: {} snapshots, {share:.2} % of them exact, {} samples uncertain in the others",
            self.different, self.uncertain
        );
    }
}

/// Reads without pause until told to stop.
fn watch(histogram: &Histogram, running: &AtomicBool, prefixes: bool) -> Seen {
    let (mut seen, mut last, mut before) = (Seen::default(), [0; 256], histogram.snapshot());
    while running.load(SeqCst) {
        let snapshot = histogram.snapshot();
        if std::sync::Arc::ptr_eq(&snapshot, &before) {
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

fn histogram(recent: usize) -> Histogram {
    let options = HistogramOptions::values(1, 255).recent(recent);
    Registry::new().histogram("h", "", options).unwrap()
}

/// Runs `write` while a reader watches, and stops the reader whether or not `write` panics.
fn watched(histogram: &Histogram, prefixes: bool, write: impl FnOnce()) -> Seen {
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(false, SeqCst);
        }
    }
    let running = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| watch(histogram, &running, prefixes));
        let stop = Stop(&running);
        write();
        drop(stop);
        reader.join().unwrap()
    })
}

fn conserves(what: &str, threads: u64, recent: usize, each: u64, between: fn()) {
    let histogram = histogram(recent);
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
    assert_eq!(end.sum(), (0..threads).map(|thread| sum_of(thread, each)).sum::<u64>());
    check_prefixes(&end);
}

#[test]
fn tight_writers_are_conserved() {
    conserves("8 tight writers", THREADS, 0, scaled(10_000_000), || {});
}

#[test]
fn tight_writers_are_conserved_with_recent_samples() {
    conserves("8 tight writers, recent samples kept", THREADS, 1000, scaled(5_000_000), || {});
}

/// On two processors the reader and the writer then run at the same time, all of the time.
#[test]
fn one_tight_writer_is_conserved() {
    conserves("1 tight writer", 1, 0, scaled(100_000_000), || {});
}

#[test]
fn writers_that_take_their_time_are_conserved() {
    conserves("8 writers with work between records", THREADS, 0, scaled(50_000), || {
        for _ in 0..200 {
            std::hint::spin_loop();
        }
    });
}

/// Slots are handed from thread to thread, and the next one continues the last one's cells.
#[test]
fn threads_that_come_and_go_are_conserved() {
    const EACH: u64 = 2_000;
    let waves = scaled(1_000) / THREADS;
    let registry = Registry::new();
    let histogram = registry.histogram("h", "", HistogramOptions::values(1, 255).recent(100)).unwrap();
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
    assert_eq!(end.sum(), (0..THREADS).map(|thread| waves * sum_of(thread, EACH)).sum::<u64>());
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
    let histogram = registry.histogram("h", "", HistogramOptions::values(1, 255)).unwrap();
    let counter = registry.counter("c", "").unwrap();
    let throughput = registry.throughput("t", "").unwrap();
    let threads = scaled(400);
    for write_while_alive in [true, false] {
        let (counts, before) = (counter.get(), histogram.snapshot());
        for _ in 0..threads / 4 {
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        let late = || WritesLast(counter.clone(), histogram.clone(), throughput.clone());
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
        let complete =
            || counter.get() == counts + writes && histogram.snapshot().rejected() == before.rejected() + 2 * threads;
        for _ in 0..10_000 {
            if complete() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert_eq!(counter.get(), counts + writes, "written while alive: {write_while_alive}");
        let since = histogram.snapshot().since(&before).unwrap();
        assert_eq!((since.count(), since.sum(), since.rejected()), (writes, 7 * writes, 2 * threads));
    }
    assert_eq!(throughput.snapshot().total(), 5 * counter.get());
}
