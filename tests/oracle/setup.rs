//! What a program runs on: metrics, registered in any way, and threads that do what they are told.

use crate::values::any_range;
use epoch_metrics::{
    Counter, Family, FloatGauge, Gauge, Histogram, HistogramOptions, ManualClock, Registry,
    Throughput,
};
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How a program's metrics are registered.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) range: (u64, u64),
    pub(crate) digits: u8,
    pub(crate) recent: usize,
    pub(crate) windows: Vec<u64>,
    /// Counters between the first and the others, so that these are on another page.
    pub(crate) apart: usize,
    pub(crate) threads: usize,
    /// Record no duration twice, so that it is known whose a recent sample is.
    pub(crate) distinct: bool,
    pub(crate) start: Duration,
}

pub(crate) fn setup() -> impl Strategy<Value = Setup> {
    let range = prop_oneof![
        3 => Just((0, 1 << 38)),
        1 => Just((0, u64::MAX)),
        1 => any_range(),
    ];
    let recent = prop_oneof![
        Just(0_usize),
        1_usize..20,
        Just(100),
        Just(128),
        Just(129),
        Just(300),
        Just(512)
    ];
    let windows = prop_oneof![
        Just(vec![5, 30, 60]),
        Just(vec![1, 2, 60]),
        proptest::collection::btree_set(1_u64..=60, 0..4).prop_map(Vec::from_iter),
    ];
    (
        (
            range,
            prop_oneof![6 => 1_u8..=3, 1 => 4_u8..=5],
            recent,
            windows,
        ),
        (
            prop_oneof![4 => Just(0_usize), 1 => Just(300)],
            prop_oneof![1 => Just(1_usize), 3 => 2_usize..=6],
            any::<bool>(),
            prop_oneof![
                Just(Duration::ZERO),
                (0_u64..200_000_000_000).prop_map(Duration::from_nanos)
            ],
        ),
    )
        .prop_map(
            |((range, digits, recent, windows), (apart, threads, distinct, start))| Setup {
                range,
                digits,
                recent,
                windows,
                apart,
                threads,
                distinct,
                start,
            },
        )
}

/// What `HistogramOptions::durations` takes.
pub(crate) const DURATIONS: (u64, u64) = (1, 3_600_000_000_000);
/// The label values of `by_kind`.
pub(crate) const KINDS: [&str; 3] = ["", "a", "b"];

/// The metrics of one program.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) registry: Registry,
    pub(crate) first: Counter,
    pub(crate) last: Counter,
    pub(crate) level: Gauge,
    pub(crate) ratio: FloatGauge,
    pub(crate) by_kind: Family<Counter>,
    /// Values of the setup's range, and durations.
    pub(crate) histograms: [Histogram; 2],
    pub(crate) finished: Throughput,
}

impl Metrics {
    pub(crate) fn new(setup: &Setup) -> Self {
        let clock = Arc::new(ManualClock::new());
        clock.set(setup.start);
        let registry = Registry::builder().clock(clock.clone()).build();
        let first = registry.counter("first", "").unwrap();
        if setup.apart > 0 {
            // What is registered after a family is on another page.
            let filler = registry.counter_family("filler", "", &["i"]).unwrap();
            (0..setup.apart).for_each(|i| drop(filler.with(&[&i.to_string()]).unwrap()));
        }
        let options = |options: HistogramOptions| {
            options
                .significant_digits(setup.digits)
                .recent(setup.recent)
        };
        let values = options(HistogramOptions::values(setup.range.0, setup.range.1));
        let [shortest, longest] = [DURATIONS.0, DURATIONS.1].map(Duration::from_nanos);
        let durations = HistogramOptions::durations().range(shortest, longest);
        let windows: Vec<Duration> = setup
            .windows
            .iter()
            .copied()
            .map(Duration::from_secs)
            .collect();
        Self {
            first,
            level: registry.gauge("level", "").unwrap(),
            ratio: registry.float_gauge("ratio", "").unwrap(),
            by_kind: registry.counter_family("by_kind", "", &["kind"]).unwrap(),
            histograms: [
                registry.histogram("values", "", values).unwrap(),
                registry
                    .histogram("durations", "", options(durations.into()))
                    .unwrap(),
            ],
            finished: registry
                .throughput_with_windows("finished", "", &windows)
                .unwrap(),
            last: registry.counter("last", "").unwrap(),
            clock,
            registry,
        }
    }
}

type Task = Box<dyn FnOnce(&Metrics) + Send>;

/// A thread that does what it is told, one thing at a time.
pub(crate) struct Worker {
    tasks: Sender<Task>,
    thread: JoinHandle<()>,
}

impl Worker {
    pub(crate) fn start(metrics: &Arc<Metrics>) -> Self {
        let (tasks, received) = channel::<Task>();
        let metrics = Arc::clone(metrics);
        let thread = std::thread::spawn(move || received.iter().for_each(|task| task(&metrics)));
        Self { tasks, thread }
    }

    /// Has it done before returning.
    pub(crate) fn run<R: Send + 'static>(
        &self,
        task: impl FnOnce(&Metrics) -> R + Send + 'static,
    ) -> R {
        let (answer, answered) = channel();
        let task = move |metrics: &Metrics| {
            answer
                .send(task(metrics))
                .expect("somebody waits for the answer")
        };
        self.tasks.send(Box::new(task)).expect("the worker lives");
        answered.recv().expect("the worker did not panic")
    }

    /// Ends the thread; its slot is free when this returns.
    pub(crate) fn end(self) {
        drop(self.tasks);
        self.thread.join().unwrap();
    }
}
