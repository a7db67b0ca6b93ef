//! Faults: threads and readers that panic, readers that are stopped, threads by the thousand, registries that go while others
//! write, a child after `fork`, clocks that are wrong, numbers that wrap.

use epoch_metrics::{
    Clock, Counter, Histogram, HistogramOptions, HistogramSnapshot, ManualClock, MetricsCollector, Registry,
    RegistrySnapshot, Throughput, Value,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Barrier, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

/// Counts the bytes of the whole process.
struct Counting;

static LIVE: AtomicI64 = AtomicI64::new(0);

// SAFETY: hands everything to the system's allocator unchanged; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as i64, SeqCst);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as i64, SeqCst);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

static PROCESS: RwLock<()> = RwLock::new(());

/// Held by a test that may run beside others.
fn beside_others() -> RwLockReadGuard<'static, ()> {
    PROCESS.read().unwrap_or_else(PoisonError::into_inner)
}

/// Held by a test that measures the whole process, or forks it.
fn alone() -> RwLockWriteGuard<'static, ()> {
    PROCESS.write().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `done`; panics rather than hang if that never comes to be.
fn until(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(30), "waited in vain: {what}");
        std::thread::yield_now();
    }
}

/// What a thread is to do at a reading of the clock: at which, and what.
type Armed = (u64, Box<dyn FnOnce()>);

thread_local! {
    /// What the calling thread is to do at a reading of a [`Trap`].
    static TRAP: Cell<Option<Armed>> = const { Cell::new(None) };
}

/// A clock at which a thread does what it was armed with: panic, or stand still. The library reads the clock inside of each
/// rebuild.
#[derive(Debug)]
struct Trap;

impl Clock for Trap {
    fn now(&self) -> Duration {
        match TRAP.take() {
            Some((1, act)) => act(),
            Some((left, act)) => TRAP.set(Some((left - 1, act))),
            None => {}
        }
        Duration::ZERO
    }
}

/// Calls `read`, and `act` inside of it, at the `nth` reading of the clock. Whether it came to that, and what became of `read`.
fn armed<T>(nth: u64, act: impl FnOnce() + 'static, read: impl FnOnce() -> T) -> (bool, std::thread::Result<T>) {
    TRAP.set(Some((nth, Box::new(act))));
    let result = catch_unwind(AssertUnwindSafe(read));
    (TRAP.take().is_none(), result)
}

/// Unwinds without a word.
fn unwind() {
    resume_unwind(Box::new("armed"));
}

/// A way to read, and its name.
type Read<'a> = (&'static str, Box<dyn Fn() + Sync + 'a>);

/// One metric of each kind that counts, of a collector's registry, and the collector.
struct Metrics {
    collector: MetricsCollector,
    counter: Counter,
    histogram: Histogram,
    throughput: Throughput,
}

impl Metrics {
    fn new(clock: Arc<dyn Clock>) -> Self {
        let collector = MetricsCollector::builder().clock(clock).build().unwrap();
        let registry = collector.registry();
        let counter = registry.counter("c", "").unwrap();
        let histogram = registry.histogram("h", "", HistogramOptions::values(1, 255).recent(50)).unwrap();
        let throughput = registry.throughput("t", "").unwrap();
        Self { counter, histogram, throughput, collector }
    }

    fn write(&self) {
        self.counter.inc();
        self.histogram.record(7);
        self.throughput.add(3);
        self.collector.record_latency(Duration::from_millis(1));
        self.collector.record_batch_size(2);
        self.collector.record_throughput(5, 1);
    }

    /// That everything can be read in every way, and shows exactly so many writes.
    fn check(&self, written: u64, when: &str) {
        let histogram = self.histogram.snapshot();
        assert_eq!((histogram.count(), histogram.sum()), (written, 7 * written), "{when}: the histogram");
        assert_eq!((histogram.uncertain(), histogram.rejected()), (0, 0), "{when}: the histogram");
        assert_eq!(self.throughput.snapshot().total(), 3 * written, "{when}: the throughput");
        assert_eq!(self.counter.get(), written, "{when}: the counter");
        let snapshot = self.collector.registry().snapshot();
        for (name, expected) in [("c", written), ("h", written), ("t", 3 * written), ("server_tokens", 5 * written)] {
            assert_eq!(shown(&snapshot, name), expected, "{when}: {name} in the registry");
        }
        let all = self.collector.metrics();
        assert_eq!(all.latency.lifetime.count(), written, "{when}: latencies");
        assert_eq!(all.batch.lifetime.sum(), 2 * written, "{when}: batches");
        assert_eq!(all.throughput.requests.total(), written, "{when}: requests");
    }

    /// Every way to read inside of a gate.
    fn reads(&self) -> [Read<'_>; 8] {
        let registry = self.collector.registry();
        [
            ("Histogram::snapshot", Box::new(|| drop(self.histogram.snapshot()))),
            ("Throughput::snapshot", Box::new(|| drop(self.throughput.snapshot()))),
            ("Registry::snapshot", Box::new(|| drop(registry.snapshot()))),
            ("Registry::render_prometheus", Box::new(|| drop(registry.render_prometheus()))),
            ("MetricsCollector::latency", Box::new(|| drop(self.collector.latency()))),
            ("MetricsCollector::batch", Box::new(|| drop(self.collector.batch()))),
            ("MetricsCollector::throughput", Box::new(|| drop(self.collector.throughput()))),
            ("MetricsCollector::metrics", Box::new(|| drop(self.collector.metrics()))),
        ]
    }
}

/// What a metric without labels has counted.
fn shown(snapshot: &RegistrySnapshot, name: &str) -> u64 {
    match snapshot.family(name).unwrap().series().next().unwrap().value() {
        Value::Counter(value) => value,
        Value::Histogram(histogram) => histogram.count(),
        Value::Throughput(throughput) => throughput.total(),
        other => panic!("{other:?} counts nothing"),
    }
}

#[test]
fn a_thread_that_panics_records_its_timers_once_and_gives_its_slot_back() {
    let _alone = alone();
    let clock = Arc::new(ManualClock::new());
    let registry = Registry::builder().clock(clock.clone()).build();
    let histogram = registry.histogram("h", "", HistogramOptions::durations().recent(10)).unwrap();
    let counter = registry.counter("c", "").unwrap();
    let family = registry.histogram_family("f", "", HistogramOptions::durations(), &["x"]).unwrap();
    let panic_with_timers = || {
        let (histogram, counter, family, clock) = (histogram.clone(), counter.clone(), family.clone(), clock.clone());
        let thread = std::thread::spawn(move || {
            let member = family.with(&["1"]).unwrap();
            let _outer = histogram.start();
            clock.advance(Duration::from_nanos(3));
            let _inner = histogram.start();
            let _other = member.start();
            let stopped = histogram.start();
            histogram.start().discard();
            clock.advance(Duration::from_nanos(4));
            stopped.stop();
            counter.inc();
            unwind();
        });
        assert!(thread.join().is_err());
    };
    let mut live_before = 0;
    for i in 1..=1_000 {
        panic_with_timers();
        let snapshot = histogram.snapshot();
        assert_eq!((snapshot.count(), snapshot.sum(), snapshot.uncertain()), (3 * i, (7 + 4 + 4) * i, 0));
        assert_eq!(family.with(&["1"]).unwrap().snapshot().sum(), 4 * i);
        assert_eq!(shown(&registry.snapshot(), "c"), i);
        if i == 100 {
            live_before = LIVE.load(SeqCst);
        }
    }
    let grown = LIVE.load(SeqCst) - live_before;
    println!("900 further threads that panicked keep {grown} bytes");
    assert!(grown < 16 << 10, "{grown} bytes kept");
    registry.counter("another", "").expect("nothing is poisoned");
    family.with(&["2"]).unwrap().record(1);
    assert!(registry.render_prometheus().contains("f_seconds_count{x=\"2\"} 1\n"));
}

#[test]
fn ten_thousand_short_lived_threads_take_the_memory_of_two_hundred() {
    const EACH: u64 = 5;
    let _alone = alone();
    let metrics = Metrics::new(Arc::new(epoch_metrics::SystemClock::new()));
    let mut threads = 0;
    let mut wave = |size: u64| {
        let together = Barrier::new(size as usize);
        std::thread::scope(|scope| {
            let work = || {
                metrics.write();
                // All have a slot at the same time: never more than these are needed.
                together.wait();
                (1..EACH).for_each(|_| metrics.write());
            };
            // Each is waited for to its very end, its thread-locals' destructors included.
            let wave: Vec<_> = (0..size).map(|_| scope.spawn(work)).collect();
            wave.into_iter().for_each(|thread| thread.join().unwrap());
        });
        threads += size;
        threads
    };
    (1..=25).for_each(|i| metrics.check(wave(8) * EACH, &format!("after {i} waves")));
    let before = LIVE.load(SeqCst);
    let mut after = 200;
    while after < 10_000 {
        after = wave(if after % 400 == 0 { 1 } else { 8 }.min(10_000 - after));
        if after % 1_000 < 8 {
            metrics.check(after * EACH, "on the way");
        }
    }
    metrics.check(10_000 * EACH, "after 10,000 threads");
    let grown = LIVE.load(SeqCst) - before;
    println!("9,800 further threads keep {grown} bytes");
    assert!(grown < 32 << 10, "{grown} bytes kept, and a slot takes more than that");
}

#[test]
fn a_reader_that_panics_in_the_gate_leaves_it_open() {
    let _beside = beside_others();
    let metrics = Metrics::new(Arc::new(Trap));
    let mut written = 0;
    for (what, read) in metrics.reads() {
        for nth in 1.. {
            // Now and then more than a queue holds.
            let burst = if nth % 3 == 0 { 1_000 } else { 1 };
            (0..burst).for_each(|_| metrics.write());
            written += burst;
            let (fired, result) = armed(nth, unwind, &read);
            assert_eq!(fired, result.is_err());
            std::thread::scope(|scope| {
                scope.spawn(|| metrics.check(written, what));
            });
            metrics.check(written, what);
            if !fired {
                assert!(nth > 1, "{what} reads no clock, so nothing was tested");
                println!("{what}: panicked at {} readings of the clock", nth - 1);
                break;
            }
        }
    }
}

#[test]
fn a_reset_that_panics_loses_and_doubles_nothing() {
    let _beside = beside_others();
    let metrics = Metrics::new(Arc::new(Trap));
    let (mut samples, mut total) = (0, 0);
    for i in 1..=30 {
        (0..i * 40).for_each(|_| metrics.write());
        let (_, result) = armed(1 + i % 4, unwind, || metrics.histogram.reset());
        samples += result.map_or(0, |before| before.count());
        let (_, result) = armed(1 + i % 4, unwind, || metrics.throughput.reset());
        total += result.map_or(0, |before| before.total());
        // Nor does a read that panics after it.
        for (_, read) in metrics.reads() {
            let _ = armed(1 + i % 3, unwind, read);
        }
        let written = (1..=i).map(|i| i * 40).sum::<u64>();
        assert_eq!(samples + metrics.histogram.snapshot().count(), written, "after {i}");
        assert_eq!(total + metrics.throughput.snapshot().total(), 3 * written, "after {i}");
    }
    assert!(samples > 0 && total > 0);
}

#[test]
fn a_registration_that_panics_leaves_the_registry_usable() {
    let _beside = beside_others();
    let registry = Registry::builder().clock(Arc::new(Trap)).build();
    let family = registry.histogram_family("f", "", HistogramOptions::durations(), &["x"]).unwrap();
    // A histogram's first snapshot is of the time that it was made.
    assert!(armed(1, unwind, || family.with(&["1"]).map(drop)).1.is_err());
    assert!(armed(1, unwind, || registry.histogram("h", "", HistogramOptions::durations()).map(drop)).1.is_err());
    assert!(armed(1, unwind, || registry.throughput("t", "").map(drop)).1.is_err());
    family.with(&["1"]).unwrap().record(3);
    registry.throughput("t", "").unwrap().add(4);
    registry.counter("c", "").unwrap().add(5);
    let snapshot = registry.snapshot();
    assert_eq!((shown(&snapshot, "f_seconds"), shown(&snapshot, "t"), shown(&snapshot, "c")), (1, 4, 5));
    assert!(registry.render_json().contains("\"c\""));
}

#[test]
fn readers_that_panic_again_and_again_while_writers_write_lose_nothing() {
    const WRITERS: u64 = 3;
    const EACH: u64 = 2_000_000;
    let _beside = beside_others();
    let metrics = Metrics::new(Arc::new(Trap));
    let running = AtomicBool::new(true);
    let (panics, reads) = std::thread::scope(|scope| {
        let panicking = scope.spawn(|| {
            let mut panics = 0_u64;
            for nth in (1..=9).cycle().take_while(|_| running.load(SeqCst)) {
                for (_, read) in metrics.reads() {
                    panics += u64::from(armed(nth, unwind, &read).1.is_err());
                }
            }
            panics
        });
        let patient = scope.spawn(|| {
            let (mut reads, mut last) = (0_u64, [0; 3]);
            while running.load(SeqCst) {
                let snapshot = metrics.collector.registry().snapshot();
                let now = ["c", "h", "t"].map(|name| shown(&snapshot, name));
                assert!(last.iter().zip(&now).all(|(before, now)| before <= now), "{now:?} after {last:?}");
                (last, reads) = (now, reads + 1);
            }
            reads
        });
        let writers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(|| (0..EACH).for_each(|_| metrics.write()))).collect();
        let written = writers.into_iter().all(|writer| writer.join().is_ok());
        running.store(false, SeqCst);
        assert!(written);
        (panicking.join().unwrap(), patient.join().unwrap())
    });
    println!("{panics} panics inside of reads, {reads} reads beside them");
    assert!(panics > 0 && reads > 0);
    metrics.check(WRITERS * EACH, "at the end");
}

/// Where a thread stands until it is released.
#[derive(Debug, Default)]
struct Stop {
    stopped: AtomicBool,
    released: AtomicBool,
}

impl Stop {
    fn stand(&self) {
        self.stopped.store(true, SeqCst);
        while !self.released.load(SeqCst) {
            std::thread::yield_now();
        }
    }
}

/// Releases the stopped thread also when an assertion failed: it would stand for ever.
struct Release<'a>(&'a Stop);

impl Drop for Release<'_> {
    fn drop(&mut self) {
        self.0.released.store(true, SeqCst);
    }
}

#[test]
fn no_writer_waits_for_a_reader_that_is_stopped_in_the_gate() {
    const MILLION: u64 = 1_000_000;
    let _beside = beside_others();
    let metrics = Metrics::new(Arc::new(Trap));
    let registry = metrics.collector.registry();
    let mut written = 0;
    for (what, read) in metrics.reads() {
        for nth in 1.. {
            metrics.write();
            written += 1;
            let batch = if nth == 1 { MILLION } else { 20_000 };
            let stop = Arc::new(Stop::default());
            let fired = std::thread::scope(|scope| {
                let release = Release(&stop);
                let (act, read) = (Arc::clone(&stop), &read);
                let reader = scope.spawn(move || armed(nth, move || act.stand(), read));
                until("the reader stops", || stop.stopped.load(SeqCst) || reader.is_finished());
                if stop.stopped.load(SeqCst) {
                    // Of this thread all first touches come while the reader stands.
                    let writer = scope.spawn(|| (0..batch).for_each(|_| metrics.write()));
                    until("the writer ends", || writer.is_finished());
                    writer.join().unwrap();
                    assert!(!reader.is_finished());
                    assert!(metrics.histogram.latest().snapshot.count() <= written, "latest() waits for nobody");
                    assert_eq!(metrics.counter.get(), written + batch, "nor does a counter's value");
                    written += batch;
                }
                drop(release);
                let (fired, result) = reader.join().unwrap();
                result.unwrap();
                fired
            });
            metrics.check(written, what);
            assert_eq!(shown(&registry.snapshot(), "c"), written);
            if !fired {
                assert!(nth > 1, "{what} reads no clock, so nothing was tested");
                break;
            }
        }
    }
    println!("{written} of each written while a reader stood");
}

#[test]
fn a_registry_may_go_while_others_write() {
    const WRITERS: u64 = 4;
    const EACH: u64 = 50_000;
    let _beside = beside_others();
    for round in 0..50 {
        let registry = Registry::new();
        let counter = registry.counter("c", "").unwrap();
        let histogram = registry.histogram("h", "", HistogramOptions::values(1, 255)).unwrap();
        let throughput = registry.throughput("t", "").unwrap();
        let gauge = registry.gauge("g", "").unwrap();
        let family = registry.counter_family("f", "", &["x"]).unwrap();
        let begun = Arc::new(AtomicU64::new(0));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let begun = Arc::clone(&begun);
                let (counter, histogram, throughput) = (counter.clone(), histogram.clone(), throughput.clone());
                let (gauge, family) = (gauge.clone(), family.clone());
                std::thread::spawn(move || {
                    let member = family.with(&[&(writer % 2).to_string()]).unwrap();
                    drop(family);
                    for i in 0..EACH {
                        counter.inc();
                        histogram.record(1 + i % 255);
                        throughput.add(2);
                        gauge.inc();
                        member.inc();
                        if i == round {
                            begun.fetch_add(1, SeqCst);
                        }
                    }
                    member
                })
            })
            .collect();
        let snapshot = registry.snapshot();
        until("writers begin", || begun.load(SeqCst) >= round % (WRITERS + 1));
        drop(family);
        drop(registry);
        let shown_before = shown(&snapshot, "c");
        drop(snapshot);
        let mut members: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        assert!(shown_before <= WRITERS * EACH);
        assert_eq!((counter.get(), gauge.get()), (WRITERS * EACH, (WRITERS * EACH) as i64));
        assert_eq!(throughput.snapshot().total(), 2 * WRITERS * EACH);
        assert_eq!(members.pop().unwrap().get() + members.pop().unwrap().get(), WRITERS * EACH);
        let end = histogram.snapshot();
        assert_eq!((end.count(), end.uncertain()), (WRITERS * EACH, 0));
        assert_eq!(end.sum(), WRITERS * (0..EACH).map(|i| 1 + i % 255).sum::<u64>());
    }
}

#[test]
fn registries_of_the_same_names_do_not_mix() {
    const EACH: u64 = 200_000;
    let _beside = beside_others();
    let both = [Metrics::new(Arc::new(Trap)), Metrics::new(Arc::new(Trap))];
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let both = &both;
            scope.spawn(move || {
                for i in 0..EACH {
                    // Turn by turn, or in runs, or one alone, beginning with either.
                    match thread {
                        0 | 1 => (0..2).for_each(|turn| both[(thread + turn) % 2].write()),
                        2 | 3 => both[usize::from(i >= EACH / 2) ^ (thread % 2)].write(),
                        _ => both[thread % 2].write(),
                    }
                }
            });
        }
        for metrics in &both {
            scope.spawn(|| (0..1_000).for_each(|_| drop(metrics.collector.registry().snapshot())));
        }
    });
    for (metrics, name) in both.iter().zip(["one", "the other"]) {
        metrics.check(2 * EACH + EACH + EACH, name);
    }
}

/// A new registry is where an old one was, so whatever a thread remembers of the old one must not be taken for it.
#[test]
fn a_thread_that_knew_an_old_registry_writes_to_the_new_one() {
    let _beside = beside_others();
    let lasting = Metrics::new(Arc::new(Trap));
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let lasting = &lasting;
            scope.spawn(move || {
                for round in 1..=1_000 {
                    let registry = Registry::new();
                    let counter = registry.counter("c", "").unwrap();
                    let histogram = registry.histogram("h", "", HistogramOptions::values(1, 255)).unwrap();
                    let throughput = registry.throughput("t", "").unwrap();
                    assert_eq!((counter.get(), histogram.snapshot().count()), (0, 0), "round {round}");
                    let writes = 1 + (round * 7 + thread) % 400;
                    let write = || {
                        for _ in 0..writes {
                            counter.inc();
                            histogram.record(9);
                            throughput.add(4);
                        }
                    };
                    write();
                    // Not always, so that the old one may be the last that this thread wrote to.
                    if round % 2 == 0 {
                        lasting.write();
                    }
                    // Another thread is where an old one was, too.
                    std::thread::scope(|scope| {
                        scope.spawn(write).join().unwrap();
                    });
                    let snapshot = registry.snapshot();
                    let now = ["c", "h", "t"].map(|name| shown(&snapshot, name));
                    assert_eq!(now, [2 * writes, 2 * writes, 8 * writes], "round {round}");
                    assert_eq!(histogram.snapshot().sum(), 18 * writes, "round {round}");
                }
            });
        }
    });
    lasting.check(1_000, "the lasting one");
}

#[cfg(target_os = "linux")]
mod linux {
    use super::*;

    /// Runs `work` in a child and returns what it returned: 0 if all is well. `work` must not unwind, and a panic is answered
    /// with 99, a hang with a signal.
    fn in_child(work: impl FnOnce() -> i32) -> Result<i32, i32> {
        // SAFETY: the child does what a single thread may do after a fork: nobody else was inside of the library, the
        // allocator restores its own locks, and the child leaves by `_exit`.
        let child = unsafe { libc::fork() };
        assert!(child >= 0, "no fork");
        if child == 0 {
            // SAFETY: sets a timer, nothing else.
            unsafe { libc::alarm(60) };
            let code = catch_unwind(AssertUnwindSafe(work)).unwrap_or(99);
            // SAFETY: ends the child without destructors or buffers of the parent's.
            unsafe { libc::_exit(code) };
        }
        let mut status = 0;
        // SAFETY: waits for the child that was just made.
        let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!(waited, child);
        if libc::WIFEXITED(status) { Ok(libc::WEXITSTATUS(status)) } else { Err(status) }
    }

    /// The first of these that does not hold, counted from 1; 0 if all do.
    fn broken<const N: usize>(hold: [bool; N]) -> i32 {
        hold.iter().position(|holds| !holds).map_or(0, |at| at as i32 + 1)
    }

    fn sums(of: &Metrics) -> [u64; 6] {
        let (snapshot, histogram) = (of.collector.registry().snapshot(), of.histogram.snapshot());
        let by_name = ["c", "h", "t"].map(|name| shown(&snapshot, name));
        let [counter, samples, total] = by_name;
        [counter, samples, total, histogram.sum(), histogram.uncertain(), of.counter.get()]
    }

    fn after(written: u64) -> [u64; 6] {
        [written, written, 3 * written, 7 * written, 0, written]
    }

    /// What a child does: goes on where its parent was, by itself and with threads of its own.
    fn goes_on(metrics: &Metrics, before: u64) -> i32 {
        let write = |n: u64| (0..n).for_each(|_| metrics.write());
        let inherited = sums(metrics);
        write(10);
        let few = sums(metrics);
        write(2_000);
        let many = sums(metrics);
        let threads_ended = std::thread::scope(|scope| {
            let threads = [100, 1_000].map(|n| scope.spawn(move || write(n)));
            threads.into_iter().all(|thread| thread.join().is_ok())
        });
        let threads = sums(metrics);
        write(5);
        let end = sums(metrics);
        let fresh = Metrics::new(Arc::new(Trap));
        fresh.write();
        broken([
            inherited == after(before),
            few == after(before + 10),
            many == after(before + 2_010),
            threads_ended,
            threads == after(before + 3_110),
            end == after(before + 3_115),
            sums(&fresh) == after(1),
            metrics.collector.registry().render_prometheus().contains(&format!("c_total {}\n", before + 3_115)),
        ])
    }

    #[test]
    fn a_child_after_fork_goes_on_recording_and_reading() {
        let _alone = alone();
        let metrics = Metrics::new(Arc::new(Trap));
        let write = |n: u64| (0..n).for_each(|_| metrics.write());
        let mut written = 0;
        let read = || drop(metrics.collector.metrics());
        // Before anything was written; with a queue not read yet; with banks flipped once, twice, and back.
        for (step, batch) in [0, 10, 3_000, 3_000, 1, 3_000, 100].into_iter().enumerate() {
            write(batch);
            // Another thread's slot is nobody's in the child.
            std::thread::scope(|scope| drop(scope.spawn(|| write(batch)).join()));
            written += 2 * batch;
            if step % 2 == 0 {
                assert_eq!(sums(&metrics), after(written), "step {step}");
                read();
            }
            assert_eq!(in_child(|| goes_on(&metrics, written)), Ok(0), "step {step}: the child's broken check");
            assert_eq!(sums(&metrics), after(written), "step {step}: the child's writes stay in the child");
            write(2);
            written += 2;
            assert_eq!(sums(&metrics), after(written), "step {step}: the parent goes on");
        }
    }

    #[test]
    fn a_child_of_a_thread_that_never_wrote_goes_on() {
        let _alone = alone();
        // Not on this thread's stack, which in the child is free for others.
        let metrics = Arc::new(Metrics::new(Arc::new(Trap)));
        (0..600).for_each(|_| metrics.write());
        let forks = Arc::clone(&metrics);
        let outcome = std::thread::spawn(move || in_child(|| goes_on(&forks, 600))).join().unwrap();
        assert_eq!(outcome, Ok(0), "the child's broken check");
        metrics.check(600, "the parent");
    }

    #[test]
    fn a_child_of_a_child_goes_on() {
        let _alone = alone();
        let metrics = Metrics::new(Arc::new(Trap));
        (0..600).for_each(|_| metrics.write());
        let outcome = in_child(|| {
            (0..300).for_each(|_| metrics.write());
            let grandchild = in_child(|| goes_on(&metrics, 900));
            broken([grandchild == Ok(0), sums(&metrics) == after(900)])
        });
        assert_eq!(outcome, Ok(0), "the child's broken check");
        metrics.check(600, "the parent");
    }

    /// The round that is to be held, that is held, and that was released.
    static ROUND: AtomicU64 = AtomicU64::new(0);
    static HELD: AtomicU64 = AtomicU64::new(0);
    static RELEASED: AtomicU64 = AtomicU64::new(0);
    /// The rebuilds that the reader has begun, and whether it is inside of one.
    static BEGUN: AtomicU64 = AtomicU64::new(0);
    static INSIDE: AtomicBool = AtomicBool::new(false);

    fn begin() {
        BEGUN.fetch_add(1, SeqCst);
        INSIDE.store(true, SeqCst);
    }

    /// Holds the thread that it interrupts, wherever that is.
    extern "C" fn hold(_: libc::c_int) {
        // SAFETY: the calling thread's own.
        let errno = unsafe { libc::__errno_location() };
        // SAFETY: valid as long as the thread.
        let saved = unsafe { *errno };
        let round = ROUND.load(SeqCst);
        HELD.store(round, SeqCst);
        let time = libc::timespec { tv_sec: 0, tv_nsec: 1_000 };
        while RELEASED.load(SeqCst) < round {
            // SAFETY: a system call that reads `time`.
            unsafe { libc::nanosleep(&raw const time, std::ptr::null_mut()) };
        }
        // SAFETY: as above.
        unsafe { *errno = saved };
    }

    fn on_signal(handler: extern "C" fn(libc::c_int)) {
        // SAFETY: plain data, for which zero is a value.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        // SAFETY: the handler does nothing but system calls and atomics.
        let failed = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
        assert_eq!(failed, 0);
    }

    /// Releases whoever is held, for good, also when an assertion failed.
    struct ReleaseAll<'a>(&'a AtomicBool);

    impl Drop for ReleaseAll<'_> {
        fn drop(&mut self) {
            self.0.store(false, SeqCst);
            RELEASED.store(u64::MAX, SeqCst);
        }
    }

    /// Each is 1 to 251, and two digits give each a bucket of its own.
    fn value(i: u64) -> u64 {
        1 + i % 251
    }

    /// That exactly the first samples are there, with no more exceptions than the snapshot admits.
    fn check_prefix(snapshot: &HistogramSnapshot) {
        let mut counts = [0; 251];
        snapshot.buckets().for_each(|bucket| counts[bucket.low as usize - 1] = bucket.count);
        let (n, uncertain) = (counts.iter().sum::<u64>(), snapshot.uncertain());
        assert_eq!(n, snapshot.count());
        let prefix = (0..).zip(&counts).map(|(at, count)| count * 251 + at).min().unwrap();
        assert!(n - prefix <= uncertain, "{} samples without all before them, {uncertain} admitted", n - prefix);
        let of_buckets: u64 = (1..).zip(&counts).map(|(value, count)| value * count).sum();
        assert!(snapshot.sum() <= of_buckets && of_buckets - snapshot.sum() <= 251 * uncertain, "sum");
    }

    /// The reader is suspended at an arbitrary instruction, again and again, and the writer writes on, without a lock or an
    /// allocation that could make it wait: more than its queue holds.
    #[test]
    fn no_writer_waits_for_a_reader_that_a_signal_stopped() {
        const ROUNDS: u64 = 1_000;
        const BATCH: u64 = 1_000;
        let _alone = alone();
        let metrics = Metrics::new(Arc::new(Trap));
        let registry = metrics.collector.registry();
        // Reading it is mostly the copying of its queue, which the writer must be seen to overrun.
        let histogram = registry.histogram("plain", "", HistogramOptions::values(1, 255)).unwrap();
        on_signal(hold);
        let (started, returned) = (AtomicU64::new(0), AtomicU64::new(0));
        let (running, thread) = (AtomicBool::new(true), AtomicU64::new(0));
        std::thread::scope(|scope| {
            let release = ReleaseAll(&running);
            scope.spawn(|| {
                for i in 0.. {
                    started.store(i + 1, SeqCst);
                    metrics.counter.inc();
                    histogram.record(value(i));
                    metrics.throughput.add(3);
                    returned.store(i + 1, SeqCst);
                    if !running.load(SeqCst) {
                        break;
                    }
                    // At a pace that lets the reader find less than a queue, and more; while it is held, without pause.
                    for _ in 0..(i / 5_000) % 5 * u64::from(HELD.load(SeqCst) == RELEASED.load(SeqCst)) {
                        std::hint::spin_loop();
                    }
                }
            });
            let reader = scope.spawn(|| {
                // SAFETY: names the calling thread.
                thread.store(unsafe { libc::pthread_self() } as u64, SeqCst);
                let mut reads = 0_u64;
                while running.load(SeqCst) {
                    let before = returned.load(SeqCst);
                    // A throughput asks the clock twice whether to rebuild at all.
                    let nth = if reads % 8 == 1 { 3 } else { 1 };
                    let (_, shown) = armed(nth, begin, || match reads % 8 {
                        0 => {
                            let snapshot = registry.snapshot();
                            let [counter, samples, total] = ["c", "plain", "t"].map(|name| shown(&snapshot, name));
                            assert_eq!(total % 3, 0);
                            [counter, samples, total / 3]
                        }
                        1 => [metrics.throughput.snapshot().total() / 3; 3],
                        _ => {
                            let snapshot = histogram.snapshot();
                            INSIDE.store(false, SeqCst);
                            check_prefix(&snapshot);
                            [snapshot.count(); 3]
                        }
                    });
                    INSIDE.store(false, SeqCst);
                    let after = started.load(SeqCst);
                    for count in shown.expect("no assertion failed") {
                        assert!((before..=after).contains(&count), "{count} shown of {before} to {after}");
                    }
                    reads += 1;
                }
                reads
            });
            until("both are under way", || thread.load(SeqCst) != 0 && returned.load(SeqCst) > BATCH);
            let thread = thread.load(SeqCst) as libc::pthread_t;
            let (mut inside, mut random) = (0_u64, 1_u64);
            for round in 1..=ROUNDS {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                // Another rebuild than the last one: from its beginning to after its end, or any time later.
                let begun = BEGUN.load(SeqCst);
                until("the reader begins a rebuild", || BEGUN.load(SeqCst) != begun || reader.is_finished());
                let pause = (random >> 33) % if round % 2 == 0 { 100 } else { 2_000 };
                (0..pause).for_each(|_| std::hint::spin_loop());
                assert!(!reader.is_finished());
                ROUND.store(round, SeqCst);
                // SAFETY: the reader does not end before it is told to, after the last signal.
                let failed = unsafe { libc::pthread_kill(thread, libc::SIGUSR1) };
                assert_eq!(failed, 0);
                until("the reader is held", || HELD.load(SeqCst) == round || reader.is_finished());
                assert!(!reader.is_finished());
                inside += u64::from(INSIDE.load(SeqCst));
                let before = returned.load(SeqCst);
                until("the writer writes on", || returned.load(SeqCst) >= before + BATCH);
                RELEASED.store(round, SeqCst);
            }
            drop(release);
            let reads = reader.join().unwrap();
            println!("{reads} reads, held {ROUNDS} times, {inside} of them inside of a rebuild");
            assert!(inside > 0, "never held inside of a rebuild, so nothing was tested");
        });
        let end = histogram.snapshot();
        assert_eq!((end.count(), end.uncertain()), (returned.load(SeqCst), 0));
        check_prefix(&end);
        assert_eq!(metrics.counter.get(), end.count());
        assert_eq!(metrics.throughput.snapshot().total(), 3 * end.count());
    }
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn days(n: u64) -> Duration {
    seconds(n * 24 * 3600)
}

fn with_clock(max_staleness: Duration) -> (Arc<ManualClock>, Registry) {
    let clock = Arc::new(ManualClock::new());
    let registry = Registry::builder().clock(clock.clone()).max_staleness(max_staleness).build();
    (clock, registry)
}

/// The rate over the only window, of 5 s, by `clock` at a second.
fn rate_at(clock: &ManualClock, throughput: &Throughput, second: u64) -> f64 {
    clock.set(seconds(second));
    let rates = throughput.snapshot();
    let [rate] = rates.rates() else { panic!("one window") };
    assert!(rate.per_second.is_finite() && rate.per_second >= 0.0);
    rate.per_second
}

#[test]
fn a_rate_survives_a_clock_that_goes_back() {
    let _beside = beside_others();
    let (clock, registry) = with_clock(Duration::ZERO);
    let throughput = registry.throughput_over("t", "", &[seconds(5)]).unwrap();
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
    assert_eq!((rate(50), rate(51), rate(55), rate(56)), (0.0, 4.0, 4.0, 0.0));
    // Forward again: those of the first time are there still, each second once.
    assert_eq!((rate(101), rate(105), rate(106)), (2.0, 2.0, 0.0));
    add(100, 15);
    assert_eq!(rate(101), 5.0, "added to what the second held");
    assert_eq!(throughput.snapshot().total(), 45, "the total knows no time");
    // A reset, and a clock that goes back behind it and comes forward again.
    let before = throughput.reset();
    assert_eq!(before.total(), 45);
    add(60, 30);
    assert_eq!((rate(61), rate(101), rate(102)), (0.0, 0.0, 0.0), "nothing before a reset counts");
    add(103, 50);
    assert_eq!((rate(104), throughput.snapshot().total()), (50.0 / 3.0, 80), "by the seconds since the reset");
}

#[test]
fn a_rate_survives_a_clock_that_stalls() {
    let _beside = beside_others();
    let (clock, registry) = with_clock(Duration::ZERO);
    let throughput = registry.throughput_over("t", "", &[seconds(5)]).unwrap();
    clock.set(seconds(10));
    for i in 1..=1_000 {
        throughput.add(1);
        assert_eq!(throughput.snapshot().total(), i, "every read shows everything though no time passes");
        assert_eq!(rate_at(&clock, &throughput, 10), 0.0, "the current second is in no rate");
    }
    assert_eq!((rate_at(&clock, &throughput, 11), rate_at(&clock, &throughput, 16)), (200.0, 0.0));
}

#[test]
fn a_rate_survives_a_clock_that_jumps() {
    let _beside = beside_others();
    let (clock, registry) = with_clock(Duration::ZERO);
    let throughput = registry.throughput_over("t", "", &[seconds(5)]).unwrap();
    let rate = |second| rate_at(&clock, &throughput, second);
    let (mut total, mut second) = (0, 1_000);
    // A minute and more, as long as the ring and about that, days, years.
    for jump in [61, 63, 64, 65, 127, 128, 3_600, 86_400, 86_400 * 30, 31_557_600] {
        let there = second + jump;
        clock.set(seconds(second));
        throughput.add(25);
        assert_eq!(rate(there), 0.0, "{jump} s on");
        throughput.add(10);
        assert_eq!((rate(there + 1), rate(there + 6)), (2.0, 0.0), "{jump} s on, and silence");
        // And back, where the second that was begun is continued, unless its place was taken.
        assert_eq!(rate(second), 0.0, "{jump} s back");
        throughput.add(15);
        let held = if jump % 64 == 0 { 15.0 } else { 40.0 };
        assert_eq!((rate(second + 1), rate(second + 6)), (held / 5.0, 0.0), "{jump} s back, and silence");
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
        match snapshot.family("t").unwrap().series().next().unwrap().value() {
            Value::Throughput(throughput) => throughput.rates().iter().map(|rate| rate.amount).collect::<Vec<_>>(),
            other => panic!("{other:?} is no throughput"),
        }
    };
    for (passed, expected) in [(1, [300; 3]), (5, [0, 300, 300]), (25, [0, 0, 300]), (30, [0; 3])] {
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
    let histogram = registry.histogram("h", "", HistogramOptions::durations().recent(10)).unwrap();
    let timed = |from: Duration, to: Duration| {
        clock.set(from);
        let timer = histogram.start();
        clock.set(to);
        timer.stop()
    };
    let nanosecond = Duration::from_nanos(1);
    assert_eq!(timed(seconds(5), seconds(4)), nanosecond, "back");
    assert_eq!(timed(days(9), Duration::ZERO), nanosecond, "back by days");
    assert_eq!(timed(seconds(5), seconds(5)), nanosecond, "stalled");
    assert_eq!(timed(seconds(5), seconds(95)), seconds(90), "by more than a minute");
    let snapshot = histogram.snapshot();
    assert_eq!((snapshot.count(), snapshot.rejected(), snapshot.sum()), (4, 0, 90_000_000_003));
    // Longer than the range is refused, and refused only.
    assert_eq!(timed(seconds(5), seconds(5) + days(2)), days(2));
    assert_eq!(timed(Duration::ZERO, Duration::MAX), Duration::from_nanos(u64::MAX));
    let snapshot = histogram.snapshot();
    assert_eq!((snapshot.count(), snapshot.rejected(), snapshot.sum()), (4, 2, 90_000_000_003));
    assert_eq!(snapshot.recent().unwrap().last(), 90_000_000_000);
}

#[test]
fn staleness_survives_a_clock_that_goes_back_stalls_or_jumps() {
    let _beside = beside_others();
    let (clock, registry) = with_clock(seconds(10));
    let counter = registry.counter("c", "").unwrap();
    let histogram = registry.histogram("h", "", HistogramOptions::values(1, 255)).unwrap();
    let throughput = registry.throughput("t", "").unwrap();
    let write = || {
        counter.inc();
        histogram.record(1);
        throughput.add(1);
    };
    let reads = || {
        let snapshot = registry.snapshot();
        let in_registry = shown(&snapshot, "c");
        assert_eq!([shown(&snapshot, "h"), shown(&snapshot, "t")], [in_registry; 2]);
        [in_registry, histogram.snapshot().count(), throughput.snapshot().total()]
    };
    clock.set(seconds(100));
    write();
    assert_eq!(reads(), [1; 3]);
    // Stalled: young for as long as that lasts, but for what never waits.
    (0..500).for_each(|_| write());
    assert_eq!(reads(), [1; 3]);
    assert_eq!((counter.get(), histogram.latest().age), (501, Duration::ZERO));
    assert_eq!(histogram.reset().count(), 501, "a reset knows no staleness");
    assert_eq!((histogram.snapshot().count(), histogram.latest().snapshot.count()), (0, 0), "and shows at once");
    histogram.record(1);
    let snapshot = registry.snapshot();
    assert_eq!((shown(&snapshot, "c"), shown(&snapshot, "h")), (501, 1));
    // Back, and nothing is young; at the earlier time the new one is.
    clock.set(seconds(99));
    write();
    let snapshot = registry.snapshot();
    assert_eq!(["c", "h", "t"].map(|name| shown(&snapshot, name)), [502, 2, 502]);
    write();
    assert!(Arc::ptr_eq(&snapshot, &registry.snapshot()));
    // Days on.
    clock.advance(days(4));
    assert_eq!(histogram.latest().age, days(4));
    let snapshot = registry.snapshot();
    assert_eq!(["c", "h", "t"].map(|name| shown(&snapshot, name)), [503, 3, 503]);
    assert_eq!(histogram.latest().age, Duration::ZERO);
    // Back by days: no age is negative.
    clock.set(seconds(1));
    assert_eq!(histogram.latest().age, Duration::ZERO);
    write();
    assert_eq!(histogram.snapshot().count(), 4);
}

#[test]
fn counters_of_several_threads_wrap() {
    let _beside = beside_others();
    let registry = Registry::new();
    let counter = registry.counter("c", "").unwrap();
    let mut expected = 0_u64;
    for (round, amount) in [u64::MAX, 3, u64::MAX / 2 + 7, u64::MAX - 1].into_iter().enumerate() {
        std::thread::scope(|scope| {
            let add = || counter.add(amount);
            let threads = [(); 3].map(|()| scope.spawn(add));
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        expected = expected.wrapping_add(amount.wrapping_mul(3));
        assert_eq!((counter.get(), shown(&registry.snapshot(), "c")), (expected, expected), "round {round}");
    }
}

/// Whether the samples come from queues or from banks, whose sums come round to zero again and again.
#[test]
fn sums_of_several_threads_wrap() {
    let _beside = beside_others();
    let registry = Registry::new();
    let options = HistogramOptions::values(1, u64::MAX - 1).significant_digits(1);
    let histogram = registry.histogram("h", "", options).unwrap();
    let (mut count, mut sum, mut rejected, mut returned) = (0_u64, 0_u64, 0, 0);
    // 2^62 four times is zero, and so is 2^52 4,096 times; the last two are not recorded on the shortest path.
    let values = [1 << 62, 1 << 52, (1 << 53) - 1, u64::MAX - 1, 1 << 63];
    for round in 0..400_usize {
        let value = values[round % values.len()];
        let samples = [1, 3, 4, 8, 255, 256, 257, 512, 4_096, 5_000][round / values.len() % 10];
        std::thread::scope(|scope| {
            let record = || {
                (0..samples).for_each(|_| histogram.record(value));
                histogram.record([0, u64::MAX][round % 2]);
            };
            let threads = [(); 3].map(|()| scope.spawn(record));
            record();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        count += 4 * samples;
        sum = sum.wrapping_add(value.wrapping_mul(4 * samples));
        rejected += 4;
        if round % 7 == 3 {
            continue;
        }
        let snapshot = histogram.snapshot();
        assert_eq!((snapshot.count(), snapshot.sum(), snapshot.uncertain()), (count, sum, 0), "round {round}");
        assert_eq!((snapshot.rejected(), shown(&registry.snapshot(), "h")), (rejected, count), "round {round}");
        if round % 50 == 49 {
            let before = histogram.reset();
            assert_eq!((before.count(), before.sum(), before.rejected()), (count, sum, rejected), "round {round}");
            returned += before.count();
            (count, sum, rejected) = (0, 0, 0);
        }
    }
    assert!(returned > 1_000_000);
}

#[test]
fn throughput_totals_wrap_and_rates_saturate() {
    let _beside = beside_others();
    let (clock, registry) = with_clock(Duration::ZERO);
    let throughput = registry.throughput_over("t", "", &[seconds(5)]).unwrap();
    let mut expected = 0_u64;
    let mut reset = 0_u64;
    for (round, amount) in [u64::MAX, 2, u64::MAX / 3, u64::MAX - 5, 9].into_iter().cycle().take(50).enumerate() {
        clock.advance(seconds(1));
        std::thread::scope(|scope| {
            let add = || throughput.add(amount);
            let threads = [(); 3].map(|()| scope.spawn(add));
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        expected = expected.wrapping_add(amount.wrapping_mul(3));
        let snapshot = throughput.snapshot();
        assert_eq!(snapshot.total(), expected.wrapping_sub(reset), "round {round}");
        assert_eq!(shown(&registry.snapshot(), "t"), snapshot.total(), "round {round}");
        let most = 5 * 3 * ((1 << 36) - 1);
        assert!(snapshot.rates()[0].amount <= most, "68.7 billion a second and thread");
        if round % 20 == 13 {
            assert_eq!(throughput.reset().total(), expected.wrapping_sub(reset));
            reset = expected;
            assert_eq!(throughput.snapshot().total(), 0);
        }
    }
}
