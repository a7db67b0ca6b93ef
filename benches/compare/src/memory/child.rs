//! The process that measures one contender.

use crate::contenders::families::{Family, Labels, counters, histograms, labels};
use crate::crew::Crew;
use crate::resident::{MIB, resident};
use crate::timing::ns_each;
use crate::values::{lognormal, samples};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The first word of a child's command line; then come a kind, a contender and a load.
pub(crate) const CHILD: &str = "memory-child";

/// How much is recorded.
pub(super) struct Load {
    pub(super) series: usize,
    pub(super) threads: usize,
    /// In each series by each thread.
    pub(super) records: usize,
}

impl Load {
    pub(super) fn words(&self) -> [String; 3] {
        [self.series, self.threads, self.records].map(|number| number.to_string())
    }

    fn parse(words: &[String]) -> Option<Self> {
        let numbers: Option<Vec<usize>> = words.iter().map(|word| word.parse().ok()).collect();
        let [series, threads, records] = numbers?.try_into().ok()?;
        Some(Self {
            series,
            threads,
            records,
        })
    }
}

type Contender = (&'static str, fn(&Load) -> [f64; 3]);

/// Contenders that are measured alike.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) contenders: &'static [Contender],
}

macro_rules! contenders {
    ($measure:ident: $($family:ty),* $(,)?) => {
        &[$((<$family>::NAME, $measure::<$family>)),*]
    };
}

pub(super) static HISTOGRAMS: Kind = Kind {
    name: "histograms",
    contenders: contenders![measure_histograms:
        histograms::Ours<2>,
        histograms::Ours<1>,
        histograms::Metrics,
        histograms::Prometheus,
        histograms::PrometheusClient,
        histograms::Measured,
        histograms::Fastmetrics,
        histograms::Atomic,
    ],
};

/// Takes several times as much, too much for many series.
pub(super) static FINE_HISTOGRAMS: Kind = Kind {
    name: "fine-histograms",
    contenders: contenders![measure_histograms: histograms::Ours<3>],
};

pub(super) static COUNTERS: Kind = Kind {
    name: "counters",
    contenders: contenders![measure_counters:
        counters::Ours,
        counters::Metrics<String>,
        counters::Prometheus,
        counters::PrometheusClient<String>,
        counters::Measured,
        counters::Fastmetrics<String>,
    ],
};

/// Measures what the words after [`CHILD`] say, and prints the numbers for the parent; `None` if they say nothing.
pub(crate) fn child(words: &[String]) -> Option<()> {
    let [kind, contender, load @ ..] = words else {
        return None;
    };
    let kind = [&HISTOGRAMS, &FINE_HISTOGRAMS, &COUNTERS]
        .into_iter()
        .find(|known| known.name == kind)?;
    let (_, measure) = kind.contenders.iter().find(|(name, _)| name == contender)?;
    let numbers = measure(&Load::parse(load)?);
    println!("{}", numbers.map(|number| number.to_string()).join(" "));
    Some(())
}

/// Threads that live until the end, and everything that is not the contender's, made before its memory is counted.
struct Scene<F: Family> {
    crew: Crew,
    threads: usize,
    labels: Arc<[Labels]>,
    values: Arc<[F::Value]>,
    family: Arc<F>,
    before: f64,
}

impl<F: Family> Scene<F> {
    fn new(load: &Load) -> Self {
        let crew = Crew::new(load.threads);
        crew.run(|| || ());
        let labels = labels(load.series).into();
        let values = samples::<F::Value>(&lognormal(4096)).into();
        let before = resident();
        Self {
            crew,
            threads: load.threads,
            labels,
            values,
            family: Arc::new(F::new()),
            before,
        }
    }

    fn grown(&self) -> f64 {
        resident() - self.before
    }

    /// Has each thread record so many values in the series that are its own, or in all, starting elsewhere among the values.
    fn record(&self, records: usize, own: bool) {
        let (nth, threads) = (AtomicUsize::new(0), self.threads);
        self.crew.run(|| {
            let (nth, family) = (nth.fetch_add(1, Relaxed), Arc::clone(&self.family));
            let (labels, values) = (Arc::clone(&self.labels), Arc::clone(&self.values));
            move || {
                let (first, step) = if own { (nth, threads) } else { (0, 1) };
                let mut values = values.iter().cycle().skip(nth * 997 % values.len());
                for labels in labels.iter().skip(first).step_by(step) {
                    values
                        .by_ref()
                        .take(records)
                        .for_each(|value| family.record(*labels, *value));
                }
            }
        });
    }
}

/// How long a page takes that is dropped at once; `None` if the contender has none.
fn time_page<F: Family>(family: &F, series: usize) -> Option<Duration> {
    let started = Instant::now();
    let page = black_box(family.render()?);
    let took = started.elapsed();
    let lines = page.split(|&byte| byte == b'\n').count();
    assert!(lines > series, "every series is on the page");
    Some(took)
}

/// MiB after the records and after one page, and how many milliseconds that page took.
fn measure_histograms<F: Family>(load: &Load) -> [f64; 3] {
    let scene = Scene::<F>::new(load);
    scene.record(load.records, false);
    let recorded = scene.grown() / MIB;
    match time_page(&*scene.family, load.series) {
        Some(took) => [recorded, scene.grown() / MIB, ns_each(took, 1) / 1e6],
        None => [recorded, f64::NAN, f64::NAN],
    }
}

/// Bytes a series when each was made and written to by one thread, bytes a series when every thread has written to all, and
/// nanoseconds that a thread takes for a new one.
fn measure_counters<F: Family>(load: &Load) -> [f64; 3] {
    let scene = Scene::<F>::new(load);
    let started = Instant::now();
    scene.record(load.records, true);
    let took = started.elapsed();
    let (registered, series) = (scene.grown(), load.series as f64);
    scene.record(load.records, false);
    let written = scene.grown();
    time_page(&*scene.family, load.series);
    [
        registered / series,
        written / series,
        ns_each(took * load.threads as u32, load.series),
    ]
}
