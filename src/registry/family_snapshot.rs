//! One family of a registry's snapshot, and its series.

use crate::engine::family::labels::LabelValues;
use crate::engine::read_order::{GroupRead, PagesRead, Readout, SnapshotSource};
use crate::kind::{MetricKind, Unit};
use crate::metric::histogram::HistogramCore;
use crate::metric::throughput::ThroughputCore;
use crate::registry::catalog::{CellValue, FamilyEntry, Stored};
use crate::sample::description::FamilyDescription;
use crate::sample::labels::LabelSet;
use crate::sample::value::Value;
use crate::snapshot::histogram::HistogramSnapshot;
use crate::snapshot::throughput::ThroughputSnapshot;
use std::fmt;
use std::sync::Arc;

/// One family of a [`RegistrySnapshot`](crate::RegistrySnapshot): a metric without labels is a family of one series.
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
    pub(super) readout: &'a Readout<HistogramCore, ThroughputCore>,
    pub(super) entry: &'a FamilyEntry,
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
    labels: LabelSet<'a>,
    held: Held<'a>,
}

/// Where a snapshot holds a value.
#[derive(Clone, Copy)]
enum Held<'a> {
    Cell(CellValue, u64),
    Histogram(&'a Arc<HistogramSnapshot>),
    Total(&'a ThroughputSnapshot),
    /// The number of the window.
    Rate(&'a ThroughputSnapshot, usize),
}

/// The series of a family, by position.
struct SeriesIter<'a> {
    family: FamilySnapshot<'a>,
    position: usize,
    /// The number of the series, which is that of its snapshot.
    number: usize,
    window: usize,
    left: usize,
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

    /// The series, in the order in which they were created. A series that was created after another one was removed may come in
    /// that one's place.
    pub fn series(&self) -> impl ExactSizeIterator<Item = SeriesSnapshot<'a>> + use<'a> {
        SeriesIter {
            family: *self,
            position: 0,
            number: 0,
            window: 0,
            left: self.len(),
        }
    }

    /// How many series there are.
    fn len(self) -> usize {
        let readout = self.readout;
        match &self.entry.stored {
            Stored::Cell(..) => 1,
            Stored::Cells(_, group) => match &readout.pages[*group] {
                PagesRead::Page(_) => 0,
                PagesRead::Family(read) => read.list.series.len(),
            },
            Stored::Histograms(group) => readout.histograms[*group].len(),
            Stored::Totals(group) => readout.throughputs[*group].len(),
            Stored::Rates(group, windows) => readout.throughputs[*group].len() * windows.len(),
        }
    }
}

impl<'a> Iterator for SeriesIter<'a> {
    type Item = SeriesSnapshot<'a>;

    fn next(&mut self) -> Option<SeriesSnapshot<'a>> {
        self.left = self.left.checked_sub(1)?;
        let readout = self.family.readout;
        let (values, last, held) = match &self.family.entry.stored {
            Stored::Cell(value, group, index) => (
                None,
                None,
                Held::Cell(*value, readout.pages[*group].cell(*index)),
            ),
            Stored::Cells(value, group) => {
                let (labels, bits) = readout.pages[*group].next_series(&mut self.position)?;
                (Some(labels), None, Held::Cell(*value, bits))
            }
            Stored::Histograms(group) => {
                let (labels, held) = self.next_object(&readout.histograms[*group])?;
                (labels, None, Held::Histogram(held))
            }
            Stored::Totals(group) => {
                let (labels, held) = self.next_object(&readout.throughputs[*group])?;
                (labels, None, Held::Total(held))
            }
            Stored::Rates(group, windows) => {
                // All windows of one throughput, then the next throughput.
                let (position, number) = (self.position, self.number);
                let (labels, held) = self.next_object(&readout.throughputs[*group])?;
                let window = self.window;
                self.window += 1;
                if self.window < windows.len() {
                    (self.position, self.number) = (position, number);
                } else {
                    self.window = 0;
                }
                (
                    labels,
                    windows.get(window).map(|text| &**text),
                    Held::Rate(held, window),
                )
            }
        };
        Some(SeriesSnapshot {
            family: self.family,
            labels: self.family.entry.description.label_set(values, last),
            held,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for SeriesIter<'_> {}

impl<'a> SeriesIter<'a> {
    /// The labels and the snapshot of the next histogram or throughput.
    fn next_object<T: SnapshotSource>(
        &mut self,
        read: &'a GroupRead<T>,
    ) -> Option<(Option<&'a LabelValues>, &'a Arc<T::Snapshot>)> {
        let (list, snapshots) = match read {
            GroupRead::One(snapshot) => return Some((None, snapshot)),
            GroupRead::Family(list, snapshots) => (list, snapshots),
        };
        let (position, series) = list.from(self.position)?;
        let snapshot = snapshots.get(self.number)?;
        self.position = position + 1;
        self.number += 1;
        Some((Some(&series.labels), snapshot))
    }
}

impl fmt::Debug for FamilySnapshot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("FamilySnapshot");
        out.field("name", &self.name()).field("kind", &self.kind());
        out.field("series", &self.len()).finish_non_exhaustive()
    }
}

impl<'a> SeriesSnapshot<'a> {
    pub(super) fn label_set(&self) -> LabelSet<'a> {
        self.labels
    }

    /// The names and values of its labels, the registry's constant labels first.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> + Clone + use<'a> {
        self.labels.iter()
    }

    /// The value.
    pub fn value(&self) -> Value {
        match self.held {
            Held::Cell(value, bits) => value.of(bits),
            Held::Histogram(histogram) => Value::Histogram(Arc::clone(histogram)),
            Held::Total(throughput) => Value::Counter(throughput.total()),
            Held::Rate(throughput, window) => {
                let rate = throughput.rates().get(window);
                let per_second = rate.and_then(|rate| rate.per_second);
                Value::FloatGauge(per_second.unwrap_or(f64::NAN))
            }
        }
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
