//! Threads that are interrupted at any instruction, and have fewer processors than there are of them.

use crate::interrupts::random;
use crate::samples::{CYCLE, Seen, THREADS, check, check_prefixes, counts, sum_of, value};
use crate::victims::{Victims, be_interrupted, confine};
use crate::{Stop, scaled};
use epoch_metrics::{
    Counter, Histogram, HistogramOptions, HistogramSnapshot, Registry, RegistrySnapshot,
    Throughput, Value,
};
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{AcqRel, Acquire, Release, SeqCst},
};

#[test]
fn writers_interrupted_on_one_processor_are_conserved() {
    survives(
        "8 writers interrupted on one processor",
        1,
        0,
        scaled(100_000),
    );
}

#[test]
fn writers_interrupted_on_two_processors_are_conserved() {
    survives(
        "8 writers interrupted on two processors",
        2,
        0,
        scaled(100_000),
    );
}

#[test]
fn writers_interrupted_are_conserved_with_recent_samples() {
    survives(
        "8 writers interrupted, recent samples kept",
        2,
        100,
        scaled(50_000),
    );
}

fn survives(what: &str, processors: usize, recent: usize, each: u64) {
    be_interrupted();
    let stressed = Stressed::new(recent);
    let running = AtomicBool::new(true);
    std::thread::scope(|scope| {
        // A thread of its own, since those that it starts are confined with it.
        scope.spawn(|| {
            confine(processors);
            std::thread::scope(|scope| {
                let readers = [(); 2].map(|()| scope.spawn(|| stressed.read_histogram(&running)));
                let registry = scope.spawn(|| stressed.read_registry(&running));
                let others = scope.spawn(|| stressed.read_others(&running));
                let tormentor = scope.spawn(|| stressed.victims.torment(&running));
                let stop = Stop(&running);
                std::thread::scope(|scope| {
                    let stressed = &stressed;
                    (0..THREADS).for_each(|thread| drop(scope.spawn(move || stressed.write(thread, each))));
                });
                drop(stop);
                for reader in readers {
                    reader.join().unwrap().print(what);
                }
                let (registry, others) = (registry.join().unwrap(), others.join().unwrap());
                let signals = tormentor.join().unwrap();
                println!("{what}: {registry} snapshots of the registry, {others} other reads, {signals} signals");
                assert!(signals > 1_000, "{signals} signals");
            });
        });
    });
    let end = stressed.histogram.snapshot();
    assert_eq!((end.uncertain(), end.count()), (0, THREADS * each * CYCLE));
    assert_eq!(
        end.sum(),
        (0..THREADS)
            .map(|thread| u128::from(sum_of(thread, each * CYCLE)))
            .sum::<u128>()
    );
    check_prefixes(&end);
    stressed
        .own
        .iter()
        .for_each(|own| assert_eq!(own.get(), each));
    assert_eq!(
        (
            stressed.shared.get(),
            stressed.throughput.snapshot().total()
        ),
        (THREADS * each, THREADS * each)
    );
}

/// What a writer says of itself: rounds begun, and rounds of which every write has returned.
#[derive(Default)]
#[repr(align(128))]
struct Progress {
    begun: AtomicU64,
    returned: AtomicU64,
}

type EachThread = [u64; THREADS as usize];

struct Stressed {
    registry: Registry,
    /// One for each thread, then one for all.
    own: Vec<Counter>,
    shared: Counter,
    histogram: Histogram,
    throughput: Throughput,
    progress: [Progress; THREADS as usize],
    /// The most that any reader was shown: of the histogram, of the shared counter, of the throughput.
    handed: [AtomicU64; 3],
    victims: Victims,
}

impl Stressed {
    fn new(recent: usize) -> Self {
        let registry = Registry::new();
        let own = (0..THREADS)
            .map(|thread| registry.counter(&format!("own_{thread}"), "").unwrap())
            .collect();
        let shared = registry.counter("shared", "").unwrap();
        let histogram = registry
            .histogram("h", "", HistogramOptions::values(1, 255).recent(recent))
            .unwrap();
        let throughput = registry.throughput("t", "").unwrap();
        let (progress, handed, victims) = Default::default();
        Self {
            registry,
            own,
            shared,
            histogram,
            throughput,
            progress,
            handed,
            victims,
        }
    }

    fn write(&self, thread: u64, each: u64) {
        let _victim = self.victims.enter();
        let progress = &self.progress[thread as usize];
        let (mut state, mut pause) = (thread, 0);
        for i in 0..each {
            progress.begun.store(i + 1, Release);
            self.own[thread as usize].inc();
            self.shared.inc();
            (0..CYCLE).for_each(|i| self.histogram.record(value(thread, i)));
            self.throughput.add(1);
            progress.returned.store(i + 1, Release);
            // In runs that a queue holds, and in longer ones.
            if i == pause {
                pause += 1 + random(&mut state) % if pause % 2 == 0 { 20 } else { 500 };
                std::thread::yield_now();
            }
        }
    }

    fn begun(&self) -> EachThread {
        self.progress.each_ref().map(|of| of.begun.load(Acquire))
    }

    fn returned(&self) -> EachThread {
        self.progress.each_ref().map(|of| of.returned.load(Acquire))
    }

    fn handed(&self) -> [u64; 3] {
        self.handed.each_ref().map(|handed| handed.load(Acquire))
    }

    /// Hands over what was seen to every reader, and checks it against what they had handed over before this one read.
    fn hand_over(&self, what: usize, seen: u64, before: [u64; 3]) {
        assert!(
            before[what] <= seen,
            "{seen} after another reader saw {}",
            before[what]
        );
        self.handed[what].fetch_max(seen, AcqRel);
    }

    /// What must be true of a histogram's snapshot that was asked for after `returned`.
    fn check_histogram(&self, snapshot: &HistogramSnapshot, returned: &EachThread) {
        let (counts, begun) = (counts(snapshot), self.begun());
        let mut ahead = 0;
        for thread in 0..THREADS {
            let at = thread as usize;
            let seen: u64 = (0..CYCLE).map(|i| counts[value(thread, i) as usize]).sum();
            let recorded = returned[at] * CYCLE;
            assert!(
                recorded <= seen,
                "{seen} samples of thread {thread}, which had recorded {recorded}"
            );
            ahead += seen.saturating_sub(begun[at] * CYCLE);
        }
        assert!(
            ahead <= snapshot.uncertain(),
            "{ahead} samples that nobody began to record"
        );
    }

    fn read_histogram(&self, running: &AtomicBool) -> Seen {
        let _victim = self.victims.enter();
        let (mut seen, mut last, mut before) =
            (Seen::default(), [0; 256], self.histogram.snapshot());
        while running.load(SeqCst) {
            let (returned, handed) = (self.returned(), self.handed());
            let snapshot = self.histogram.snapshot();
            self.hand_over(0, snapshot.count(), handed);
            self.check_histogram(&snapshot, &returned);
            if Arc::ptr_eq(&snapshot, &before) {
                std::thread::yield_now();
                continue;
            }
            check(&snapshot, &mut last);
            check_prefixes(&snapshot);
            seen.note(&snapshot);
            before = snapshot;
        }
        seen
    }

    fn read_registry(&self, running: &AtomicBool) -> u64 {
        let _victim = self.victims.enter();
        let (mut reads, mut last, mut before) =
            (0, [0; THREADS as usize], self.registry.snapshot());
        while running.load(SeqCst) {
            let (returned, handed) = (self.returned(), self.handed());
            let snapshot = self.registry.snapshot();
            let begun = self.begun();
            let own: EachThread =
                std::array::from_fn(|thread| counted(&snapshot, &format!("own_{thread}")));
            for thread in 0..THREADS as usize {
                let (least, most) = (returned[thread].max(last[thread]), begun[thread]);
                assert!(
                    (least..=most).contains(&own[thread]),
                    "{} of {least} to {most}",
                    own[thread]
                );
            }
            last = own;
            let shared = counted(&snapshot, "shared");
            self.hand_over(1, shared, handed);
            assert!(
                returned.iter().sum::<u64>() <= shared,
                "{shared} counted together after {returned:?}"
            );
            assert!(
                shared <= own.iter().sum(),
                "{shared} counted together and {own:?}, which come before"
            );
            let total = counted(&snapshot, "t");
            self.hand_over(2, total, handed);
            let all = returned.iter().sum()..=begun.iter().sum();
            assert!(
                all.contains(&total),
                "a total of {total} after {returned:?}"
            );
            let Value::Histogram(histogram) = value_of(&snapshot, "h") else {
                panic!("a histogram")
            };
            self.hand_over(0, histogram.count(), handed);
            self.check_histogram(&histogram, &returned);
            check_prefixes(&histogram);
            match Arc::ptr_eq(&snapshot, &before) {
                true => std::thread::yield_now(),
                false => reads += 1,
            }
            before = snapshot;
        }
        reads
    }

    fn read_others(&self, running: &AtomicBool) -> u64 {
        let _victim = self.victims.enter();
        let mut reads = 0;
        while running.load(SeqCst) {
            let (returned, handed) = (self.returned().iter().sum::<u64>(), self.handed());
            let total = self.throughput.snapshot().total();
            let counted = self.shared.get();
            assert!(
                returned <= total && returned <= counted,
                "{total} and {counted} after {returned}"
            );
            // A counter's own value can be ahead of the snapshots that others get, but not behind those that they got.
            assert!(handed[1] <= counted);
            self.hand_over(2, total, handed);
            reads += 1;
            std::thread::yield_now();
        }
        reads
    }
}

fn value_of(snapshot: &RegistrySnapshot, name: &str) -> Value {
    snapshot
        .family(name)
        .unwrap()
        .series()
        .next()
        .unwrap()
        .value()
}

fn counted(snapshot: &RegistrySnapshot, name: &str) -> u64 {
    match value_of(snapshot, name) {
        Value::Counter(value) => value,
        other => panic!("{other:?} is not counted"),
    }
}
