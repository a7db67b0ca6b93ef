//! A stopped thread makes nobody wait: threads are run instruction by instruction and stopped before each one of a record, of
//! the other writes, and of a rebuild, and meanwhile everybody else goes on, and is right about what there is.
//!
//! A thread is stopped only where it executes this program's own code. In the C library it might hold the allocator's lock,
//! which the others need for themselves; the instructions there are not counted. Nor are those of a release build counted
//! here, which has fewer (`tests/hot_path.rs`): tests are compiled with assertions.
//!
//! `EPOCH_STRESS=10` stops readers, which execute thousands of instructions, in ten times as many places.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod single_step;

use epoch_metrics::{Clock, Histogram, HistogramOptions, HistogramSnapshot, Registry, RegistrySnapshot, Unit, Value};
use single_step::Next;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

/// How long a stopped thread waits to be released before it goes on by itself, so that who waits for it fails and does not
/// hang: generous, for machines that do much else.
const PATIENCE: Duration = Duration::from_secs(30);

/// A call that is executed instruction by instruction, and stops before one of them.
struct Stepped {
    /// Which one; the first is number 0.
    at: u64,
    /// Whether they are counted from where the call has read the clock.
    from_clock: bool,
    executed: AtomicU64,
    stopped: AtomicBool,
    ended: AtomicBool,
    gave_up: AtomicBool,
}

impl Stepped {
    fn new(at: u64) -> Self {
        let no = || AtomicBool::new(false);
        let executed = AtomicU64::new(0);
        Self { at, from_clock: false, executed, stopped: no(), ended: no(), gave_up: no() }
    }

    /// Counts from where a rebuild begins in earnest: it reads the clock before it folds.
    fn in_rebuild(at: u64) -> Self {
        Self { from_clock: true, ..Self::new(at) }
    }

    /// Executes `call` on this thread.
    fn run<F: Fn()>(&self, call: &F) {
        extern "C" fn invoke<F: Fn()>(call: &F, _: u64) {
            call();
        }
        /// So that who waits for the end gets it, also when there is a panic before this.
        struct End<'a>(&'a AtomicBool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.store(true, SeqCst);
            }
        }
        let _end = End(&self.ended);
        CLOCK_WAS_READ.set(false);
        single_step::step(invoke::<F>, call, 0, &|address| self.instruction(address));
    }

    /// In a signal handler: no allocation, no lock, no panic.
    fn instruction(&self, address: usize) -> Next {
        if self.from_clock && !CLOCK_WAS_READ.get() {
            return Next::Run;
        }
        if !in_program(address) {
            return Next::Step;
        }
        let number = self.executed.load(SeqCst);
        self.executed.store(number + 1, SeqCst);
        if number != self.at {
            return if number < self.at { Next::Step } else { Next::Run };
        }
        self.stopped.store(true, SeqCst);
        let since = Instant::now();
        while self.stopped.load(SeqCst) {
            if since.elapsed() > PATIENCE {
                self.gave_up.store(true, SeqCst);
                break;
            }
            std::thread::yield_now();
        }
        Next::Run
    }

    /// Waits until the call has stopped, or ended before it came to that.
    fn stops(&self) -> Option<Stopped<'_>> {
        while !self.stopped.load(SeqCst) {
            if self.ended.load(SeqCst) {
                return None;
            }
            std::thread::yield_now();
        }
        Some(Stopped(self))
    }

    /// How many instructions were executed, if it ended without having stopped.
    fn finished(&self) -> Option<u64> {
        let executed = self.executed.load(SeqCst);
        (executed <= self.at).then_some(executed)
    }

    fn wait_for_end(&self) {
        while !self.ended.load(SeqCst) {
            std::thread::yield_now();
        }
    }
}

/// A thread that goes on when this is dropped.
struct Stopped<'a>(&'a Stepped);

impl Stopped<'_> {
    /// Lets it go on, and makes sure that nobody waited for it until then.
    fn release(self) {
        assert!(!self.0.gave_up.load(SeqCst), "somebody waits for a thread stopped before instruction {}", self.0.at);
    }
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.stopped.store(false, SeqCst);
    }
}

/// Whether an address is in this program's own code.
fn in_program(address: usize) -> bool {
    unsafe extern "C" {
        static __executable_start: u8;
        static etext: u8;
    }
    (&raw const __executable_start as usize..&raw const etext as usize).contains(&address)
}

/// One test at a time: then a thread gets the same slot each time, and reading executes the same instructions.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many places: the standard number times `EPOCH_STRESS`.
fn scaled(standard: u64) -> u64 {
    let factor = std::env::var("EPOCH_STRESS").ok().map_or(1, |text| text.parse().expect("EPOCH_STRESS is a number"));
    standard * factor
}

/// A clock that stands still, and counts how often it is asked for the coarse time: a reset asks at each attempt.
#[derive(Debug, Default)]
struct StillClock {
    nanos: AtomicU64,
    asked: AtomicU64,
}

impl Clock for StillClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(SeqCst))
    }

    fn coarse(&self) -> Duration {
        self.asked.fetch_add(1, SeqCst);
        CLOCK_WAS_READ.set(true);
        single_step::resume();
        self.now()
    }
}

thread_local! {
    /// Whether this thread has read the coarse clock since its stepped call began.
    static CLOCK_WAS_READ: Cell<bool> = const { Cell::new(false) };
}

/// Samples that a queue holds.
const QUEUE: u64 = 256;
/// Samples that a histogram with recent ones keeps.
const RECENT: usize = 10;
/// The largest value. With one digit, all to here have a bucket of their own.
const MAX: u64 = 31;

/// What a writer and a reader do to a histogram before it comes to the call in question.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Records this many, of the values 1 to 15 in turn.
    Write(u64),
    /// Records a zero.
    Zero,
    Read,
}
use Step::{Read, Write, Zero};

/// The samples that steps record, one after the other.
fn samples(steps: &[Step]) -> Vec<u64> {
    let mut samples = Vec::new();
    for step in steps {
        match *step {
            Write(n) => samples.extend(ordinary(samples.len(), n)),
            Zero => samples.push(0),
            Read => {}
        }
    }
    samples
}

/// The next `n` after so many.
fn ordinary(from: usize, n: u64) -> impl Iterator<Item = u64> {
    (from as u64..from as u64 + n).map(|i| 1 + i % 15)
}

fn take(steps: &[Step], histogram: &Histogram) {
    let samples = samples(steps);
    let mut samples = samples.iter();
    for step in steps {
        let n = match *step {
            Write(n) => n,
            Zero => 1,
            Read => {
                histogram.snapshot();
                0
            }
        };
        samples.by_ref().take(n as usize).for_each(|sample| histogram.record(*sample));
    }
}

/// By what has happened before, the situations that a histogram can be in.
const SITUATIONS: [(&str, &[Step]); 12] = [
    ("all read", &[Write(15), Read]),
    ("some unread", &[Write(15), Read, Write(3)]),
    ("a zero read", &[Write(15), Zero, Read]),
    ("a queue less one unread", &[Write(15), Read, Write(QUEUE - 1)]),
    ("a queue unread", &[Write(15), Read, Write(QUEUE)]),
    ("the queue overrun", &[Write(15), Read, Write(300)]),
    ("the queue overrun, a zero in it", &[Write(15), Read, Zero, Write(300)]),
    ("the other bank is next", &[Write(300), Read]),
    ("the other bank is next, and has much before it", &[Write(300), Read, Write(300), Read]),
    ("in the other bank", &[Write(300), Read, Write(1), Read]),
    ("the other bank overrun", &[Write(300), Read, Write(300)]),
    ("as much remembered as is kept", &[Write(15), Read, Write(250), Read, Write(247), Read]),
];

/// The call that is stopped.
#[derive(Clone, Copy, Debug)]
enum Call {
    Record(u64),
    /// The drop of a timer after so many nanoseconds.
    Timer(u64),
}
use Call::{Record, Timer};

const CALLS: [(&str, Call); 5] = [
    ("record", Record(9)),
    ("record, the first in its octave", Record(20)),
    ("record of zero", Record(0)),
    ("record of a value out of range", Record(MAX + 1)),
    ("a timer's drop", Timer(9)),
];

impl Call {
    /// What it records, if that is in range.
    fn sample(self) -> Option<u64> {
        let (Record(value) | Timer(value)) = self;
        Some(value).filter(|value| *value <= MAX)
    }

    fn run(self, histogram: &Histogram, clock: &StillClock, stepped: &Stepped) {
        match self {
            Record(value) => stepped.run(&|| histogram.record(value)),
            Timer(nanos) => {
                let timer = Cell::new(Some(histogram.start()));
                clock.nanos.fetch_add(nanos, SeqCst);
                stepped.run(&|| drop(timer.take()));
            }
        }
    }
}

struct Subject {
    clock: Arc<StillClock>,
    registry: Registry,
    histogram: Histogram,
}

fn subject(recent: usize) -> Subject {
    let clock = Arc::new(StillClock::default());
    let registry = Registry::builder().clock(clock.clone()).build();
    let options = HistogramOptions::values(0, MAX).unit(Unit::Seconds).significant_digits(1).recent(recent);
    let histogram = registry.histogram("h", "", options).unwrap();
    // This thread's own first touch, for the rejections by which it makes a snapshot out of date.
    histogram.reject();
    Subject { clock, registry, histogram }
}

/// By value, how many; and their sum.
fn tally(samples: &[u64]) -> ([u64; MAX as usize + 1], u64) {
    let mut counts = [0; MAX as usize + 1];
    samples.iter().for_each(|sample| counts[*sample as usize] += 1);
    (counts, samples.iter().sum())
}

/// Holds snapshots against one thread's samples.
struct Watch<'a> {
    /// All that are or will be recorded, in order.
    samples: &'a [u64],
    /// So many were there before.
    least: usize,
    last: ([u64; MAX as usize + 1], u64),
    /// Whether recent samples are looked at.
    recent: bool,
    /// Snapshots that were not exact.
    uncertain: u64,
}

impl<'a> Watch<'a> {
    fn new(samples: &'a [u64], least: usize) -> Self {
        Self { samples, least, last: tally(&[]), recent: true, uncertain: 0 }
    }

    /// A snapshot is of the first so many samples, exactly, or admits one more that is in its bucket and perhaps not in the
    /// sum; and it is never behind the last one.
    fn see(&mut self, snapshot: &HistogramSnapshot) {
        let (count, uncertain) = (snapshot.count() as usize, snapshot.uncertain() as usize);
        assert!(uncertain <= 1, "{uncertain} uncertain, and one writer");
        let certain = count - uncertain;
        assert!(certain >= self.least, "{certain} of {} that were there before", self.least);
        assert!(count <= self.samples.len(), "{count} of {} that are recorded", self.samples.len());
        let mut counts = [0; MAX as usize + 1];
        for bucket in snapshot.buckets() {
            assert_eq!(bucket.low, bucket.high);
            counts[bucket.low as usize] = bucket.count;
        }
        assert_eq!(counts, tally(&self.samples[..count]).0, "the buckets of {count} samples, {uncertain} uncertain");
        let sums = [certain, count].map(|n| tally(&self.samples[..n]).1);
        assert!(sums.contains(&snapshot.sum()), "the sum is {}, not one of {sums:?}", snapshot.sum());
        let now = (counts, snapshot.sum());
        assert!(self.last.0.iter().zip(&now.0).all(|(before, now)| before <= now), "a bucket went back");
        assert!(self.last.1 <= now.1, "the sum went back");
        self.last = now;
        self.uncertain += snapshot.uncertain();
        if let Some(recent) = snapshot.recent().filter(|_| self.recent) {
            let mut newest = self.samples[certain.saturating_sub(RECENT)..certain].to_vec();
            newest.sort_unstable();
            assert_eq!(recent.sorted(), newest, "the newest of {certain}");
        }
    }

    /// A snapshot that holds everything, exactly.
    fn see_all(&mut self, snapshot: &HistogramSnapshot) {
        self.least = self.samples.len();
        self.see(snapshot);
        assert_eq!(snapshot.uncertain(), 0, "nobody is inside of a record any more");
    }
}

/// On a thread of its own takes the steps, then executes `call` until it stops before instruction `at`; `meanwhile` then gets
/// the call to do what it likes and let it go on, and says how many samples were forgotten. Afterwards the thread records
/// another 600 samples, and all must be there. Returns how many instructions the call has if it ended before it stopped.
fn stopped_writer(
    subject: &Subject,
    steps: &[Step],
    call: Call,
    at: u64,
    meanwhile: impl FnOnce(&Stepped, Stopped<'_>, &[u64]) -> usize,
) -> Option<u64> {
    let Subject { clock, histogram, .. } = subject;
    let stepped = Stepped::new(at);
    let mut samples = samples(steps);
    let before = samples.len();
    samples.extend(call.sample());
    let (forgotten, executed) = std::thread::scope(|scope| {
        let (go_on, wait) = mpsc::channel();
        let stepped = &stepped;
        scope.spawn(move || {
            take(steps, histogram);
            call.run(histogram, clock, stepped);
            // An error: the other side has panicked.
            if wait.recv().is_ok() {
                ordinary(before, 600).for_each(|sample| histogram.record(sample));
            }
        });
        let outcome = match stepped.stops() {
            Some(stopped) => (meanwhile(stepped, stopped, &samples), None),
            None => (0, stepped.finished()),
        };
        go_on.send(()).unwrap();
        outcome
    });
    samples.extend(ordinary(before, 600));
    Watch::new(&samples[forgotten..], 0).see_all(&histogram.snapshot());
    executed
}

/// Runs `stop_at` with each number until it says that the call ended first, and returns how many instructions it has.
fn at_every_instruction(stop_at: impl Fn(u64) -> Option<u64>) -> u64 {
    let executed = (0..).find_map(&stop_at).expect("a call ends");
    assert!(executed > 10, "only {executed} instructions");
    executed
}

/// What readers see while a writer is stopped, and after it.
fn read_while_stopped(subject: &Subject, steps: &[Step], call: Call, at: u64, uncertain: &Cell<u64>) -> Option<u64> {
    let Subject { registry, histogram, .. } = subject;
    stopped_writer(subject, steps, call, at, |stepped, stopped, samples| {
        let mut watch = Watch::new(samples, samples.len() - usize::from(call.sample().is_some()));
        let rejected = |snapshot: &HistogramSnapshot, by_us: u64| {
            let others = snapshot.rejected() - by_us;
            assert!(others <= u64::from(call.sample().is_none()), "{others} values refused");
        };
        let first = histogram.snapshot();
        watch.see(&first);
        rejected(&first, 1);
        assert!(Arc::ptr_eq(&first, &histogram.snapshot()), "nothing has changed since");
        assert!(Arc::ptr_eq(&first, &histogram.latest().snapshot));
        // Rebuilds, with nothing new but what this thread refuses.
        for by_us in 2..5 {
            histogram.reject();
            let again = if by_us == 3 { of_registry(registry) } else { (*histogram.snapshot()).clone() };
            watch.see(&again);
            rejected(&again, by_us);
        }
        stopped.release();
        stepped.wait_for_end();
        let last = histogram.snapshot();
        watch.see_all(&last);
        assert_eq!(last.rejected(), 4 + u64::from(call.sample().is_none()));
        uncertain.set(uncertain.get() + watch.uncertain.min(1));
        0
    })
}

fn of_registry(registry: &Registry) -> HistogramSnapshot {
    match registry.snapshot().family("h_seconds").unwrap().series().next().unwrap().value() {
        Value::Histogram(histogram) => histogram.clone(),
        other => panic!("{other:?} is no histogram"),
    }
}

/// Runs `case` with calls in situations: the plain record in all of them, the others in the [`CRITICAL`] ones; with and without
/// recent samples in turn, the plain record in a critical situation in both ways.
fn each_case(case: impl Fn(&Subject, &[Step], Call, u64, &Cell<u64>) -> Option<u64>, counted: &str) -> u64 {
    let mut all = 0;
    for (what, call) in CALLS {
        for (number, (situation, steps)) in SITUATIONS.into_iter().enumerate() {
            let (plain, critical) = (what == "record", CRITICAL.contains(&situation));
            let recents: &[usize] = match number % 2 {
                _ if !plain && !critical => &[],
                _ if plain && critical => &[0, RECENT],
                0 => &[0],
                _ => &[RECENT],
            };
            for recent in recents {
                let of_these = Cell::new(0);
                let stop_at = |at| {
                    let place = format!("{what}, {situation}, {recent} recent, stopped before instruction {at}");
                    let _note = NoteOnPanic(&place);
                    case(&subject(*recent), steps, call, at, &of_these)
                };
                let executed = at_every_instruction(stop_at);
                println!(
                    "{what}; {situation}; {recent} recent: {executed} instructions, at {} {counted}",
                    of_these.get()
                );
                all += of_these.get();
            }
        }
    }
    all
}

/// The situations in which a record meets the flip of the banks.
const CRITICAL: [&str; 3] = ["the queue overrun, a zero in it", "the other bank is next", "the other bank overrun"];

/// Says where it happened when there is a panic.
struct NoteOnPanic<'a>(&'a str);

impl Drop for NoteOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was: {}", self.0);
        }
    }
}

#[test]
fn readers_go_on_while_a_writer_is_stopped_before_any_instruction_of_a_record() {
    let _alone = alone();
    let uncertain = each_case(read_while_stopped, "of them a sample is uncertain");
    assert!(uncertain > 0, "a writer stopped inside a record of an overrun queue");
}

/// Its instructions in the C library left out.
#[test]
fn readers_go_on_while_a_writer_is_stopped_in_its_first_touch() {
    let _alone = alone();
    const EVERY: u64 = 11;
    let stop_at = |i| {
        let place = format!("stopped before instruction {}", i * EVERY);
        let _note = NoteOnPanic(&place);
        read_while_stopped(&subject(RECENT * (i % 2) as usize), &[], Record(9), i * EVERY, &Cell::new(0))
    };
    println!("a first touch: {} instructions", at_every_instruction(stop_at));
}

/// A reset comes to its end with an exact cut, or lets everybody else read until the writer goes on.
#[test]
fn a_reset_that_meets_a_stopped_writer_is_exact_or_keeps_nobody_out() {
    let _alone = alone();
    let reset = |subject: &Subject, steps: &[Step], call: Call, at: u64, waited: &Cell<u64>| {
        let Subject { clock, histogram, .. } = subject;
        stopped_writer(subject, steps, call, at, |stepped, stopped, samples| {
            let least = samples.len() - usize::from(call.sample().is_some());
            std::thread::scope(|scope| {
                let asked = clock.asked.load(SeqCst);
                let reset = scope.spawn(|| histogram.reset());
                // If it asks for the time three times, two attempts have failed.
                while !reset.is_finished() && clock.asked.load(SeqCst) < asked + 3 {
                    std::thread::yield_now();
                }
                let mut before = Watch::new(samples, least);
                let at_once = reset.is_finished();
                let reset = if at_once {
                    let reset = reset.join().unwrap();
                    Watch::new(&samples[reset.count() as usize..], 0).see(&histogram.snapshot());
                    stopped.release();
                    reset
                } else {
                    waited.set(waited.get() + 1);
                    for _ in 0..3 {
                        let meanwhile = histogram.snapshot();
                        before.see(&meanwhile);
                        assert_eq!(meanwhile.uncertain(), 1, "otherwise there is nothing to wait for");
                        histogram.latest();
                        histogram.reject();
                    }
                    stopped.release();
                    reset.join().unwrap()
                };
                before.see(&reset);
                assert_eq!(reset.uncertain(), 0);
                stepped.wait_for_end();
                let forgotten = reset.count() as usize;
                Watch::new(&samples[forgotten..], 0).see_all(&histogram.snapshot());
                forgotten
            })
        })
    };
    let waited = each_case(reset, "of them a reset waits");
    assert!(waited > 0, "for a writer stopped inside a record of an overrun queue");
}

/// Reads on a thread of its own, until that stops inside of the rebuild.
fn spawn_reader<'scope>(
    scope: &'scope Scope<'scope, '_>,
    stepped: &'scope Stepped,
    histogram: &'scope Histogram,
) -> ScopedJoinHandle<'scope, Arc<HistogramSnapshot>> {
    scope.spawn(|| {
        let snapshot = Cell::new(None);
        stepped.run(&|| snapshot.set(Some(histogram.snapshot())));
        snapshot.take().unwrap()
    })
}

/// What a rebuild can be: a fold of the queue, a flip and a scan, a bank that is settled and a fold of the queue, or a bank
/// that is settled and a flip.
const REBUILDS: [(&str, &[Step]); 4] = [
    ("some unread", &[Write(15), Read, Write(3)]),
    ("the queue overrun", &[Write(15), Read, Write(300)]),
    ("the other bank entered", &[Write(300), Read, Write(3)]),
    ("the other bank overrun", &[Write(300), Read, Write(300)]),
];

/// Runs `stop_at` with numbers from 0 to where the call ends first, the nearer to the beginning the closer together, since that
/// is where readers look at what writers write: `places` of them, for each of `variants`. Returns how many instructions the
/// call has; it is not always the same number.
fn at_some_instructions(places: u64, variants: u64, stop_at: impl Fn(u64, u64) -> Option<u64>) -> u64 {
    let executed = stop_at(u64::MAX, 0).expect("a call ends");
    let stops = scaled(places) * variants;
    let mut stopped = 0;
    for stop in 0..stops {
        let part = stop as f64 / stops as f64;
        let at = (executed as f64 * part * part) as u64;
        stopped += u64::from(stop_at(at, stop % variants).is_none());
    }
    assert!(stopped > stops / 2, "stopped {stopped} times of {stops}");
    executed
}

/// Stopped in a rebuild, a reader keeps other readers out, but no writer; and when it goes on, more than two queues further, it
/// is not led astray.
#[test]
fn a_writer_goes_on_while_a_reader_is_stopped_in_a_rebuild() {
    let _alone = alone();
    for (situation, steps) in REBUILDS {
        let stop_at = |at, variant| {
            let place = format!("{situation}, variant {variant}, stopped before instruction {at}");
            let _note = NoteOnPanic(&place);
            let Subject { histogram, .. } = &subject(if variant % 2 == 0 { 0 } else { RECENT });
            let more = if variant < 2 { 2 * QUEUE + 88 } else { 3 };
            let mut samples = samples(steps);
            let before = samples.len();
            samples.extend(ordinary(before, more));
            take(steps, histogram);
            let stepped = &Stepped::in_rebuild(at);
            let executed = std::thread::scope(|scope| {
                let reader = spawn_reader(scope, stepped, histogram);
                let Some(stopped) = stepped.stops() else {
                    return stepped.finished();
                };
                samples[before..].iter().for_each(|sample| histogram.record(*sample));
                histogram.latest();
                stopped.release();
                let mut watch = Watch::new(&samples, before);
                // Of an overrun queue there may be fewer recent samples.
                watch.recent = more < QUEUE;
                let snapshot = reader.join().unwrap();
                watch.see(&snapshot);
                assert_eq!(snapshot.uncertain(), 0, "nobody was inside of a record");
                watch.recent = true;
                watch.see_all(&histogram.snapshot());
                None
            });
            samples.truncate(if executed.is_some() { before } else { samples.len() });
            let rest: Vec<u64> = ordinary(samples.len(), 600).collect();
            rest.iter().for_each(|sample| histogram.record(*sample));
            samples.extend(rest);
            Watch::new(&samples, 0).see_all(&histogram.snapshot());
            executed
        };
        println!("a rebuild, {situation}: {} instructions", at_some_instructions(16, 4, stop_at));
    }
}

/// A record while a reader is stopped, and is stopped in turn before the reader goes on: here the writer is about to overwrite
/// the very sample that the reader is about to copy.
#[test]
fn a_reader_that_was_stopped_goes_on_while_a_writer_is_stopped() {
    let _alone = alone();
    let steps = [Write(15), Read, Write(3)];
    let mut met = 0_u64;
    // Of the reader, up to where it has copied what is new; of the writer, all of a record. Where the queue comes round to what
    // the reader is at they are stopped closely.
    let pairs = |(reader, writer)| {
        let (reader, writer) = ((0..400).step_by(reader), (0..100).step_by(writer));
        reader.flat_map(move |reader| writer.clone().map(move |writer| (reader, writer)))
    };
    for (more, between) in [(QUEUE - 4, (60, 9)), (QUEUE - 3, (15, 3)), (QUEUE - 2, (60, 9)), (600, (60, 9))] {
        for (reader_at, writer_at) in pairs(between) {
            let place = format!("{more} more, reader stopped before instruction {reader_at}, writer {writer_at}");
            let _note = NoteOnPanic(&place);
            let Subject { histogram, .. } = &subject(if writer_at % 2 == 0 { 0 } else { RECENT });
            let before = samples(&steps).len();
            let mut samples = samples(&steps);
            samples.extend(ordinary(before, more + 1));
            let (returned, last) = samples.split_at(samples.len() - 1);
            let (reader, writer) = (&Stepped::in_rebuild(reader_at), &Stepped::new(writer_at));
            std::thread::scope(|scope| {
                let ((ready, is_ready), (go_on, may_go_on)) = (mpsc::channel(), mpsc::channel());
                scope.spawn(move || {
                    take(&steps, histogram);
                    ready.send(()).unwrap();
                    // An error: the other side has panicked.
                    if may_go_on.recv().is_ok() {
                        returned[before..].iter().for_each(|sample| histogram.record(*sample));
                        writer.run(&|| histogram.record(last[0]));
                    }
                });
                is_ready.recv().unwrap();
                let snapshot = spawn_reader(scope, reader, histogram);
                let stopped_reader = reader.stops().expect("a rebuild has more instructions");
                go_on.send(()).unwrap();
                let stopped_writer = writer.stops();
                stopped_reader.release();
                let mut watch = Watch::new(&samples, before);
                watch.recent = more < QUEUE / 2;
                watch.see(&snapshot.join().unwrap());
                watch.least = returned.len();
                for _ in 0..2 {
                    watch.see(&histogram.snapshot());
                    histogram.reject();
                }
                if let Some(stopped) = stopped_writer {
                    met += 1;
                    stopped.release();
                }
                writer.wait_for_end();
                watch.recent = true;
                watch.see_all(&histogram.snapshot());
            });
        }
    }
    println!("{met} times both were stopped");
    assert!(met > 100);
}

/// A reader that finds a writer stopped inside a record, and is stopped itself until that writer has gone on.
#[test]
fn a_reader_is_stopped_while_a_writer_that_it_found_stopped_goes_on() {
    let _alone = alone();
    let never_stops = |_: &Stepped, _: Stopped<'_>, _: &[u64]| unreachable!();
    let record = stopped_writer(&subject(0), &[Write(15)], Record(9), u64::MAX, never_stops).unwrap();
    for (situation, steps) in REBUILDS {
        let met = Cell::new(0);
        let stop_at = |reader_at, variant: u64| {
            // The stores are in the second half of a record.
            let (writer_at, more) = (record * (6 + variant / 2) / 12, [0, 2 * QUEUE + 88][variant as usize % 2]);
            let place =
                format!("{situation}, {more} more, writer stopped before instruction {writer_at}, reader {reader_at}");
            let _note = NoteOnPanic(&place);
            let Subject { histogram, .. } = &subject(if variant % 4 < 2 { 0 } else { RECENT });
            let mut samples = samples(steps);
            let before = samples.len();
            samples.push(9);
            samples.extend(ordinary(before, more));
            let samples = &samples;
            let (reader, writer) = (&Stepped::in_rebuild(reader_at), &Stepped::new(writer_at));
            std::thread::scope(|scope| {
                let ((go_on, may_go_on), (done, is_done)) = (mpsc::channel(), mpsc::channel());
                scope.spawn(move || {
                    take(steps, histogram);
                    writer.run(&|| histogram.record(9));
                    // An error: the other side has panicked.
                    if may_go_on.recv().is_ok() {
                        samples[before + 1..].iter().for_each(|sample| histogram.record(*sample));
                        done.send(()).unwrap();
                    }
                });
                let stopped_writer = writer.stops().expect("a record has more instructions");
                let snapshot = spawn_reader(scope, reader, histogram);
                let stopped_reader = reader.stops();
                stopped_writer.release();
                go_on.send(()).unwrap();
                is_done.recv().unwrap();
                if let Some(stopped) = stopped_reader {
                    met.set(met.get() + 1);
                    stopped.release();
                }
                let mut watch = Watch::new(samples, before);
                watch.recent = more < QUEUE;
                watch.see(&snapshot.join().unwrap());
                watch.recent = true;
                watch.see_all(&histogram.snapshot());
                reader.finished()
            })
        };
        let executed = at_some_instructions(4, 12, stop_at);
        println!("{situation}: {executed} instructions of a reader, {} times both were stopped", met.get());
    }
}

/// What a counter's reader sees is before or after; nothing is lost.
#[test]
fn readers_go_on_while_a_writer_is_stopped_before_any_instruction_of_a_count() {
    let _alone = alone();
    for (what, before, every) in [("inc", 5, 1), ("inc, the first touch", 0, 5)] {
        let executed = at_every_instruction(|i| {
            let place = format!("{what}, stopped before instruction {}", i * every);
            let _note = NoteOnPanic(&place);
            let registry = Registry::new();
            let counter = registry.counter("c", "").unwrap();
            // This thread's own first touch.
            counter.add(0);
            registry.snapshot();
            let stepped = &Stepped::new(i * every);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    if before > 0 {
                        counter.add(before);
                    }
                    stepped.run(&|| counter.inc());
                });
                let stopped = stepped.stops()?;
                let (mut least, mut gotten) = (before, before);
                for added in [0, 10, 20] {
                    counter.add(10 * u64::from(added > 0));
                    let allowed = before + added..=before + added + 1;
                    let snapshot = registry.snapshot();
                    let value = value_of(&snapshot);
                    assert!(allowed.contains(&value) && value >= least, "{value}, {allowed:?}, {least}");
                    assert!(Arc::ptr_eq(&snapshot, &registry.snapshot()), "nothing has changed since");
                    let got = counter.get();
                    assert!(allowed.contains(&got) && got >= gotten && got >= value, "{got}, {allowed:?}");
                    (least, gotten) = (value, got);
                }
                stopped.release();
                stepped.wait_for_end();
                assert_eq!((value_of(&registry.snapshot()), counter.get()), (before + 21, before + 21));
                None::<()>
            });
            stepped.finished()
        });
        println!("{what}: {executed} instructions");
    }
}

fn value_of(snapshot: &RegistrySnapshot) -> u64 {
    match snapshot.family("c").unwrap().series().next().unwrap().value() {
        Value::Counter(value) => value,
        other => panic!("{other:?} is no counter"),
    }
}

/// What a throughput's reader sees is before or after, of the total and of a window each; nothing is lost.
#[test]
fn readers_go_on_while_a_writer_is_stopped_before_any_instruction_of_an_amount() {
    let _alone = alone();
    const SECOND: u64 = 1_000_000_000;
    const WINDOW: Duration = Duration::from_secs(10);
    for (what, before, every) in [("an amount", 5, 1), ("an amount, the first touch", 0, 5)] {
        let executed = at_every_instruction(|i| {
            let place = format!("{what}, stopped before instruction {}", i * every);
            let _note = NoteOnPanic(&place);
            let clock = Arc::new(StillClock::default());
            clock.nanos.store(100 * SECOND, SeqCst);
            let registry = Registry::builder().clock(clock.clone()).build();
            let throughput = registry.throughput_over("t", "", &[WINDOW]).unwrap();
            // This thread's own first touch.
            throughput.add(0);
            let stepped = &Stepped::new(i * every);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    if before > 0 {
                        throughput.add(before);
                    }
                    stepped.run(&|| throughput.add(7));
                });
                let stopped = stepped.stops()?;
                let (mut total, mut amount) = (before, 0);
                for second in 100..103 {
                    clock.nanos.store(second * SECOND, SeqCst);
                    let snapshot = throughput.snapshot();
                    assert!([before, before + 7].contains(&snapshot.total()) && snapshot.total() >= total);
                    let in_window = snapshot.rates()[0].amount;
                    if second > 100 {
                        assert!([before, before + 7].contains(&in_window) && in_window >= amount, "{in_window}");
                    }
                    (total, amount) = (snapshot.total(), in_window);
                    assert!(Arc::ptr_eq(&snapshot, &throughput.snapshot()), "nothing has changed since");
                }
                stopped.release();
                stepped.wait_for_end();
                assert_eq!(throughput.snapshot().total(), before + 7, "in the second of the last look");
                clock.nanos.store(103 * SECOND, SeqCst);
                let snapshot = throughput.snapshot();
                assert_eq!((snapshot.total(), snapshot.rates()[0].amount), (before + 7, before + 7));
                None::<()>
            });
            stepped.finished()
        });
        println!("{what}: {executed} instructions");
    }
}
