//! What a registry held at one moment: every metric, by family.

use crate::engine::read_order::Readout;
use crate::kind::{MetricKind, Unit};
use crate::metric::histogram::Histogram;
use crate::metric::throughput::Throughput;
use crate::registry::catalog::{Catalog, FamilyEntry, Stored};
use crate::sample::description::FamilyDescription;
use crate::sample::labels::LabelSet;
use crate::sample::value::Value;
use crate::snapshot::histogram::HistogramSnapshot;
use crate::snapshot::throughput::ThroughputSnapshot;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Every metric of a registry at one moment.
///
/// It holds a prefix of what each thread wrote to a metric, and everything that was written before the call that built it.
/// Resets aside, what is counted never goes back from one snapshot to the next.
///
/// **A before B.** If every thread or task writes to A before B, tasks that change threads in between included, no snapshot
/// shows more of B than of A, resets and [`uncertain`](HistogramSnapshot::uncertain) samples aside. This follows from the order
/// of reading: first the histograms, then the throughputs, then counters and gauges, and of each kind the last registered
/// first. So A and B may be of one kind, with A registered first, or of two kinds, with B's read first. One exception: what a global
/// allocator writes to A during a thread's first write to A is put off until that write is done, and may show after B.
///
/// ```
/// let registry = epoch_metrics::Registry::new();
/// let jobs = registry.counter_family("jobs", "Jobs done.", &["queue"])?;
/// jobs.with(&["fast"])?.add(2);
/// let snapshot = registry.snapshot();
/// for family in snapshot.families() {
///     for series in family.series() {
///         println!("{} {:?} {:?}", family.name(), series.labels().collect::<Vec<_>>(), series.value());
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RegistrySnapshot {
    pub(super) catalog: Arc<Catalog>,
    /// The version of the catalog.
    pub(super) version: usize,
    pub(super) readout: Readout<HistogramSnapshot, ThroughputSnapshot>,
    /// Of the clock's coarse method: rates were read in it.
    pub(super) second: u64,
    pub(super) taken: Duration,
}

/// One family of a [`RegistrySnapshot`]: a metric without labels is a family of one series.
///
/// ```
/// use epoch_metrics::MetricKind;
///
/// let registry = epoch_metrics::Registry::new();
/// registry.gauge("queued", "Requests that wait.")?;
/// let snapshot = registry.snapshot();
/// let family = snapshot.family("queued").expect("it is registered");
/// assert_eq!((family.kind(), family.help()), (MetricKind::Gauge, "Requests that wait."));
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone, Copy)]
pub struct FamilySnapshot<'a> {
    of: &'a RegistrySnapshot,
    entry: &'a FamilyEntry,
}

/// One series of a family.
///
/// ```
/// use epoch_metrics::Value;
///
/// let registry = epoch_metrics::Registry::new();
/// registry.counter_family("jobs", "Jobs done.", &["queue"])?.with(&["fast"])?.inc();
/// let snapshot = registry.snapshot();
/// let family = snapshot.family("jobs").expect("it is registered");
/// let series = family.series().next().expect("one was asked for");
/// assert_eq!(series.labels().collect::<Vec<_>>(), [("queue", "fast")]);
/// assert_eq!(series.value(), Value::Counter(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct SeriesSnapshot<'a> {
    family: FamilySnapshot<'a>,
    labels: &'a LabelSet,
    stored: Stored,
}

impl RegistrySnapshot {
    /// The families, in the order of registration. A throughput is two families: its total, a counter; and its rates, a gauge
    /// with the label `window`.
    pub fn families(&self) -> impl ExactSizeIterator<Item = FamilySnapshot<'_>> {
        self.catalog
            .families
            .iter()
            .map(|entry| FamilySnapshot { of: self, entry })
    }

    /// The family of this name, with the registry's prefix and without the suffixes that a page adds (a counter's `_total`).
    pub fn family(&self, name: &str) -> Option<FamilySnapshot<'_>> {
        self.families().find(|family| family.name() == name)
    }

    /// What the snapshot holds of this histogram; `None` if it was registered later, or in another registry.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let registry = Registry::new();
    /// let sizes = registry.histogram("sizes", "Sizes.", HistogramOptions::values(0, 100))?;
    /// sizes.record(4);
    /// let snapshot = registry.snapshot();
    /// assert_eq!(snapshot.histogram(&sizes).map(|held| held.sum()), Some(4));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn histogram(&self, histogram: &Histogram) -> Option<&Arc<HistogramSnapshot>> {
        let at = self
            .catalog
            .histograms
            .iter()
            .position(|core| Arc::ptr_eq(core, histogram.core()))?;
        self.readout.histograms.get(at)
    }

    /// What the snapshot holds of this throughput; `None` if it was registered later, or in another registry.
    pub fn throughput(&self, throughput: &Throughput) -> Option<&Arc<ThroughputSnapshot>> {
        let at = self
            .catalog
            .throughputs
            .iter()
            .position(|core| Arc::ptr_eq(core, throughput.core()))?;
        self.readout.throughputs.get(at)
    }

    fn value(&self, stored: Stored) -> Value {
        let cell = |page: usize, index: u8| self.readout.pages[page][usize::from(index)];
        match stored {
            Stored::Counter(page, index) => Value::Counter(cell(page, index)),
            Stored::Gauge(page, index) => Value::Gauge(cell(page, index) as i64),
            Stored::FloatGauge(page, index) => Value::FloatGauge(f64::from_bits(cell(page, index))),
            Stored::Histogram(at) => Value::Histogram(Arc::clone(&self.readout.histograms[at])),
            Stored::Total(at) => Value::Counter(self.readout.throughputs[at].total()),
            Stored::Rate(at, window) => {
                let rate = self.readout.throughputs[at].rates()[window].per_second;
                Value::FloatGauge(rate.unwrap_or(f64::NAN))
            }
        }
    }
}

impl fmt::Debug for RegistrySnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let series: usize = self.families().map(|family| family.series().len()).sum();
        let mut out = f.debug_struct("RegistrySnapshot");
        out.field("families", &self.catalog.families.len())
            .field("series", &series)
            .finish_non_exhaustive()
    }
}

impl<'a> FamilySnapshot<'a> {
    pub(super) fn description(&self) -> &'a FamilyDescription {
        &self.entry.description
    }

    /// The name with the registry's prefix, without the suffixes that a page adds.
    pub fn name(&self) -> &'a str {
        &self.entry.description.name
    }

    /// What the metric means.
    pub fn help(&self) -> &'a str {
        &self.entry.description.help
    }

    /// The kind, as expositions name it.
    pub fn kind(&self) -> MetricKind {
        self.entry.description.kind
    }

    /// The unit of a histogram's values.
    pub fn unit(&self) -> Unit {
        self.entry.description.unit
    }

    /// The names of the labels by which the series differ. The registry's constant labels are not among them.
    pub fn labels(&self) -> &'a [Box<str>] {
        &self.entry.description.labels
    }

    /// The series, in the order in which they were created.
    pub fn series(&self) -> impl ExactSizeIterator<Item = SeriesSnapshot<'a>> + use<'a> {
        let family = *self;
        let series = self.entry.series.iter();
        series.map(move |(labels, stored)| SeriesSnapshot {
            family,
            labels,
            stored: *stored,
        })
    }
}

impl fmt::Debug for FamilySnapshot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("FamilySnapshot");
        out.field("name", &self.name()).field("kind", &self.kind());
        out.field("series", &self.entry.series.len())
            .finish_non_exhaustive()
    }
}

impl<'a> SeriesSnapshot<'a> {
    pub(super) fn label_set(&self) -> &'a LabelSet {
        self.labels
    }

    /// The names and values of its labels, the registry's constant labels first.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> + Clone + use<'a> {
        self.labels.iter()
    }

    /// The value.
    pub fn value(&self) -> Value {
        self.family.of.value(self.stored)
    }

    /// The bounds that a histogram exports as `le`, rising, with the number of values at or below each; nothing for other
    /// kinds. They are as exact as [`HistogramOptions::export_bounds`](crate::HistogramOptions::export_bounds) says.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let registry = Registry::new();
    /// let options = HistogramOptions::values(0, 100).export_bounds(&[10, 50]);
    /// let sizes = registry.histogram("sizes", "Sizes.", options)?;
    /// (1..=100).for_each(|size| sizes.record(size));
    /// let snapshot = registry.snapshot();
    /// let family = snapshot.family("sizes").expect("it is registered");
    /// let series = family.series().next().expect("it is one series");
    /// assert_eq!(series.cumulative(), [(10, 10), (50, 50)]);
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn cumulative(&self) -> Vec<(u64, u64)> {
        let Value::Histogram(histogram) = self.value() else {
            return Vec::new();
        };
        let bounds = &self.family.entry.description.bounds;
        let counts = histogram.cumulative(bounds.iter().map(|bound| bound.cut));
        bounds.iter().map(|bound| bound.value).zip(counts).collect()
    }
}

impl fmt::Debug for SeriesSnapshot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.labels()).finish()?;
        f.write_str(" ")?;
        self.value().fmt(f)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for RegistrySnapshot {
    /// A map from each family's name to its kind, help, unit and series.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.families().map(|family| (family.name(), family)))
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for FamilySnapshot<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut out = serializer.serialize_struct("FamilySnapshot", 4)?;
        out.serialize_field("kind", &self.kind())?;
        out.serialize_field("help", self.help())?;
        out.serialize_field("unit", &self.unit())?;
        out.serialize_field("series", &self.series().collect::<Vec<_>>())?;
        out.end()
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for SeriesSnapshot<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut out = serializer.serialize_struct("SeriesSnapshot", 2)?;
        out.serialize_field(
            "labels",
            &self.labels().collect::<std::collections::BTreeMap<_, _>>(),
        )?;
        out.serialize_field("value", &self.value())?;
        out.end()
    }
}
