//! Whole programs against plain models: any operations, by any thread, in any order, with any clock; and threads at the same
//! time, whose order nobody knows, against what must be true at the end.
//!
//! The models keep every event as it is and answer by looking through all of them.

use epoch_metrics::{
    Bucket, Clock as _, Counter, CounterFamily, FloatGauge, Gauge, Histogram, HistogramOptions, HistogramSnapshot,
    ManualClock, MergeError, RecordError, Registry, RegistrySnapshot, Throughput, ThroughputSnapshot, Value,
};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Numerator and denominator, such that the float nearest to the quotient gives the exact rank as well.
const QUANTILES: [(u64, u64); 14] = [
    (0, 1),
    (1, 1024),
    (1, 8),
    (1, 4),
    (1, 2),
    (3, 4),
    (7, 8),
    (9, 10),
    (95, 100),
    (99, 100),
    (999, 1000),
    (9999, 10_000),
    (1023, 1024),
    (1, 1),
];

/// What a cell of a throughput can hold for one second.
const MOST_A_SECOND: u64 = (1 << 36) - 1;

/// Samples of a histogram: who recorded, and what.
type Samples = Vec<(usize, u64)>;

/// How many values lie between two bounds, both included.
fn between(sorted: &[u64], low: u64, high: u64) -> u64 {
    (sorted.partition_point(|value| *value <= high) - sorted.partition_point(|value| *value < low)) as u64
}

fn wrapping_sum(values: impl Iterator<Item = u64>) -> u64 {
    values.fold(0, u64::wrapping_add)
}

/// That a snapshot holds just these values, as exactly as it promises to.
fn check_distribution(snapshot: &HistogramSnapshot, values: impl Iterator<Item = u64>, rejected: u64, digits: u8) {
    let mut sorted: Vec<u64> = values.collect();
    sorted.sort_unstable();
    let (count, sum) = (sorted.len() as u64, wrapping_sum(sorted.iter().copied()));
    assert_eq!((snapshot.count(), snapshot.rejected(), snapshot.uncertain()), (count, rejected, 0));
    assert_eq!((snapshot.sum(), snapshot.is_empty()), (sum, sorted.is_empty()), "sums wrap");
    assert_eq!(snapshot.mean(), if count == 0 { 0.0 } else { sum as f64 / count as f64 });
    let error = |value: u64| value / 10_u64.pow(u32::from(digits));

    let buckets: Vec<Bucket> = snapshot.buckets().collect();
    assert!(buckets.windows(2).all(|pair| pair[0].high < pair[1].low), "buckets meet");
    for bucket in &buckets {
        assert!(bucket.low <= bucket.high && bucket.high - bucket.low <= error(bucket.low), "{bucket:?}");
        assert_eq!(bucket.count, between(&sorted, bucket.low, bucket.high), "{bucket:?}");
    }
    for bucket in buckets.iter().step_by(buckets.len() / 4 + 1) {
        assert_eq!(snapshot.count_up_to(bucket.high), between(&sorted, 0, bucket.high));
    }
    assert_eq!(buckets.iter().map(|bucket| bucket.count).sum::<u64>(), count, "a bucket is missing");

    let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else {
        assert_eq!((snapshot.min(), snapshot.max(), snapshot.quantile(0.5)), (0, 0, 0));
        return;
    };
    assert!(snapshot.min() <= min && min - snapshot.min() <= error(min), "{} for {min}", snapshot.min());
    assert!(max <= snapshot.max() && snapshot.max() - max <= error(max), "{} for {max}", snapshot.max());
    for (numerator, denominator) in QUANTILES {
        let rank = (numerator * count).div_ceil(denominator).max(1);
        let exact = sorted[rank as usize - 1];
        let quantile = snapshot.quantile(numerator as f64 / denominator as f64);
        assert!(
            exact <= quantile && quantile - exact <= error(exact),
            "{numerator}/{denominator} of {count} values: {quantile} for {exact}"
        );
    }
}

/// What a histogram must show.
#[derive(Debug)]
struct HistogramModel {
    range: (u64, u64),
    digits: u8,
    recent: usize,
    /// No value was recorded twice.
    distinct: bool,
    /// Since the last reset, like the refused.
    samples: Samples,
    rejected: u64,
    /// Something was recorded or refused since a snapshot was published.
    changed: bool,
    /// Count, sum, refused: of what was published last.
    published: (u64, u64, u64),
    taken: Duration,
}

impl HistogramModel {
    fn new(setup: &Setup, range: (u64, u64), distinct: bool) -> Self {
        Self {
            range,
            digits: setup.digits,
            recent: setup.recent,
            distinct,
            samples: Vec::new(),
            rejected: 0,
            changed: false,
            published: (0, 0, 0),
            taken: Duration::ZERO,
        }
    }

    fn takes(&self, value: u64) -> bool {
        (self.range.0..=self.range.1).contains(&value)
    }

    fn record(&mut self, writer: usize, value: u64) {
        if self.takes(value) {
            self.samples.push((writer, value));
        } else {
            self.rejected += 1;
        }
        self.changed = true;
    }

    fn values(&self) -> impl Iterator<Item = u64> {
        self.samples.iter().map(|(_, value)| *value)
    }

    fn publish(&mut self, now: Duration) {
        self.published = (self.samples.len() as u64, wrapping_sum(self.values()), self.rejected);
        (self.changed, self.taken) = (false, now);
    }

    fn reset(&mut self, now: Duration) {
        self.samples.clear();
        self.rejected = 0;
        self.publish(now);
    }

    fn check(&self, snapshot: &HistogramSnapshot) {
        check_distribution(snapshot, self.values(), self.rejected, self.digits);
        self.check_recent(snapshot);
    }

    fn check_recent(&self, snapshot: &HistogramSnapshot) {
        let Some(recent) = snapshot.recent() else {
            assert_eq!(self.recent, 0, "none were asked for");
            return;
        };
        let (shown, last) = (recent.sorted(), recent.last());
        assert!(shown.is_sorted());
        assert_eq!((recent.count(), recent.is_empty()), (self.samples.len().min(self.recent), self.samples.is_empty()));
        let ends = (shown.first().copied().unwrap_or(0), shown.last().copied().unwrap_or(0));
        assert_eq!((recent.min(), recent.max()), ends);
        let sum: u128 = shown.iter().map(|value| u128::from(*value)).sum();
        assert_eq!(recent.mean(), if shown.is_empty() { 0.0 } else { sum as f64 / shown.len() as f64 });
        let writers: HashSet<usize> = self.samples.iter().map(|(writer, _)| *writer).collect();
        if writers.len() <= 1 {
            let mut newest: Vec<u64> = self.values().skip(self.samples.len().saturating_sub(self.recent)).collect();
            assert_eq!(last, newest.last().copied().unwrap_or(0));
            newest.sort_unstable();
            assert_eq!(shown, newest, "the newest, exactly");
        } else if self.distinct {
            self.check_newest_of_each(shown, last);
        } else {
            let mut left: HashMap<u64, usize> = HashMap::new();
            self.values().for_each(|value| *left.entry(value).or_default() += 1);
            for value in shown {
                let left = left.get_mut(value).filter(|left| **left > 0);
                *left.unwrap_or_else(|| panic!("{value} more often than it was recorded")) -= 1;
            }
        }
    }

    /// That of each thread its newest samples are there, without a gap.
    fn check_newest_of_each(&self, shown: &[u64], last: u64) {
        let mut left: HashSet<u64> = shown.iter().copied().collect();
        assert_eq!(left.len(), shown.len(), "a sample twice");
        let mut missing = HashSet::new();
        for (writer, value) in self.samples.iter().rev() {
            if left.remove(value) {
                assert!(!missing.contains(writer), "{value} is there, and a newer one of the same thread is not");
            } else {
                missing.insert(*writer);
            }
        }
        assert!(left.is_empty(), "nobody recorded {left:?}");
        let of_last = self.samples.iter().rfind(|(_, value)| *value == last).expect("the last was recorded").0;
        let newest_of_it = self.samples.iter().rfind(|(writer, _)| *writer == of_last);
        assert_eq!(newest_of_it, Some(&(of_last, last)), "the last is the newest of its thread");
    }
}

/// What a throughput must show.
#[derive(Debug)]
struct ThroughputModel {
    windows: Vec<u64>,
    /// Second and amount of everything ever finished.
    finished: Vec<(u64, u64)>,
    /// How many of them were before the last reset,
    forgotten: usize,
    /// which was in this second; or else the registration was.
    since: u64,
}

impl ThroughputModel {
    fn check(&self, snapshot: &ThroughputSnapshot, now: Duration) {
        let now = now.as_secs();
        assert_eq!(snapshot.total(), wrapping_sum(self.finished[self.forgotten..].iter().map(|(_, amount)| *amount)));
        assert_eq!(snapshot.rates().len(), self.windows.len());
        for (rate, &window) in snapshot.rates().iter().zip(&self.windows) {
            assert_eq!(rate.window, Duration::from_secs(window));
            let (least, most) = self.amount(window, now);
            assert!(
                (least..=most).contains(&rate.amount),
                "{} in {window} s, not {least} to {most}, at {now}: {self:?}",
                rate.amount
            );
            let passed = now.saturating_sub(self.since).clamp(1, window);
            assert_eq!(rate.per_second, rate.amount as f64 / passed as f64);
            assert_eq!(snapshot.per_second(rate.window), Some(rate.per_second));
        }
    }

    /// The least and the most that may have been finished in the whole seconds before `now`. The two are the same unless the
    /// clock went back, or an amount was beyond what a second can hold.
    ///
    /// A second is remembered until one that is a multiple of 64 away is written to. While the clock does not go back, no
    /// second of a window can have met that. If it does, what was finished may be missing.
    fn amount(&self, window: u64, now: u64) -> (u64, u64) {
        let first = now.saturating_sub(window).max(self.since);
        let (mut least, mut most) = (0_u64, 0_u64);
        for second in first..now {
            let of_second = |from: usize| -> u64 {
                let finished = self.finished.iter().skip(from).filter(|(at, _)| *at == second);
                finished.fold(0, |sum, (_, amount)| sum.saturating_add(*amount))
            };
            let overwritten = self.finished.iter().rposition(|(at, _)| *at != second && at.abs_diff(second) % 64 == 0);
            let kept_from = self.forgotten.max(overwritten.map_or(0, |at| at + 1));
            let mut kept = of_second(kept_from).min(MOST_A_SECOND);
            most = most.saturating_add(of_second(self.forgotten));
            // What was there at the reset is taken off, whether or not it is there still.
            if of_second(0) > MOST_A_SECOND || overwritten.is_some_and(|at| at >= self.forgotten) {
                kept = kept.saturating_sub(of_second(0) - of_second(self.forgotten));
            }
            least = least.saturating_add(kept);
        }
        (least, most)
    }
}

/// How a program's metrics are registered.
#[derive(Clone, Debug)]
struct Setup {
    range: (u64, u64),
    digits: u8,
    recent: usize,
    windows: Vec<u64>,
    /// Counters between the first and the others, so that these are on another page.
    apart: usize,
    threads: usize,
    /// Record no duration twice, so that it is known whose a recent sample is.
    distinct: bool,
    start: Duration,
}

fn setup() -> impl Strategy<Value = Setup> {
    let range = prop_oneof![
        3 => Just((0, 1 << 38)),
        1 => Just((0, u64::MAX)),
        1 => (any_size(), any_size()).prop_map(|(a, b): (u64, u64)| (a.min(b), a.max(b))),
    ];
    let recent = prop_oneof![Just(0_usize), 1_usize..20, Just(100), Just(128), Just(129), Just(300), Just(512)];
    let windows = prop_oneof![
        Just(vec![5, 30, 60]),
        Just(vec![1, 2, 60]),
        proptest::collection::btree_set(1_u64..=60, 0..4).prop_map(Vec::from_iter),
    ];
    (
        (range, prop_oneof![6 => 1_u8..=3, 1 => 4_u8..=5], recent, windows),
        (
            prop_oneof![4 => Just(0_usize), 1 => Just(300)],
            prop_oneof![1 => Just(1_usize), 3 => 2_usize..=6],
            any::<bool>(),
            prop_oneof![Just(Duration::ZERO), (0_u64..200_000_000_000).prop_map(Duration::from_nanos)],
        ),
    )
        .prop_map(|((range, digits, recent, windows), (apart, threads, distinct, start))| Setup {
            range,
            digits,
            recent,
            windows,
            apart,
            threads,
            distinct,
            start,
        })
}

/// Numbers of every size alike.
fn any_size() -> impl Strategy<Value = u64> {
    (0_u32..=64, any::<u64>()).prop_map(|(bits, n)| n.checked_shr(64 - bits).unwrap_or(0))
}

/// The metrics of one program.
#[derive(Debug)]
struct Metrics {
    clock: Arc<ManualClock>,
    registry: Registry,
    first: Counter,
    last: Counter,
    level: Gauge,
    ratio: FloatGauge,
    by_kind: CounterFamily,
    /// Values of the setup's range, and durations.
    histograms: [Histogram; 2],
    finished: Throughput,
}

const DURATIONS: (u64, u64) = (1, 3_600_000_000_000);
const KINDS: [&str; 3] = ["", "a", "b"];

impl Metrics {
    fn new(setup: &Setup) -> Self {
        let clock = Arc::new(ManualClock::new());
        clock.set(setup.start);
        let registry = Registry::builder().clock(clock.clone()).build();
        let first = registry.counter("first", "").unwrap();
        let filler = registry.counter_family("filler", "", &["i"]).unwrap();
        (0..setup.apart).for_each(|i| drop(filler.with(&[&i.to_string()]).unwrap()));
        let options = |options: HistogramOptions| options.significant_digits(setup.digits).recent(setup.recent);
        let values = options(HistogramOptions::values(setup.range.0, setup.range.1));
        let windows: Vec<Duration> = setup.windows.iter().copied().map(Duration::from_secs).collect();
        Self {
            first,
            level: registry.gauge("level", "").unwrap(),
            ratio: registry.float_gauge("ratio", "").unwrap(),
            by_kind: registry.counter_family("by_kind", "", &["kind"]).unwrap(),
            histograms: [
                registry.histogram("values", "", values).unwrap(),
                registry.histogram("durations", "", options(HistogramOptions::durations())).unwrap(),
            ],
            finished: registry.throughput_over("finished", "", &windows).unwrap(),
            last: registry.counter("last", "").unwrap(),
            clock,
            registry,
        }
    }
}

type Task = Box<dyn FnOnce(&Metrics) + Send>;

/// A thread that does what it is told, one thing at a time.
struct Worker {
    tasks: Sender<Task>,
    thread: JoinHandle<()>,
}

impl Worker {
    fn start(metrics: &Arc<Metrics>) -> Self {
        let (tasks, received) = channel::<Task>();
        let metrics = Arc::clone(metrics);
        let thread = std::thread::spawn(move || received.iter().for_each(|task| task(&metrics)));
        Self { tasks, thread }
    }

    /// Has it done before returning.
    fn run<R: Send + 'static>(&self, task: impl FnOnce(&Metrics) -> R + Send + 'static) -> R {
        let (answer, answered) = channel();
        let task = move |metrics: &Metrics| answer.send(task(metrics)).expect("somebody waits for the answer");
        self.tasks.send(Box::new(task)).expect("the worker lives");
        answered.recv().expect("the worker did not panic")
    }

    /// Ends the thread; its slot is free when this returns.
    fn end(self) {
        drop(self.tasks);
        self.thread.join().unwrap();
    }
}

/// A value for a histogram, whatever its range.
#[derive(Clone, Copy, Debug)]
enum Pick {
    /// So much above the least, modulo the range.
    Within(u64),
    Least,
    Most,
    /// Beside the ends, or anywhere.
    BelowLeast,
    AboveMost,
    Any(u64),
}

impl Pick {
    fn of(self, (min, max): (u64, u64)) -> u64 {
        match self {
            Self::Within(n) => (max - min).checked_add(1).map_or(n, |span| min + n % span),
            Self::Least => min,
            Self::Most => max,
            Self::BelowLeast => min.wrapping_sub(1),
            Self::AboveMost => max.wrapping_add(1),
            Self::Any(n) => n,
        }
    }
}

fn pick() -> impl Strategy<Value = Pick> {
    prop_oneof![
        8 => any_size().prop_map(Pick::Within),
        1 => Just(Pick::Least),
        1 => Just(Pick::Most),
        1 => Just(Pick::BelowLeast),
        1 => Just(Pick::AboveMost),
        2 => any_size().prop_map(Pick::Any),
    ]
}

/// What happens to the clock.
#[derive(Clone, Copy, Debug)]
enum Tick {
    Forward(Duration),
    Back(Duration),
    /// To so many nanoseconds after, or before, the next second begins.
    Edge(i64),
}

impl Tick {
    fn apply(self, clock: &ManualClock) {
        let now = clock.now();
        match self {
            Self::Forward(by) => clock.advance(by),
            Self::Back(by) => clock.set(now.saturating_sub(by)),
            Self::Edge(nanos) => {
                let edge = Duration::from_secs(now.as_secs() + 1);
                let by = Duration::from_nanos(nanos.unsigned_abs());
                clock.set(if nanos < 0 { edge - by } else { edge + by });
            }
        }
    }
}

fn tick(back: bool) -> impl Strategy<Value = Tick> {
    let forward = prop_oneof![
        3 => 0_u64..3,
        3 => 0_u64..1_500_000_000,
        3 => 1_000_000_000_u64..70_000_000_000,
        // Whole seconds, around what windows and rings are long.
        3 => prop_oneof![1_u64..=6, 28_u64..=32, 58_u64..=66, 125_u64..=130].prop_map(|s| s * 1_000_000_000),
        1 => 60_000_000_000_u64..40_000_000_000_000,
    ];
    let backward =
        prop_oneof![0_u64..2_000_000_000, 1_000_000_000_u64..5_000_000_000, 5_000_000_000_u64..200_000_000_000,];
    let nanos = Duration::from_nanos;
    prop_oneof![
        6 => forward.prop_map(move |by| Tick::Forward(nanos(by))),
        2 => (-1_i64..=1).prop_map(Tick::Edge),
        if back { 3 } else { 0 } => backward.prop_map(move |by| Tick::Back(nanos(by))),
    ]
}

#[derive(Clone, Copy, Debug)]
enum End {
    Stop,
    Drop,
    Discard,
}

/// What a burst's values are.
#[derive(Clone, Copy, Debug)]
enum Burst {
    Same(Pick),
    Spread(u64),
}

#[derive(Clone, Debug)]
enum Op {
    Inc,
    Add(u64),
    Member(usize, u64),
    Set(i64),
    Raise(i64),
    Lower(i64),
    SetFloat(f64),
    AddFloat(f64),
    Record(usize, Pick),
    TryRecord(usize, Pick),
    Burst(usize, usize, Burst),
    Reject(usize),
    Duration(usize, Duration),
    Timer(Tick, End),
    Finish(u64),
    Tick(Tick),
    ResetHistogram(usize),
    ResetThroughput,
    Replace,
    ReadHistogram(usize),
    ReadLatest(usize),
    ReadThroughput,
    ReadCounter,
    ReadAll,
}

/// Samples around what queues hold and folds remember.
fn burst_len() -> impl Strategy<Value = usize> {
    prop_oneof![1_usize..40, 250_usize..260, 505_usize..520, 1020_usize..1030, 600_usize..2500]
}

fn op(back: bool) -> impl Strategy<Value = Op> {
    let number = || prop_oneof![3 => 0_u64..1000, 1 => (u64::MAX - 1000)..=u64::MAX, 1 => any_size()];
    let level = || prop_oneof![3 => -1000_i64..1000, 1 => any::<i64>(), 1 => Just(i64::MIN), 1 => Just(i64::MAX)];
    let float = || prop_oneof![3 => -100.0_f64..100.0, 1 => any::<f64>()];
    let burst = prop_oneof![1 => pick().prop_map(Burst::Same), 3 => any::<u64>().prop_map(Burst::Spread)];
    let duration = prop_oneof![
        4 => any_size().prop_map(Duration::from_nanos),
        1 => Just(Duration::ZERO),
        1 => Just(Duration::MAX),
        // Beyond 64 bits of nanoseconds, where the lower ones would be in range.
        1 => Just(Duration::from_nanos(u64::MAX) + Duration::from_nanos(1000)),
    ];
    let end = prop_oneof![3 => Just(End::Stop), 2 => Just(End::Drop), 1 => Just(End::Discard)];
    let amount = prop_oneof![8 => 0_u64..1_000_000, 1 => any_size()];
    let which = 0_usize..2;
    let write = prop_oneof![
        2 => Just(Op::Inc),
        2 => number().prop_map(Op::Add),
        1 => (0_usize..KINDS.len(), number()).prop_map(|(kind, n)| Op::Member(kind, n)),
        1 => level().prop_map(Op::Set),
        1 => level().prop_map(Op::Raise),
        1 => level().prop_map(Op::Lower),
        1 => float().prop_map(Op::SetFloat),
        1 => float().prop_map(Op::AddFloat),
        6 => (which.clone(), pick()).prop_map(|(which, pick)| Op::Record(which, pick)),
        2 => (which.clone(), pick()).prop_map(|(which, pick)| Op::TryRecord(which, pick)),
        6 => (which.clone(), burst_len(), burst).prop_map(|(which, n, burst)| Op::Burst(which, n, burst)),
        1 => which.clone().prop_map(Op::Reject),
        2 => (which.clone(), duration).prop_map(|(which, duration)| Op::Duration(which, duration)),
        2 => (tick(back), end).prop_map(|(tick, end)| Op::Timer(tick, end)),
        8 => amount.prop_map(Op::Finish),
    ];
    prop_oneof![
        40 => write,
        10 => tick(back).prop_map(Op::Tick),
        2 => which.clone().prop_map(Op::ResetHistogram),
        2 => Just(Op::ResetThroughput),
        3 => Just(Op::Replace),
        8 => which.clone().prop_map(Op::ReadHistogram),
        2 => which.prop_map(Op::ReadLatest),
        8 => Just(Op::ReadThroughput),
        2 => Just(Op::ReadCounter),
        4 => Just(Op::ReadAll),
    ]
}

/// A third of the programs have a clock that goes back.
fn program() -> impl Strategy<Value = (Setup, Vec<(usize, Op)>)> {
    let ops = |back| proptest::collection::vec((0_usize..6, op(back)), 1..80);
    (setup(), prop_oneof![2 => ops(false), 1 => ops(true)])
}

/// Runs a program on real threads and on the models.
struct Run {
    metrics: Arc<Metrics>,
    workers: Vec<Worker>,
    /// Which thread each of them is, of all that ever were.
    writers: Vec<usize>,
    threads: usize,
    setup: Setup,
    /// The first and the last.
    counters: [u64; 2],
    members: [Option<u64>; KINDS.len()],
    level: i64,
    ratio: f64,
    histograms: [HistogramModel; 2],
    finished: ThroughputModel,
    /// Numbers handed out for values that are all different.
    numbered: u64,
    seen: Option<Arc<RegistrySnapshot>>,
    /// Something was written since `seen`, which was taken in this second.
    changed: bool,
    second: u64,
}

impl Run {
    fn new(setup: Setup) -> Self {
        let metrics = Arc::new(Metrics::new(&setup));
        let mut histograms =
            [HistogramModel::new(&setup, setup.range, false), HistogramModel::new(&setup, DURATIONS, setup.distinct)];
        histograms.iter_mut().for_each(|histogram| histogram.taken = setup.start);
        let finished = ThroughputModel {
            windows: setup.windows.clone(),
            finished: Vec::new(),
            forgotten: 0,
            since: setup.start.as_secs(),
        };
        Self {
            workers: (0..setup.threads).map(|_| Worker::start(&metrics)).collect(),
            writers: (0..setup.threads).collect(),
            threads: setup.threads,
            metrics,
            setup,
            counters: [0; 2],
            members: [None; KINDS.len()],
            level: 0,
            ratio: 0.0,
            histograms,
            finished,
            numbered: 0,
            seen: None,
            changed: true,
            second: 0,
        }
    }

    fn now(&self) -> Duration {
        self.metrics.clock.now()
    }

    /// The value that is meant, or another one if it must be different from all others.
    fn value(&mut self, which: usize, pick: Pick) -> u64 {
        let model = &self.histograms[which];
        let value = pick.of(model.range);
        if !(model.distinct && model.takes(value)) {
            return value;
        }
        self.numbered += 1;
        // An odd factor permutes 38 bits.
        1 + (self.numbered.wrapping_mul(0x9E37_79B9_7F4A_7C15) & ((1 << 38) - 1))
    }

    fn record(&mut self, which: usize, thread: usize, value: u64) {
        let writer = self.writers[thread];
        self.histograms[which].record(writer, value);
    }

    fn step(&mut self, thread: usize, op: Op) {
        let thread = thread % self.threads;
        match op {
            Op::Tick(_) | Op::Replace | Op::Timer(..) => {}
            Op::ReadHistogram(_) | Op::ReadLatest(_) | Op::ReadThroughput | Op::ReadCounter | Op::ReadAll => {}
            _ => self.changed = true,
        }
        match op {
            Op::Inc | Op::Add(_) | Op::Member(..) => self.count(thread, op),
            Op::Set(_) | Op::Raise(_) | Op::Lower(_) | Op::SetFloat(_) | Op::AddFloat(_) => self.gauge(thread, op),
            Op::Record(..) | Op::TryRecord(..) | Op::Burst(..) | Op::Reject(_) => self.sample(thread, op),
            Op::Duration(which, duration) => self.duration(thread, which, duration),
            Op::Timer(tick, end) => self.timer(thread, tick, end),
            Op::Finish(amount) => {
                self.workers[thread].run(move |metrics| metrics.finished.add(amount));
                self.finished.finished.push((self.now().as_secs(), amount));
            }
            Op::Tick(tick) => tick.apply(&self.metrics.clock),
            Op::ResetHistogram(which) => {
                let before = self.workers[thread].run(move |metrics| metrics.histograms[which].reset());
                self.histograms[which].check(&before);
                self.histograms[which].reset(self.metrics.clock.now());
            }
            Op::ResetThroughput => {
                let before = self.workers[thread].run(|metrics| metrics.finished.reset());
                self.finished.check(&before, self.now());
                self.finished.forgotten = self.finished.finished.len();
                self.finished.since = self.now().as_secs();
            }
            Op::Replace => {
                let next = Worker::start(&self.metrics);
                std::mem::replace(&mut self.workers[thread], next).end();
                self.writers[thread] = self.writers.iter().max().unwrap() + 1;
            }
            Op::ReadHistogram(which) => self.read_histogram(thread, which),
            Op::ReadLatest(which) => self.read_latest(thread, which),
            Op::ReadThroughput => self.read_throughput(thread),
            Op::ReadCounter => self.read_cells(thread),
            Op::ReadAll => self.read_all(thread),
        }
    }

    fn count(&mut self, thread: usize, op: Op) {
        match op {
            Op::Inc => {
                self.workers[thread].run(|metrics| metrics.first.inc());
                self.counters[0] = self.counters[0].wrapping_add(1);
            }
            Op::Add(n) => {
                self.workers[thread].run(move |metrics| {
                    metrics.first.add(n);
                    metrics.last.add(n / 2);
                });
                self.counters[0] = self.counters[0].wrapping_add(n);
                self.counters[1] = self.counters[1].wrapping_add(n / 2);
            }
            Op::Member(kind, n) => {
                self.workers[thread].run(move |metrics| metrics.by_kind.with(&[KINDS[kind]]).unwrap().add(n));
                let member = self.members[kind].get_or_insert(0);
                *member = member.wrapping_add(n);
            }
            other => unreachable!("{other:?}"),
        }
    }

    fn gauge(&mut self, thread: usize, op: Op) {
        let worker = &self.workers[thread];
        match op {
            Op::Set(n) => {
                worker.run(move |metrics| metrics.level.set(n));
                self.level = n;
            }
            Op::Raise(n) => {
                worker.run(move |metrics| metrics.level.add(n));
                self.level = self.level.wrapping_add(n);
            }
            Op::Lower(n) => {
                worker.run(move |metrics| metrics.level.sub(n));
                self.level = self.level.wrapping_sub(n);
            }
            Op::SetFloat(x) => {
                worker.run(move |metrics| metrics.ratio.set(x));
                self.ratio = x;
            }
            Op::AddFloat(x) => {
                worker.run(move |metrics| metrics.ratio.add(x));
                self.ratio += x;
            }
            other => unreachable!("{other:?}"),
        }
    }

    fn sample(&mut self, thread: usize, op: Op) {
        match op {
            Op::Record(which, pick) => {
                let value = self.value(which, pick);
                self.workers[thread].run(move |metrics| metrics.histograms[which].record(value));
                self.record(which, thread, value);
            }
            Op::TryRecord(which, pick) => {
                let value = self.value(which, pick);
                let tried = self.workers[thread].run(move |metrics| metrics.histograms[which].try_record(value));
                let (min, max) = self.histograms[which].range;
                let refused = RecordError::OutOfRange { value, min, max };
                assert_eq!(tried, if self.histograms[which].takes(value) { Ok(()) } else { Err(refused) });
                self.record(which, thread, value);
            }
            Op::Burst(which, n, burst) => {
                let pick = |i: u64| match burst {
                    Burst::Same(pick) => pick,
                    Burst::Spread(seed) => {
                        let mixed =
                            (seed ^ i).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29).wrapping_mul(seed | 1);
                        Pick::Within(mixed >> (mixed % 64))
                    }
                };
                let values: Arc<[u64]> = (0..n as u64).map(|i| self.value(which, pick(i))).collect();
                let told = Arc::clone(&values);
                self.workers[thread].run(move |metrics| {
                    told.iter().for_each(|value| metrics.histograms[which].record(*value));
                });
                values.iter().for_each(|value| self.record(which, thread, *value));
            }
            Op::Reject(which) => {
                self.workers[thread].run(move |metrics| metrics.histograms[which].reject());
                self.refuse(which);
            }
            other => unreachable!("{other:?}"),
        }
    }

    fn refuse(&mut self, which: usize) {
        self.histograms[which].rejected += 1;
        self.histograms[which].changed = true;
    }

    fn duration(&mut self, thread: usize, which: usize, mut duration: Duration) {
        let in_range = (Duration::from_nanos(DURATIONS.0)..=Duration::from_nanos(DURATIONS.1)).contains(&duration);
        if which == 1 && in_range {
            duration = Duration::from_nanos(self.value(which, Pick::Any(duration.as_nanos() as u64)));
        }
        self.workers[thread].run(move |metrics| metrics.histograms[which].record_duration(duration));
        if which == 1 && in_range {
            self.record(which, thread, duration.as_nanos() as u64);
        } else {
            self.refuse(which);
        }
    }

    /// A timer that the clock's step falls into.
    fn timer(&mut self, thread: usize, tick: Tick, end: End) {
        let end = if self.setup.distinct { End::Discard } else { end };
        let started = self.now();
        let shown = self.workers[thread].run(move |metrics| {
            let timer = metrics.histograms[1].start();
            tick.apply(&metrics.clock);
            match end {
                End::Stop => Some(timer.stop()),
                End::Drop => None,
                End::Discard => {
                    timer.discard();
                    None
                }
            }
        });
        let elapsed = self.now().checked_sub(started).unwrap_or_default().max(Duration::from_nanos(1));
        if matches!(end, End::Stop) {
            assert_eq!(shown, Some(elapsed));
        }
        if !matches!(end, End::Discard) {
            self.record(1, thread, elapsed.as_nanos() as u64);
            self.changed = true;
        }
    }

    fn read_histogram(&mut self, thread: usize, which: usize) {
        let (before, now) = self.workers[thread].run(move |metrics| {
            let histogram = &metrics.histograms[which];
            (histogram.latest().snapshot, histogram.snapshot())
        });
        let at = self.now();
        let model = &mut self.histograms[which];
        assert_eq!(Arc::ptr_eq(&before, &now), !model.changed, "a new snapshot when and only when something is new");
        model.check(&now);
        if model.changed {
            model.publish(at);
        }
    }

    fn read_latest(&self, thread: usize, which: usize) {
        let latest = self.workers[thread].run(move |metrics| metrics.histograms[which].latest());
        let (model, snapshot) = (&self.histograms[which], latest.snapshot);
        assert_eq!((snapshot.count(), snapshot.sum(), snapshot.rejected()), model.published);
        assert_eq!(latest.age, self.now().saturating_sub(model.taken));
    }

    fn read_throughput(&self, thread: usize) {
        let (snapshot, again) =
            self.workers[thread].run(|metrics| (metrics.finished.snapshot(), metrics.finished.snapshot()));
        assert!(Arc::ptr_eq(&snapshot, &again), "nothing was finished between the two");
        self.finished.check(&snapshot, self.now());
    }

    fn read_cells(&self, thread: usize) {
        let (first, last, level, ratio) = self.workers[thread]
            .run(|metrics| (metrics.first.get(), metrics.last.get(), metrics.level.get(), metrics.ratio.get()));
        assert_eq!(([first, last], level), (self.counters, self.level));
        assert!(same(ratio, self.ratio), "{ratio} for {}", self.ratio);
    }

    fn read_all(&mut self, thread: usize) {
        let snapshot = self.workers[thread].run(|metrics| metrics.registry.snapshot());
        let (changed, second) = (self.changed || self.now().as_secs() != self.second, self.now().as_secs());
        let unseen = self.seen.as_ref().is_none_or(|seen| !Arc::ptr_eq(seen, &snapshot));
        assert_eq!(unseen, changed || self.seen.is_none(), "a new snapshot when and only when something is new");
        (self.seen, self.changed, self.second) = (Some(Arc::clone(&snapshot)), false, second);
        for family in snapshot.families() {
            let values: Vec<Value<'_>> = family.series().map(|series| series.value()).collect();
            match (family.name(), &values[..]) {
                ("first", [Value::Counter(value)]) => assert_eq!(*value, self.counters[0]),
                ("last", [Value::Counter(value)]) => assert_eq!(*value, self.counters[1]),
                ("level", [Value::Gauge(value)]) => assert_eq!(*value, self.level),
                ("ratio", [Value::FloatGauge(value)]) => assert!(same(*value, self.ratio)),
                ("finished", [Value::Throughput(value)]) => self.finished.check(value, self.now()),
                ("values", [Value::Histogram(value)]) => self.histograms[0].check(value),
                ("durations_seconds", [Value::Histogram(value)]) => self.histograms[1].check(value),
                ("filler", values) => {
                    assert!(values.len() == self.setup.apart && values.iter().all(|x| matches!(x, Value::Counter(0))));
                }
                ("by_kind", _) => {
                    let shown: HashMap<&str, u64> = family
                        .series()
                        .map(|series| match (series.labels().next(), series.value()) {
                            (Some(("kind", kind)), Value::Counter(value)) => (kind, value),
                            other => panic!("{other:?}"),
                        })
                        .collect();
                    let expected = KINDS.iter().zip(self.members).filter_map(|(kind, n)| Some((*kind, n?)));
                    assert_eq!(shown, expected.collect());
                }
                other => panic!("{other:?}"),
            }
        }
        for (family, model) in ["values", "durations_seconds"].iter().zip(&self.histograms) {
            let mut sorted: Vec<u64> = model.values().collect();
            sorted.sort_unstable();
            let series = snapshot.family(family).unwrap().series().next().unwrap();
            for (bound, count) in series.cumulative() {
                assert_eq!(count, between(&sorted, 0, bound), "at or below {bound}");
            }
        }
        let now = self.metrics.clock.now();
        self.histograms.iter_mut().filter(|model| model.changed).for_each(|model| model.publish(now));
    }

    /// Ends all threads, and looks once more.
    fn finish(mut self) {
        let reader = Worker::start(&self.metrics);
        std::mem::replace(&mut self.workers, vec![reader]).into_iter().for_each(Worker::end);
        self.read_cells(0);
        self.read_histogram(0, 0);
        self.read_all(0);
        self.read_histogram(0, 1);
        self.read_throughput(0);
        Tick::Forward(Duration::from_secs(1)).apply(&self.metrics.clock);
        self.read_throughput(0);
        Tick::Forward(Duration::from_secs(61)).apply(&self.metrics.clock);
        self.read_throughput(0);
        self.workers.pop().unwrap().end();
    }
}

/// The same float; of those that are no number, any.
fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

/// A program that fails is made smaller for so long only.
fn cases(n: u32) -> ProptestConfig {
    ProptestConfig { max_shrink_time: 20_000, ..ProptestConfig::with_cases(n) }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn any_program_shows_what_a_plain_model_shows((setup, ops) in program()) {
        let mut run = Run::new(setup);
        for (thread, op) in ops {
            run.step(thread, op);
        }
        run.finish();
    }
}

/// Everything that a snapshot without recent samples answers.
fn everything(snapshot: &HistogramSnapshot) -> impl PartialEq + std::fmt::Debug + use<> {
    let quantiles = QUANTILES.map(|(numerator, denominator)| snapshot.quantile(numerator as f64 / denominator as f64));
    (
        (snapshot.count(), snapshot.sum(), snapshot.rejected(), snapshot.uncertain(), snapshot.unit()),
        (snapshot.min(), snapshot.max(), snapshot.mean().to_bits(), snapshot.stdev().to_bits()),
        (quantiles, snapshot.buckets().collect::<Vec<_>>()),
    )
}

fn range() -> impl Strategy<Value = (u64, u64)> {
    prop_oneof![
        (any_size(), any_size()).prop_map(|(a, b): (u64, u64)| (a.min(b), a.max(b))),
        any_size().prop_map(|max| (0, max)),
        Just((0, u64::MAX)),
    ]
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn merged_snapshots_are_those_of_one_histogram_that_recorded_both(
        range in range(),
        digits in 1_u8..=3,
        lists in proptest::collection::vec(proptest::collection::vec(pick(), 0..300), 3),
        recent in prop_oneof![Just(0_usize), Just(10)],
    ) {
        let options = HistogramOptions::values(range.0, range.1).significant_digits(digits).recent(recent);
        let histogram = || Registry::new().histogram("h", "", options.clone()).unwrap();
        let (parts, whole) = ([(); 3].map(|()| histogram()), histogram());
        let mut after = vec![whole.snapshot()];
        for (part, list) in parts.iter().zip(&lists) {
            for pick in list {
                part.record(pick.of(range));
                whole.record(pick.of(range));
            }
            after.push(whole.snapshot());
        }
        let parts = parts.map(|part| part.snapshot());
        let [a, b, c] = [0, 1, 2].map(|i| &*parts[i]);
        let (nothing, ab, abc) = (&*after[0], a.merge(b).unwrap(), &*after[3]);
        prop_assert_eq!(everything(&ab), everything(&after[2]));
        prop_assert_eq!(everything(&ab), everything(&b.merge(a).unwrap()));
        prop_assert_eq!(everything(&ab.merge(c).unwrap()), everything(abc));
        prop_assert_eq!(everything(&a.merge(&b.merge(c).unwrap()).unwrap()), everything(abc));
        prop_assert_eq!(everything(&a.merge(nothing).unwrap()), everything(a));
        prop_assert_eq!(everything(&nothing.merge(a).unwrap()), everything(a));
        prop_assert!(ab.recent().is_none());

        for (i, part) in parts.iter().enumerate() {
            let since = after[i + 1].since(&after[i]).unwrap();
            prop_assert_eq!(everything(&since), everything(part));
            prop_assert_eq!(everything(&after[i].merge(&since).unwrap()), everything(&after[i + 1]));
            prop_assert!(after[i + 1].since(&after[i + 1]).unwrap().is_empty());
        }
        let last_two = abc.since(&after[1]).unwrap();
        prop_assert_eq!(everything(&last_two), everything(&b.merge(c).unwrap()));
        if !lists[0].is_empty() {
            prop_assert_eq!(nothing.since(&after[1]).unwrap_err(), MergeError::NotEarlier);
        }

        // After a reset it is a new histogram, also to its refused values.
        prop_assert_eq!(everything(&whole.reset()), everything(abc));
        prop_assert_eq!(everything(&whole.snapshot()), everything(nothing));
        lists[1].iter().for_each(|pick| whole.record(pick.of(range)));
        prop_assert_eq!(everything(&whole.snapshot()), everything(b));
    }
}

/// What a thread does without anybody saying when.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Add(u64),
    Raise(i64),
    /// Quarters, which add up to the same in any order.
    AddFloat(i32),
    Record(usize, Pick),
    Burst(usize, Pick, usize),
    Reject(usize),
    Finish(u64),
    Member(usize),
}

fn deed() -> impl Strategy<Value = Deed> {
    let which = 0_usize..2;
    prop_oneof![
        2 => (0_u64..1 << 40).prop_map(Deed::Add),
        1 => any::<i64>().prop_map(Deed::Raise),
        1 => (-1000_i32..1000).prop_map(Deed::AddFloat),
        4 => (which.clone(), pick()).prop_map(|(which, pick)| Deed::Record(which, pick)),
        4 => (which.clone(), pick(), burst_len()).prop_map(|(which, pick, n)| Deed::Burst(which, pick, n)),
        1 => which.prop_map(Deed::Reject),
        2 => (0_u64..1 << 20).prop_map(Deed::Finish),
        1 => (0_usize..KINDS.len()).prop_map(Deed::Member),
    ]
}

/// What must have come together when all threads have ended.
#[derive(Debug, Default)]
struct Sums {
    counter: u64,
    level: i64,
    quarters: i32,
    values: [Vec<u64>; 2],
    rejected: [u64; 2],
    finished: u64,
    members: [u64; KINDS.len()],
}

impl Sums {
    fn ranges(setup: &Setup) -> [(u64, u64); 2] {
        [setup.range, DURATIONS]
    }

    fn of(deeds: impl Iterator<Item = Deed>, setup: &Setup) -> Self {
        let mut sums = Self::default();
        for deed in deeds {
            match deed {
                Deed::Add(n) => sums.counter = sums.counter.wrapping_add(n),
                Deed::Raise(n) => sums.level = sums.level.wrapping_add(n),
                Deed::AddFloat(n) => sums.quarters += n,
                Deed::Record(which, pick) => sums.record(which, pick, 1, setup),
                Deed::Burst(which, pick, n) => sums.record(which, pick, n, setup),
                Deed::Reject(which) => sums.rejected[which] += 1,
                Deed::Finish(n) => sums.finished += n,
                Deed::Member(kind) => sums.members[kind] += 1,
            }
        }
        sums
    }

    fn record(&mut self, which: usize, pick: Pick, n: usize, setup: &Setup) {
        let (min, max) = Self::ranges(setup)[which];
        let value = pick.of((min, max));
        if (min..=max).contains(&value) {
            self.values[which].extend(std::iter::repeat_n(value, n));
        } else {
            self.rejected[which] += n as u64;
        }
    }
}

fn act(metrics: &Metrics, deeds: &[Deed], setup: &Setup) {
    for deed in deeds {
        match *deed {
            Deed::Add(n) => metrics.first.add(n),
            Deed::Raise(n) => metrics.level.add(n),
            Deed::AddFloat(n) => metrics.ratio.add(f64::from(n) / 4.0),
            Deed::Record(which, pick) => metrics.histograms[which].record(pick.of(Sums::ranges(setup)[which])),
            Deed::Burst(which, pick, n) => {
                (0..n).for_each(|_| metrics.histograms[which].record(pick.of(Sums::ranges(setup)[which])));
            }
            Deed::Reject(which) => metrics.histograms[which].reject(),
            Deed::Finish(n) => metrics.finished.add(n),
            Deed::Member(kind) => metrics.by_kind.with(&[KINDS[kind]]).unwrap().inc(),
        }
    }
}

/// What readers have seen, which never goes back.
#[derive(Default)]
struct Seen {
    counter: u64,
    finished: u64,
    rejected: [u64; 2],
    buckets: [HashMap<u64, u64>; 2],
    last: [u64; 2],
}

impl Seen {
    fn look(&mut self, metrics: &Metrics) {
        let snapshot = metrics.registry.snapshot();
        let family = |name| snapshot.family(name).unwrap().series().next().unwrap().value();
        let (Value::Counter(counter), Value::Throughput(finished)) = (family("first"), family("finished")) else {
            panic!("no such metrics")
        };
        assert!(self.counter <= counter && counter <= metrics.first.get(), "the counter went back");
        assert!(self.finished <= finished.total(), "the total went back");
        (self.counter, self.finished) = (counter, finished.total());
        for (i, name) in ["values", "durations_seconds"].into_iter().enumerate() {
            let Value::Histogram(shown) = family(name) else { panic!("{name} is a histogram") };
            let buckets: HashMap<u64, u64> = shown.buckets().map(|bucket| (bucket.low, bucket.count)).collect();
            assert_eq!(buckets.values().sum::<u64>(), shown.count(), "the buckets add up to the count");
            let fell = |(low, count): (&u64, &u64)| buckets.get(low).is_none_or(|now| now < count);
            assert!(!self.buckets[i].iter().any(fell), "a bucket of {name} went back");
            assert!(self.rejected[i] <= shown.rejected() && self.last[i] <= shown.count(), "{name} went back");
            (self.rejected[i], self.last[i]) = (shown.rejected(), shown.count());
            self.buckets[i] = buckets;
        }
    }
}

/// What resets have returned.
#[derive(Default)]
struct Returned {
    histograms: [Option<HistogramSnapshot>; 2],
    finished: u64,
}

impl Returned {
    fn reset(&mut self, metrics: &Metrics) {
        for (sum, histogram) in self.histograms.iter_mut().zip(&metrics.histograms) {
            let before = histogram.reset();
            assert_eq!(before.uncertain(), 0, "a reset is exact");
            *sum = Some(sum.as_ref().map_or_else(|| before.clone(), |sum| sum.merge(&before).unwrap()));
        }
        self.finished = self.finished.wrapping_add(metrics.finished.reset().total());
    }
}

/// Ends the reader, whether or not somebody panics.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(false, SeqCst);
    }
}

/// Two waves of threads, the second in the slots of the first, while another thread reads or resets.
fn at_the_same_time(setup: &Setup, waves: &[Vec<Vec<Deed>>; 2], resets: bool) {
    let metrics = Metrics::new(setup);
    let running = AtomicBool::new(true);
    let mut returned = std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let (mut seen, mut returned) = (Seen::default(), Returned::default());
            while running.load(SeqCst) {
                if resets { returned.reset(&metrics) } else { seen.look(&metrics) }
            }
            returned
        });
        let stop = Stop(&running);
        for wave in waves {
            std::thread::scope(|scope| {
                wave.iter().for_each(|deeds| drop(scope.spawn(|| act(&metrics, deeds, setup))));
            });
        }
        drop(stop);
        other.join().unwrap()
    });
    let sums = Sums::of(waves.iter().flatten().flatten().copied(), setup);
    assert_eq!((metrics.first.get(), metrics.level.get()), (sums.counter, sums.level));
    assert_eq!(metrics.ratio.get(), f64::from(sums.quarters) / 4.0);
    for (kind, n) in KINDS.iter().zip(sums.members) {
        assert_eq!(metrics.by_kind.with(&[kind]).unwrap().get(), n);
    }
    if !resets {
        metrics.clock.advance(Duration::from_secs(1));
        let finished = metrics.finished.snapshot();
        assert_eq!(finished.total(), sums.finished);
        assert!(finished.rates().iter().all(|rate| rate.amount == sums.finished), "{finished:?} {}", sums.finished);
        Seen::default().look(&metrics);
        for (i, histogram) in metrics.histograms.iter().enumerate() {
            let recent = histogram.snapshot().recent().map_or(0, |recent| recent.count());
            assert_eq!(recent, sums.values[i].len().min(setup.recent));
        }
    }
    returned.reset(&metrics);
    assert_eq!(returned.finished, sums.finished);
    for (i, (returned, values)) in returned.histograms.iter().zip(&sums.values).enumerate() {
        check_distribution(returned.as_ref().unwrap(), values.iter().copied(), sums.rejected[i], setup.digits);
    }
    assert!(metrics.histograms.iter().all(|histogram| histogram.snapshot().is_empty()));
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn threads_at_the_same_time_come_to_what_they_did(
        setup in setup(),
        [first, second] in [(); 2].map(|()| {
            proptest::collection::vec(proptest::collection::vec(deed(), 0..60), 1..=6)
        }),
        resets in any::<bool>(),
    ) {
        at_the_same_time(&setup, &[first, second], resets);
    }
}

/// Records values that nobody else records, and rests now and then.
fn record_distinct(histogram: &Histogram, thread: u64, each: u64, burst: u64, rest: u32) {
    for i in 0..each {
        histogram.record(1 + thread * each + i);
        if i % burst == 0 {
            (0..rest).for_each(|_| std::hint::spin_loop());
        }
    }
}

/// Looks at the recent samples without pause; every one is another one's.
fn watch_recent(histogram: &Histogram, threads: u64, each: u64, running: &AtomicBool) {
    let mut newest = vec![0; threads as usize];
    while running.load(SeqCst) {
        let snapshot = histogram.snapshot();
        let recent = snapshot.recent().unwrap().sorted();
        assert!(recent.windows(2).all(|pair| pair[0] < pair[1]), "a sample twice");
        for (thread, newest) in (0..threads).zip(&mut newest) {
            let of_thread = |value: &&u64| (1 + thread * each..=(thread + 1) * each).contains(*value);
            if let Some(&now) = recent.iter().rfind(of_thread) {
                assert!(*newest <= now, "thread {thread} went back from {newest} to {now}");
                *newest = now;
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn recent_samples_of_busy_threads_come_once_and_in_order(
        threads in 1_u64..=4,
        recent in prop_oneof![1_usize..20, 100_usize..=512],
        burst in prop_oneof![1_u64..50, 200_u64..3_000, Just(u64::MAX)],
        rest in 0_u32..300,
    ) {
        let each = burst.saturating_mul(2_000).min(1_000_000);
        let options = HistogramOptions::values(1, threads * each).recent(recent);
        let histogram = Registry::new().histogram("h", "", options).unwrap();
        let running = AtomicBool::new(true);
        std::thread::scope(|scope| {
            scope.spawn(|| watch_recent(&histogram, threads, each, &running));
            let stop = Stop(&running);
            std::thread::scope(|scope| {
                (0..threads).for_each(|thread| {
                    let histogram = &histogram;
                    drop(scope.spawn(move || record_distinct(histogram, thread, each, burst, rest)));
                });
            });
            drop(stop);
        });
        let all = threads * each;
        let end = histogram.snapshot();
        prop_assert_eq!((end.count(), end.sum(), end.uncertain()), (all, all * (all + 1) / 2, 0));
        prop_assert_eq!(end.recent().unwrap().count() as u64, all.min(recent as u64));
    }
}
