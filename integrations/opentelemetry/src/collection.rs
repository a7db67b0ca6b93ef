//! One page as OTLP's metrics, compared with what was delivered before.

use crate::histogram_point::{HistogramPoint, exemplars};
use crate::points::{Point, attributes, nanos, unit_code, whole};
use epoch_metrics::{MetricKind, Page, PageFamily, SeriesId, SeriesSnapshot, Unit, Value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, Gauge, Histogram, Metric, NumberDataPoint, Sum,
    Summary, SummaryDataPoint,
};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

/// How histograms are sent.
///
/// ```
/// use epoch_metrics_opentelemetry::HistogramForm;
///
/// assert_eq!(HistogramForm::default(), HistogramForm::Explicit);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HistogramForm {
    /// OTLP's `Histogram`, with the bounds that the histogram exports
    /// ([`export_bounds`](epoch_metrics::HistogramOptions::export_bounds)), as exact as these are.
    #[default]
    Explicit,
    /// OTLP's `ExponentialHistogram` of 160 buckets at the most. Its scale is the largest that these buckets and the digits of the histogram
    /// allow (3 with one digit, 6 with two, 9 with three; small whole numbers, which are exact, up to 20). A value may count in a bucket whose bound it misses
    /// by half a bucket of the histogram, one part in 2·10^digits.
    Exponential,
}

/// What was delivered of a series.
#[derive(Clone)]
pub(crate) struct Known {
    /// Of a cumulative value.
    start: SystemTime,
    /// Where the next value is compared with it.
    value: Option<Value>,
    /// At the exported bounds of a histogram whose differences are sent.
    cumulative: Vec<(u64, u64)>,
}

impl Known {
    fn new(start: SystemTime, value: Option<Value>, cumulative: Vec<(u64, u64)>) -> Self {
        Self {
            start,
            value,
            cumulative,
        }
    }
}

/// One collection under way.
pub(crate) struct Collection<'a> {
    pub(crate) is_delta: bool,
    pub(crate) form: HistogramForm,
    /// What was delivered last, and when it was collected.
    pub(crate) known: &'a HashMap<SeriesId, Known>,
    pub(crate) since: SystemTime,
    pub(crate) time: SystemTime,
    /// What this collection found.
    pub(crate) next: HashMap<SeriesId, Known>,
}

impl Collection<'_> {
    /// The metrics of a page, each with the families of one name.
    pub(crate) fn metrics(&mut self, page: &Page) -> Vec<Metric> {
        let mut groups: Vec<Vec<PageFamily<'_>>> = Vec::new();
        let mut by_name: HashMap<&str, usize> = HashMap::new();
        for family in page.families() {
            let at = *by_name.entry(family.name()).or_insert(groups.len());
            match groups.get_mut(at) {
                Some(group) => group.push(family),
                None => groups.push(vec![family]),
            }
        }
        let metrics = groups.iter().filter_map(|group| self.metric(group));
        metrics.collect()
    }

    /// What is known once the collection is delivered. A series that a callback did not report, which may have panicked, can come back.
    pub(crate) fn finish(self) -> HashMap<SeriesId, Known> {
        let mut next = self.next;
        for (id, known) in self.known.iter().filter(|(id, _)| id.is_observed()) {
            next.entry(id.clone()).or_insert_with(|| known.clone());
        }
        next
    }

    /// The metric that families of one name are together; `None` if there is nothing to send.
    fn metric(&mut self, group: &[PageFamily<'_>]) -> Option<Metric> {
        let first = group.first()?;
        let series = group.iter().flat_map(PageFamily::series);
        let aggregation_temporality = match self.is_delta {
            true => AggregationTemporality::Delta,
            false => AggregationTemporality::Cumulative,
        } as i32;
        let kind = first.kind();
        let data = match (kind, self.form) {
            (MetricKind::Counter, _) => Data::Sum(Sum {
                data_points: series.filter_map(|series| self.sum(&series)).collect(),
                aggregation_temporality,
                is_monotonic: true,
            }),
            (MetricKind::Gauge, _) => Data::Gauge(Gauge {
                data_points: series.filter_map(|series| self.gauge(&series)).collect(),
            }),
            (MetricKind::Histogram, HistogramForm::Explicit) => {
                let points = series.filter_map(|series| self.histogram(&series));
                Data::Histogram(Histogram {
                    data_points: points.map(HistogramPoint::explicit).collect(),
                    aggregation_temporality,
                })
            }
            (MetricKind::Histogram, HistogramForm::Exponential) => {
                let points = series.filter_map(|series| self.histogram(&series));
                Data::ExponentialHistogram(ExponentialHistogram {
                    data_points: points.map(HistogramPoint::exponential).collect(),
                    aggregation_temporality,
                })
            }
            (MetricKind::Summary, _) => {
                let points = series.filter_map(|series| self.summary(&series, first.unit()));
                Data::Summary(Summary {
                    data_points: points.collect(),
                })
            }
            // A kind that this version does not know.
            _ => return None,
        };
        let is_distribution = matches!(kind, MetricKind::Histogram | MetricKind::Summary);
        (!is_empty(&data)).then(|| Metric {
            name: first.name().to_owned(),
            description: first.help().to_owned(),
            unit: unit_code(first.unit(), is_distribution, first.name()).to_owned(),
            data: Some(data),
            ..Metric::default()
        })
    }

    fn point(&self, series: &SeriesSnapshot<'_>, start: SystemTime) -> Point {
        Point {
            attributes: attributes(series),
            start: nanos(start),
            time: nanos(self.time),
        }
    }

    /// When a value that is sent as a whole began: when it was found first; or after the last collection, if `went_back`.
    fn start(&self, id: &SeriesId, went_back: bool) -> SystemTime {
        let known = self.known.get(id).filter(|_| !went_back);
        known.map_or(self.since, |known| known.start)
    }

    fn sum(&mut self, series: &SeriesSnapshot<'_>) -> Option<NumberDataPoint> {
        let (id, value) = (series.id(), series.value());
        let before = self.known.get(&id);
        let before = before.and_then(|known| known.value.as_ref());
        // Only a counter that a callback reports can go back: it began anew.
        let (went_back, difference) = match (&value, before) {
            (Value::Counter(now), Some(Value::Counter(before))) if now >= before => {
                (false, whole(now - before))
            }
            (Value::FloatCounter(now), Some(Value::FloatCounter(before))) if now >= before => {
                (false, Number::AsDouble(now - before))
            }
            (_, before) => (before.is_some(), number(&value)?),
        };
        let start = self.start(&id, went_back);
        let whole = number(&value)?;
        let known = Known::new(start, Some(value), Vec::new());
        self.next.insert(id, known);
        if !self.is_delta {
            return Some(self.point(series, start).number(whole));
        }
        let is_nothing =
            matches!(difference, Number::AsInt(0)) || difference == Number::AsDouble(0.0);
        let point = || self.point(series, self.since);
        (!is_nothing).then(|| point().number(difference))
    }

    /// A value that is not known, which is NaN, is left out.
    fn gauge(&self, series: &SeriesSnapshot<'_>) -> Option<NumberDataPoint> {
        let point = Point {
            start: 0,
            ..self.point(series, self.time)
        };
        match series.value() {
            Value::Gauge(value) => Some(point.number(Number::AsInt(value))),
            Value::FloatGauge(value) if !value.is_nan() => {
                Some(point.number(Number::AsDouble(value)))
            }
            _ => None,
        }
    }

    /// What is sent of a histogram: its snapshot, or what was recorded since the last one; with the counts at the exported bounds.
    fn histogram(&mut self, series: &SeriesSnapshot<'_>) -> Option<HistogramPoint> {
        let Value::Histogram(snapshot) = series.value() else {
            return None;
        };
        let id = series.id();
        let start = self.start(&id, false);
        let cumulative = series.cumulative();
        if !self.is_delta {
            self.next.insert(id, Known::new(start, None, Vec::new()));
            return Some(HistogramPoint {
                point: self.point(series, start),
                exemplars: exemplars(&snapshot, None),
                values: snapshot,
                cumulative,
            });
        }
        let (mut difference, mut counts) = (Arc::clone(&snapshot), cumulative.clone());
        let known = self.known.get(&id);
        let earlier = match known.and_then(|known| known.value.as_ref()) {
            Some(Value::Histogram(earlier)) => Some(&**earlier),
            _ => None,
        };
        // Two snapshots of one id are of the same histogram, without a reset in between, and the later one was taken later.
        if let Some(Ok(since)) = earlier.map(|earlier| snapshot.since(earlier)) {
            difference = Arc::new(since);
        }
        let exemplars = exemplars(&snapshot, earlier);
        let before = known.iter().flat_map(|known| &known.cumulative);
        for ((_, count), (_, before)) in counts.iter_mut().zip(before) {
            *count = count.wrapping_sub(*before);
        }
        let known = Known::new(start, Some(Value::Histogram(snapshot)), cumulative);
        self.next.insert(id, known);
        let is_nothing = difference.buckets().next().is_none();
        (!is_nothing).then(|| HistogramPoint {
            point: self.point(series, self.since),
            values: difference,
            cumulative: counts,
            exemplars,
        })
    }

    /// A summary is sent as it is, since it has no temporality.
    fn summary(&mut self, series: &SeriesSnapshot<'_>, unit: Unit) -> Option<SummaryDataPoint> {
        let Value::Summary(summary) = series.value() else {
            return None;
        };
        let id = series.id();
        let start = self.start(&id, false);
        self.next.insert(id, Known::new(start, None, Vec::new()));
        Some(self.point(series, start).summary(unit, &summary))
    }
}

/// Whether there are no data points.
fn is_empty(data: &Data) -> bool {
    match data {
        Data::Sum(sum) => sum.data_points.is_empty(),
        Data::Gauge(gauge) => gauge.data_points.is_empty(),
        Data::Histogram(histogram) => histogram.data_points.is_empty(),
        Data::ExponentialHistogram(histogram) => histogram.data_points.is_empty(),
        Data::Summary(summary) => summary.data_points.is_empty(),
    }
}

/// The number of a counter's value.
fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Counter(value) => Some(whole(*value)),
        Value::FloatCounter(value) => Some(Number::AsDouble(*value)),
        _ => None,
    }
}
