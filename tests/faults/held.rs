//! A reader that a signal holds, at any instruction.

use crate::interrupts::{keeping_errno, on_interruption, random};
use crate::metrics::{Metrics, shown};
use crate::trap::armed;
use crate::{Release, alone, until};
use epoch_metrics::{Histogram, HistogramOptions, HistogramSnapshot};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

/// The reader is suspended at an arbitrary instruction, again and again, and the writer writes on, without a lock or an
/// allocation that could make it wait: more than its queue holds.
#[test]
fn no_writer_waits_for_a_reader_that_a_signal_stopped() {
    const ROUNDS: u64 = 1_000;
    const BATCH: u64 = 1_000;
    let _alone = alone();
    // SAFETY: the handler does nothing but system calls and atomics.
    unsafe { on_interruption(hold) };
    let subject = Subject::new();
    let (returned, thread) = (&subject.returned, AtomicU64::new(0));
    std::thread::scope(|scope| {
        let release = Release(|| {
            subject.running.store(false, SeqCst);
            RELEASED.store(u64::MAX, SeqCst);
        });
        scope.spawn(|| subject.write());
        let reader = scope.spawn(|| {
            // SAFETY: names the calling thread.
            thread.store(unsafe { libc::pthread_self() } as u64, SeqCst);
            subject.read()
        });
        until("both are under way", || {
            thread.load(SeqCst) != 0 && returned.load(SeqCst) > BATCH
        });
        let thread = thread.load(SeqCst) as libc::pthread_t;
        let (mut inside, mut state) = (0_u64, 1);
        for round in 1..=ROUNDS {
            // Another rebuild than the last one: from its beginning to after its end, or any time later.
            let begun = BEGUN.load(SeqCst);
            until("the reader begins a rebuild", || {
                BEGUN.load(SeqCst) != begun || reader.is_finished()
            });
            let pause = random(&mut state) % if round % 2 == 0 { 100 } else { 2_000 };
            (0..pause).for_each(|_| std::hint::spin_loop());
            assert!(!reader.is_finished());
            ROUND.store(round, SeqCst);
            // SAFETY: the reader does not end before it is told to, after the last signal.
            let failed = unsafe { libc::pthread_kill(thread, libc::SIGUSR1) };
            assert_eq!(failed, 0);
            until("the reader is held", || {
                HELD.load(SeqCst) == round || reader.is_finished()
            });
            assert!(!reader.is_finished());
            inside += u64::from(INSIDE.load(SeqCst));
            let before = returned.load(SeqCst);
            until("the writer writes on", || {
                returned.load(SeqCst) >= before + BATCH
            });
            RELEASED.store(round, SeqCst);
        }
        drop(release);
        let reads = reader.join().unwrap();
        println!("{reads} reads, held {ROUNDS} times, {inside} of them inside of a rebuild");
        assert!(
            inside > 0,
            "never held inside of a rebuild, so nothing was tested"
        );
    });
    let end = subject.histogram.snapshot();
    assert_eq!((end.count(), end.uncertain()), (returned.load(SeqCst), 0));
    check_prefix(&end);
    assert_eq!(subject.metrics.counter.get(), end.count());
    assert_eq!(
        subject.metrics.throughput.snapshot().total(),
        3 * end.count()
    );
}

/// The round that is to be held, that is held, and that was released.
static ROUND: AtomicU64 = AtomicU64::new(0);
static HELD: AtomicU64 = AtomicU64::new(0);
static RELEASED: AtomicU64 = AtomicU64::new(0);

/// Holds the thread that it interrupts, wherever that is.
extern "C" fn hold(_: libc::c_int) {
    keeping_errno(|| {
        let round = ROUND.load(SeqCst);
        HELD.store(round, SeqCst);
        let time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 1_000,
        };
        while RELEASED.load(SeqCst) < round {
            // SAFETY: a system call that reads `time`.
            unsafe { libc::nanosleep(&raw const time, std::ptr::null_mut()) };
        }
    });
}

/// The rebuilds that the reader was about to begin, and whether it is at one.
static BEGUN: AtomicU64 = AtomicU64::new(0);
static INSIDE: AtomicBool = AtomicBool::new(false);

fn begin() {
    BEGUN.fetch_add(1, SeqCst);
    INSIDE.store(true, SeqCst);
}

/// What the writer and the reader are at.
struct Subject {
    metrics: Metrics,
    /// Reading it is mostly the copying of its queue, which the writer must be seen to overrun.
    histogram: Histogram,
    /// Rounds that the writer has started, and those of which every write has returned.
    started: AtomicU64,
    returned: AtomicU64,
    running: AtomicBool,
}

impl Subject {
    fn new() -> Self {
        let metrics = Metrics::new();
        let options = HistogramOptions::values(1, 255);
        let histogram = metrics
            .collector
            .registry()
            .histogram("plain", "", options)
            .unwrap();
        let (started, returned) = Default::default();
        Self {
            metrics,
            histogram,
            started,
            returned,
            running: AtomicBool::new(true),
        }
    }

    fn write(&self) {
        for i in 0.. {
            self.started.store(i + 1, SeqCst);
            self.metrics.counter.inc();
            self.histogram.record(value(i));
            self.metrics.throughput.add(3);
            self.returned.store(i + 1, SeqCst);
            if !self.running.load(SeqCst) {
                break;
            }
            // At a pace that lets the reader find less than a queue, and more; while it is held, without pause.
            for _ in 0..(i / 5_000) % 5 * u64::from(HELD.load(SeqCst) == RELEASED.load(SeqCst)) {
                std::hint::spin_loop();
            }
        }
    }

    /// How often.
    fn read(&self) -> u64 {
        let mut reads = 0;
        while self.running.load(SeqCst) {
            let before = self.returned.load(SeqCst);
            let (_, shown) = armed(1, begin, || self.read_one(reads % 8));
            INSIDE.store(false, SeqCst);
            let after = self.started.load(SeqCst);
            for count in shown.expect("no assertion failed") {
                assert!(
                    (before..=after).contains(&count),
                    "{count} shown of {before} to {after}"
                );
            }
            reads += 1;
        }
        reads
    }

    /// Rounds that are shown: by the counter, the histogram, the throughput, or by one that stands for all.
    fn read_one(&self, which: u64) -> [u64; 3] {
        match which {
            0 => {
                let snapshot = self.metrics.collector.registry().snapshot();
                let [counter, samples, total] =
                    ["c", "plain", "t"].map(|name| shown(&snapshot, name));
                assert_eq!(total % 3, 0);
                [counter, samples, total / 3]
            }
            1 => [self.metrics.throughput.snapshot().total() / 3; 3],
            _ => {
                let snapshot = self.histogram.snapshot();
                INSIDE.store(false, SeqCst);
                check_prefix(&snapshot);
                [snapshot.count(); 3]
            }
        }
    }
}

/// Each is 1 to 251, and two digits give each a bucket of its own.
fn value(i: u64) -> u64 {
    1 + i % 251
}

/// That exactly the first samples are there, with no more exceptions than the snapshot admits.
fn check_prefix(snapshot: &HistogramSnapshot) {
    let mut counts = [0; 251];
    snapshot
        .buckets()
        .for_each(|bucket| counts[bucket.low as usize - 1] = bucket.count);
    let (n, uncertain) = (counts.iter().sum::<u64>(), snapshot.uncertain());
    assert_eq!(n, snapshot.count());
    let prefix = (0..)
        .zip(&counts)
        .map(|(at, count)| count * 251 + at)
        .min()
        .unwrap();
    assert!(
        n - prefix <= uncertain,
        "{} samples without all before them, {uncertain} admitted",
        n - prefix
    );
    let of_buckets: u128 = (1..)
        .zip(&counts)
        .map(|(value, count)| value * u128::from(*count))
        .sum();
    assert!(
        snapshot.sum() <= of_buckets && of_buckets - snapshot.sum() <= u128::from(251 * uncertain),
        "sum"
    );
}
