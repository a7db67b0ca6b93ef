//! One series of a family's snapshot.

use crate::registry::catalog::CellValue;
use crate::registry::own_labels::renamed;
use crate::sample::description::FamilyDescription;
use crate::sample::labels::{LabelSet, OwnedLabels};
use crate::sample::value::{Summary, Value};
use crate::snapshot::exported::{QUANTILES, Quantiles};
use crate::snapshot::histogram::HistogramSnapshot;
use crate::snapshot::recent::Recent;
use crate::snapshot::throughput::ThroughputSnapshot;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

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
    pub(super) description: &'a FamilyDescription,
    pub(super) labels: LabelSet<'a>,
    pub(super) held: Held<'a>,
    /// When the registry's clock was at the creation of a cell, if that is known.
    pub(super) since: Option<Duration>,
}

/// Where a snapshot holds a value.
#[derive(Clone, Copy)]
pub(super) enum Held<'a> {
    Cell(CellValue, u64),
    Histogram(&'a Arc<HistogramSnapshot>),
    /// How many values it rejected.
    Rejections(&'a HistogramSnapshot),
    /// Quantiles of its recent samples.
    Recent(&'a HistogramSnapshot),
    /// Quantiles of its window of this number.
    Window(&'a HistogramSnapshot, usize),
    Total(&'a ThroughputSnapshot),
    /// The number of the window.
    Rate(&'a ThroughputSnapshot, usize),
    /// What a callback reported.
    Observed(&'a Value),
}

impl<'a> SeriesSnapshot<'a> {
    /// The names and values of its labels, the registry's constant labels first.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> + Clone + use<'a> {
        self.labels.iter()
    }

    /// The labels of a count of rejections about a series with label names of its own, which may clash with those of the library.
    pub(super) fn renamed(&self) -> Option<OwnedLabels> {
        let values = self.labels.values?;
        let may_clash = self.description.open && matches!(self.held, Held::Rejections(_));
        may_clash.then(|| renamed(values, &self.description.constant))
    }

    /// The value.
    pub fn value(&self) -> Value {
        match self.held {
            Held::Cell(value, bits) => value.of(bits),
            Held::Observed(value) => value.clone(),
            Held::Histogram(histogram) => Value::Histogram(Arc::clone(histogram)),
            Held::Rejections(histogram) => Value::Counter(histogram.rejected()),
            Held::Recent(histogram) => {
                let recent = histogram.recent();
                quantiles(histogram, recent.map(Recent::exported_quantiles))
            }
            Held::Window(histogram, window) => {
                let windows = histogram.window_quantiles.as_deref();
                quantiles(histogram, windows.map(|windows| windows.windows[window]))
            }
            Held::Total(throughput) => Value::Counter(throughput.total()),
            Held::Rate(throughput, window) => {
                let rate = throughput.rates().get(window);
                let per_second = rate.and_then(|rate| rate.per_second);
                Value::FloatGauge(per_second.unwrap_or(f64::NAN))
            }
        }
    }

    /// When it was created or last reset, since 1970 in UTC, if it counts something: what OpenMetrics shows as `_created`. `None` unless the
    /// registry [keeps that](crate::RegistryBuilder::created_samples).
    ///
    /// ```
    /// use epoch_metrics::{ManualClock, Registry};
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// let clock = Arc::new(ManualClock::new());
    /// clock.set_unix_time(Duration::from_secs(1_700_000_000));
    /// let registry = Registry::builder().clock(clock).created_samples(true).build();
    /// registry.counter("requests", "Requests answered.")?;
    /// let snapshot = registry.snapshot();
    /// let family = snapshot.family("requests").expect("it is registered");
    /// let series = family.series().next().expect("it is one series");
    /// assert_eq!(series.created(), Some(Duration::from_secs(1_700_000_000)));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn created(&self) -> Option<Duration> {
        let origin = self.description.unix_origin?;
        let since = match self.held {
            Held::Cell(CellValue::Counter | CellValue::FloatCounter, _) => self.since?,
            Held::Histogram(histogram) => histogram.created,
            Held::Recent(histogram) | Held::Window(histogram, _) => histogram.created,
            Held::Total(throughput) => throughput.created,
            Held::Cell(..) | Held::Rejections(_) | Held::Rate(..) | Held::Observed(_) => {
                return None;
            }
        };
        Some(origin.saturating_add(since))
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
        let bounds = &self.description.bounds;
        let counts = histogram.cumulative(bounds.iter().map(|bound| bound.cut));
        bounds.iter().map(|bound| bound.value).zip(counts).collect()
    }
}

/// A summary of all that was recorded, with quantiles of a part of it.
fn quantiles(histogram: &HistogramSnapshot, values: Option<Quantiles>) -> Value {
    let mut summary = Summary::new(histogram.count(), histogram.sum());
    for (q, value) in QUANTILES.into_iter().zip(values.unwrap_or_default()) {
        summary = summary.quantile(q, value);
    }
    summary.into()
}

impl fmt::Debug for SeriesSnapshot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.labels()).finish()?;
        f.write_str(" ")?;
        self.value().fmt(f)
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
