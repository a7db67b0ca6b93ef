//! What a registry held at one moment: every metric, by family.

use crate::core::cells::CellId;
use crate::metric::options::Unit;
use crate::registry::{Catalog, FamilyInfo, Metric, MetricKind};
use crate::snapshot::histogram::HistogramSnapshot;
use crate::snapshot::throughput::ThroughputSnapshot;
use crate::sync::PAGE_CELLS;
use std::sync::Arc;
use std::time::Duration;

/// Every metric of a registry at one moment.
///
/// Of each thread it holds a prefix of what that thread wrote to a metric, and everything that happened before the call that
/// built it; resets aside, what is counted never goes back from one snapshot to the next.
///
/// **A before B.** If everybody writes to A before writing to B, a task that changes threads in between included, no snapshot
/// shows more of B than of A, resets and [`uncertain`](HistogramSnapshot::uncertain) samples aside. It follows from the
/// order of reading: first the histograms, then the throughputs, then counters and gauges, of each kind the last one made
/// first. So A and B may be two of a kind of which A was made first, or of two kinds of which B's is read first.
#[derive(Debug)]
pub struct RegistrySnapshot {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) pages: Box<[Arc<[u64]>]>,
    pub(crate) histograms: Box<[Arc<HistogramSnapshot>]>,
    pub(crate) throughputs: Box<[Arc<ThroughputSnapshot>]>,
    pub(crate) epoch: u64,
    /// Metrics that had been reset before it was built.
    pub(crate) resets: u64,
    pub(crate) taken: Duration,
}

/// One family of a [`RegistrySnapshot`]: a metric without labels is a family of one.
#[derive(Clone, Copy, Debug)]
pub struct FamilySnapshot<'a> {
    of: &'a RegistrySnapshot,
    family: usize,
}

/// One series of a family.
#[derive(Clone, Copy, Debug)]
pub struct SeriesSnapshot<'a> {
    of: &'a RegistrySnapshot,
    info: &'a FamilyInfo,
    labels: &'a [Box<str>],
    metric: &'a Metric,
}

/// A series' value.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Value<'a> {
    /// A counter's.
    Counter(u64),
    /// A gauge's.
    Gauge(i64),
    /// A floating-point gauge's.
    FloatGauge(f64),
    /// A histogram's.
    Histogram(&'a HistogramSnapshot),
    /// Total and rates.
    Throughput(&'a ThroughputSnapshot),
}

impl RegistrySnapshot {
    /// The families, in the order of registration.
    pub fn families(&self) -> impl ExactSizeIterator<Item = FamilySnapshot<'_>> {
        (0..self.catalog.families.len()).map(|family| FamilySnapshot { of: self, family })
    }

    /// The family of this name, as it is exported (a counter's without `_total`).
    pub fn family(&self, name: &str) -> Option<FamilySnapshot<'_>> {
        self.families().find(|family| family.name() == name)
    }

    fn cell(&self, id: CellId) -> u64 {
        self.pages[id.offset() / PAGE_CELLS][id.offset() % PAGE_CELLS]
    }
}

impl<'a> FamilySnapshot<'a> {
    fn info(&self) -> &'a FamilyInfo {
        &self.of.catalog.families[self.family].info
    }

    /// The name, without the suffixes that the exposition adds.
    pub fn name(&self) -> &'a str {
        &self.info().name
    }

    /// What the metric means.
    pub fn help(&self) -> &'a str {
        &self.info().help
    }

    /// What kind of metric it is.
    pub fn kind(&self) -> MetricKind {
        self.info().kind
    }

    /// The unit of a histogram's values.
    pub fn unit(&self) -> Unit {
        self.info().unit
    }

    /// The names of the labels.
    pub fn labels(&self) -> &'a [Box<str>] {
        &self.info().labels
    }

    /// The series, in the order in which they were first asked for.
    pub fn series(&self) -> impl ExactSizeIterator<Item = SeriesSnapshot<'a>> + use<'a> {
        let (of, info) = (self.of, self.info());
        let series = of.catalog.families[self.family].series.iter();
        series.map(move |(labels, metric)| SeriesSnapshot { of, info, labels, metric })
    }
}

impl<'a> SeriesSnapshot<'a> {
    /// The names and the values of its labels.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> + Clone + use<'a> {
        self.info.labels.iter().zip(self.labels).map(|(name, value)| (&**name, &**value))
    }

    /// Its value.
    pub fn value(&self) -> Value<'a> {
        match *self.metric {
            Metric::Counter(id) => Value::Counter(self.of.cell(id)),
            Metric::Gauge(id) => Value::Gauge(self.of.cell(id) as i64),
            Metric::FloatGauge(id) => Value::FloatGauge(f64::from_bits(self.of.cell(id))),
            Metric::Histogram(at) => Value::Histogram(&self.of.histograms[at]),
            Metric::Throughput(at) => Value::Throughput(&self.of.throughputs[at]),
        }
    }

    /// The bounds that a histogram exports as `le`, with how many values lay at or below each, rising; nothing for others.
    /// Each bound is the high end of a bucket, so the counts are exact.
    pub fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> + use<'a> {
        let (bounds, snapshot): (&[u64], _) = match *self.metric {
            Metric::Histogram(at) => (self.of.catalog.histograms[at].bounds(), Some(&*self.of.histograms[at])),
            _ => (&[], None),
        };
        let mut buckets = snapshot.into_iter().flat_map(HistogramSnapshot::buckets).peekable();
        let mut below = 0;
        bounds.iter().map(move |&bound| {
            while let Some(bucket) = buckets.next_if(|bucket| bucket.high <= bound) {
                below += bucket.count;
            }
            (bound, below)
        })
    }
}
