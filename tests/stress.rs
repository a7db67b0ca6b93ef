//! Conservation under load: whatever writers, readers and dying threads do at once, no sample is lost or doubled, and what a
//! snapshot shows is a prefix of each thread's samples, holds all that happened before it was asked for, and never goes back.
//!
//! `EPOCH_STRESS=10` makes every test ten times as long.

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

/// How many snapshots there were, how many of them were exact, and how uncertain the others.
#[derive(Default)]
struct Seen {
    different: u64,
    exact: u64,
    uncertain: u64,
    most: u64,
}

impl Seen {
    fn note(&mut self, snapshot: &HistogramSnapshot) {
        self.different += 1;
        self.exact += u64::from(snapshot.uncertain() == 0);
        self.uncertain += snapshot.uncertain();
        self.most = self.most.max(snapshot.uncertain());
    }

    fn print(&self, of: &str) {
        let share = 100.0 * self.exact as f64 / self.different as f64;
        println!(
            "{of}: {} snapshots, {share:.2} % of them exact, {} samples uncertain in the others, at most {}",
            self.different, self.uncertain, self.most
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

/// Tells readers to stop, whether or not something panicked.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(false, SeqCst);
    }
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

/// Threads that are interrupted at any instruction, and have fewer processors than there are of them.
#[cfg(target_os = "linux")]
mod preempted {
    use super::*;
    use epoch_metrics::{RegistrySnapshot, Value};
    use std::sync::atomic::{
        AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    };
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    fn random(state: &mut u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *state >> 33
    }

    static INTERRUPTIONS: AtomicU64 = AtomicU64::new(0);

    /// Gives the processor away, sleeps, or dawdles: a number of its own for each call says which.
    extern "C" fn interrupt(_: libc::c_int) {
        // SAFETY: the calling thread's own.
        let errno = unsafe { libc::__errno_location() };
        // SAFETY: valid as long as the thread.
        let saved = unsafe { *errno };
        let mut state = INTERRUPTIONS.fetch_add(1, Relaxed);
        random(&mut state);
        match random(&mut state) % 8 {
            0..3 => {
                // SAFETY: a system call without arguments.
                unsafe { libc::sched_yield() };
            }
            3..5 => {
                let time = libc::timespec { tv_sec: 0, tv_nsec: (random(&mut state) % 50_000) as libc::c_long };
                // SAFETY: a system call that reads `time`.
                unsafe { libc::nanosleep(&raw const time, std::ptr::null_mut()) };
            }
            5 => (0..random(&mut state) % 300).for_each(|_| std::hint::spin_loop()),
            _ => {}
        }
        // SAFETY: as above.
        unsafe { *errno = saved };
    }

    fn be_interrupted() {
        let handler: extern "C" fn(libc::c_int) = interrupt;
        // SAFETY: plain data, for which zero is a value.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        // SAFETY: the handler does nothing but system calls and atomics.
        let failed = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
        assert_eq!(failed, 0);
    }

    /// Lets the calling thread, and those that it starts, run on the first `processors` of those that it may run on.
    fn confine(processors: usize) {
        // SAFETY: plain data, for which zero, no processor, is a value.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: `set` is as large as is said.
        let failed = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
        assert_eq!(failed, 0);
        let mut found = 0;
        for processor in 0..libc::CPU_SETSIZE as usize {
            // SAFETY: a bit of the set.
            if unsafe { libc::CPU_ISSET(processor, &set) } {
                found += 1;
                if found > processors {
                    // SAFETY: as above.
                    unsafe { libc::CPU_CLR(processor, &mut set) };
                }
            }
        }
        // SAFETY: as with `sched_getaffinity`.
        let failed = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
        assert_eq!(failed, 0);
    }

    /// The threads that may be interrupted.
    #[derive(Default)]
    struct Victims(Mutex<Vec<libc::pthread_t>>);

    /// A thread that may be interrupted as long as this lives.
    struct Victim<'a>(&'a Victims, libc::pthread_t);

    impl Victims {
        fn enter(&self) -> Victim<'_> {
            // SAFETY: names the calling thread.
            let thread = unsafe { libc::pthread_self() };
            self.0.lock().unwrap().push(thread);
            Victim(self, thread)
        }

        /// Interrupts one after the other until told to stop. How often.
        fn torment(&self, running: &AtomicBool) -> u64 {
            // SAFETY: lets the calling thread's sleeps end when they should, and nothing else.
            let failed = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1) };
            assert_eq!(failed, 0);
            let (mut state, mut signals) = (1, 0);
            while running.load(SeqCst) {
                let victims = self.0.lock().unwrap();
                for _ in 0..4.min(victims.len()) {
                    let victim = victims[random(&mut state) as usize % victims.len()];
                    // SAFETY: a thread leaves the list, which is locked, before it ends.
                    let failed = unsafe { libc::pthread_kill(victim, libc::SIGUSR1) };
                    assert_eq!(failed, 0);
                    signals += 1;
                }
                drop(victims);
                // Who wakes up takes the processor from somebody, wherever that one is.
                std::thread::sleep(Duration::from_nanos(random(&mut state) % 20_000));
            }
            signals
        }
    }

    impl Drop for Victim<'_> {
        fn drop(&mut self) {
            self.0.0.lock().unwrap().retain(|thread| *thread != self.1);
        }
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
            let own = (0..THREADS).map(|thread| registry.counter(&format!("own_{thread}"), "").unwrap()).collect();
            let shared = registry.counter("shared", "").unwrap();
            let histogram = registry.histogram("h", "", HistogramOptions::values(1, 255).recent(recent)).unwrap();
            let throughput = registry.throughput("t", "").unwrap();
            let (progress, handed, victims) = Default::default();
            Self { registry, own, shared, histogram, throughput, progress, handed, victims }
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
            assert!(before[what] <= seen, "{seen} after another reader saw {}", before[what]);
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
                assert!(recorded <= seen, "{seen} samples of thread {thread}, which had recorded {recorded}");
                ahead += seen.saturating_sub(begun[at] * CYCLE);
            }
            assert!(ahead <= snapshot.uncertain(), "{ahead} samples that nobody began to record");
        }

        fn read_histogram(&self, running: &AtomicBool) -> Seen {
            let _victim = self.victims.enter();
            let (mut seen, mut last, mut before) = (Seen::default(), [0; 256], self.histogram.snapshot());
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
            let (mut reads, mut last, mut before) = (0, [0; THREADS as usize], self.registry.snapshot());
            while running.load(SeqCst) {
                let (returned, handed) = (self.returned(), self.handed());
                let snapshot = self.registry.snapshot();
                let begun = self.begun();
                let own: EachThread = std::array::from_fn(|thread| counted(&snapshot, &format!("own_{thread}")));
                for thread in 0..THREADS as usize {
                    let (least, most) = (returned[thread].max(last[thread]), begun[thread]);
                    assert!((least..=most).contains(&own[thread]), "{} of {least} to {most}", own[thread]);
                }
                last = own;
                let shared = counted(&snapshot, "shared");
                self.hand_over(1, shared, handed);
                assert!(returned.iter().sum::<u64>() <= shared, "{shared} counted together after {returned:?}");
                assert!(shared <= own.iter().sum(), "{shared} counted together and {own:?}, which come before");
                let total = counted(&snapshot, "t");
                self.hand_over(2, total, handed);
                let all = returned.iter().sum()..=begun.iter().sum();
                assert!(all.contains(&total), "a total of {total} after {returned:?}");
                let Value::Histogram(histogram) = value_of(&snapshot, "h") else { panic!("a histogram") };
                self.hand_over(0, histogram.count(), handed);
                self.check_histogram(histogram, &returned);
                check_prefixes(histogram);
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
                assert!(returned <= total && returned <= counted, "{total} and {counted} after {returned}");
                // A counter's own value can be ahead of the snapshots that others get, but not behind those that they got.
                assert!(handed[1] <= counted);
                self.hand_over(2, total, handed);
                reads += 1;
                std::thread::yield_now();
            }
            reads
        }
    }

    fn value_of<'a>(snapshot: &'a RegistrySnapshot, name: &str) -> Value<'a> {
        snapshot.family(name).unwrap().series().next().unwrap().value()
    }

    fn counted(snapshot: &RegistrySnapshot, name: &str) -> u64 {
        match value_of(snapshot, name) {
            Value::Counter(value) => value,
            Value::Throughput(throughput) => throughput.total(),
            other => panic!("{other:?} is not counted"),
        }
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
        assert_eq!(end.sum(), (0..THREADS).map(|thread| sum_of(thread, each * CYCLE)).sum::<u64>());
        check_prefixes(&end);
        stressed.own.iter().for_each(|own| assert_eq!(own.get(), each));
        assert_eq!((stressed.shared.get(), stressed.throughput.snapshot().total()), (THREADS * each, THREADS * each));
    }

    #[test]
    fn writers_interrupted_on_one_processor_are_conserved() {
        survives("8 writers interrupted on one processor", 1, 0, scaled(100_000));
    }

    #[test]
    fn writers_interrupted_on_two_processors_are_conserved() {
        survives("8 writers interrupted on two processors", 2, 0, scaled(100_000));
    }

    #[test]
    fn writers_interrupted_are_conserved_with_recent_samples() {
        survives("8 writers interrupted, recent samples kept", 2, 100, scaled(50_000));
    }
}
