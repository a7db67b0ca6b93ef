//! What was recorded, in plain lists, and what data points there must be of it.

use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint,
    ScopeMetrics,
};
use opentelemetry_sdk::metrics::Temporality;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// A data point.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) start: u64,
    pub(crate) time: u64,
    pub(crate) count: Option<u64>,
    pub(crate) sum: f64,
    extremes: Option<(f64, f64)>,
    /// The lowest and the highest whole number that falls into a bucket, and its count.
    buckets: Vec<(u64, u64, u64)>,
}

/// The series of one name and label.
#[derive(Clone, Debug, Default)]
struct Series {
    /// Since it began, and how many of these were delivered.
    values: Vec<u64>,
    delivered: usize,
    start: Option<SystemTime>,
}

/// See the module's header.
pub(crate) struct Model {
    series: BTreeMap<String, Series>,
    /// What a callback reports, and what of it was delivered.
    observed: u64,
    hidden: bool,
    observed_before: Option<(u64, SystemTime)>,
    since: SystemTime,
}

fn nanos(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

impl Model {
    pub(crate) fn new(since: SystemTime) -> Self {
        let mut model = Self {
            series: BTreeMap::new(),
            observed: 0,
            hidden: false,
            observed_before: None,
            since,
        };
        for name in ["plain", "tokens", "sizes"] {
            model.begin_anew(name);
        }
        model
    }

    pub(crate) fn record(&mut self, key: &str, value: u64) {
        self.series
            .entry(key.to_owned())
            .or_default()
            .values
            .push(value);
    }

    pub(crate) fn begin_anew(&mut self, key: &str) {
        self.series.insert(key.to_owned(), Series::default());
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.series.remove(key);
    }

    pub(crate) fn observe(&mut self, value: u64) {
        self.observed = value;
    }

    pub(crate) fn hide(&mut self, hidden: bool) {
        self.hidden = hidden;
    }

    /// The data points that there must be. Which buckets a histogram has is told by `found`; what is in them, by the values.
    pub(crate) fn expected(
        &self,
        temporality: Temporality,
        now: SystemTime,
        found: &BTreeMap<String, Point>,
    ) -> BTreeMap<String, Point> {
        let is_delta = temporality == Temporality::Delta;
        let (time, since) = (nanos(now), nanos(self.since));
        let mut points = BTreeMap::new();
        for (key, series) in &self.series {
            let values = if is_delta {
                &series.values[series.delivered..]
            } else {
                &series.values
            };
            let is_histogram = ["sizes", "histograms"]
                .iter()
                .any(|name| key.starts_with(name));
            let sum = values.iter().sum::<u64>() as f64;
            let is_nothing = if is_histogram {
                values.is_empty()
            } else {
                sum == 0.0
            };
            if is_delta && is_nothing {
                continue;
            }
            let start = if is_delta {
                since
            } else {
                series.start.map_or(since, nanos)
            };
            let extremes = values.iter().min().zip(values.iter().max());
            let point = Point {
                start,
                time,
                count: is_histogram.then_some(values.len() as u64),
                sum,
                extremes: extremes
                    .map(|(min, max)| (*min as f64, *max as f64))
                    .filter(|_| is_histogram),
                buckets: found.get(key).map_or(Vec::new(), |found| {
                    let buckets = found.buckets.iter();
                    let count = |low, high| {
                        values
                            .iter()
                            .filter(|value| (low..=high).contains(*value))
                            .count() as u64
                    };
                    buckets
                        .map(|(low, high, _)| (*low, *high, count(*low, *high)))
                        .collect()
                }),
            };
            points.insert(key.clone(), point);
        }
        let before = self
            .observed_before
            .filter(|(before, _)| *before <= self.observed);
        let observed = match before {
            Some((before, _)) if is_delta => self.observed - before,
            _ => self.observed,
        };
        if !self.hidden && (!is_delta || observed > 0) {
            let start = before.map_or(since, |(_, start)| nanos(start));
            points.insert(
                "observed".to_owned(),
                Point {
                    start: if is_delta { since } else { start },
                    time,
                    count: None,
                    sum: observed as f64,
                    extremes: None,
                    buckets: Vec::new(),
                },
            );
        }
        points
    }

    pub(crate) fn delivered(&mut self, now: SystemTime) {
        for series in self.series.values_mut() {
            series.delivered = series.values.len();
            series.start.get_or_insert(self.since);
        }
        let start = match self.observed_before {
            Some((before, start)) if before <= self.observed => start,
            _ => self.since,
        };
        if !self.hidden {
            self.observed_before = Some((self.observed, start));
        }
        self.since = now;
    }
}

/// The data points of all sums and histograms, by name and label.
pub(crate) fn read(scope: &ScopeMetrics, temporality: Temporality) -> BTreeMap<String, Point> {
    let expected = match temporality {
        Temporality::Delta => AggregationTemporality::Delta,
        _ => AggregationTemporality::Cumulative,
    } as i32;
    let mut points = BTreeMap::new();
    for metric in &scope.metrics {
        let mut insert = |attributes: &[KeyValue], point: Point| {
            let labels = attributes.iter().map(|attribute| {
                let value = attribute
                    .value
                    .as_ref()
                    .and_then(|value| value.value.as_ref());
                match value {
                    Some(any_value::Value::StringValue(value)) => format!(" {value}"),
                    other => panic!("{other:?}"),
                }
            });
            let key = format!("{}{}", metric.name, labels.collect::<String>());
            assert!(points.insert(key, point).is_none(), "a series comes twice");
        };
        match metric.data.as_ref().unwrap() {
            Data::Sum(sum) => {
                assert!(sum.is_monotonic);
                assert_eq!(sum.aggregation_temporality, expected);
                sum.data_points
                    .iter()
                    .for_each(|point| insert(&point.attributes, of_number(point)));
            }
            Data::Histogram(histogram) => {
                assert_eq!(histogram.aggregation_temporality, expected);
                let points = histogram.data_points.iter();
                points.for_each(|point| insert(&point.attributes, of_explicit(point)));
            }
            Data::ExponentialHistogram(histogram) => {
                assert_eq!(histogram.aggregation_temporality, expected);
                let points = histogram.data_points.iter();
                points.for_each(|point| insert(&point.attributes, of_exponential(point)));
            }
            // The rates of a throughput.
            Data::Gauge(gauge) => assert!(
                gauge
                    .data_points
                    .iter()
                    .all(|point| point.start_time_unix_nano == 0)
            ),
            Data::Summary(_) => panic!("there is no summary"),
        }
    }
    points
}

fn of_number(point: &NumberDataPoint) -> Point {
    let Some(Number::AsInt(sum)) = point.value else {
        panic!("{point:?}");
    };
    Point {
        start: point.start_time_unix_nano,
        time: point.time_unix_nano,
        count: None,
        sum: sum as f64,
        extremes: None,
        buckets: Vec::new(),
    }
}

fn of_explicit(point: &HistogramDataPoint) -> Point {
    assert_eq!(point.explicit_bounds, [10.0, 50.0]);
    assert_eq!(point.bucket_counts.len(), 3);
    assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count);
    let ends = [(0, 10), (11, 50), (51, u64::MAX)].into_iter();
    let counts = point.bucket_counts.iter();
    let buckets = ends
        .zip(counts)
        .map(|((low, high), count)| (low, high, *count));
    Point {
        start: point.start_time_unix_nano,
        time: point.time_unix_nano,
        count: Some(point.count),
        sum: point.sum.unwrap(),
        extremes: point.min.zip(point.max),
        buckets: buckets.collect(),
    }
}

fn of_exponential(point: &ExponentialHistogramDataPoint) -> Point {
    let positive = point.positive.as_ref().unwrap();
    assert_eq!((&point.negative, point.zero_threshold), (&None, 0.0));
    assert_eq!(
        point.zero_count + positive.bucket_counts.iter().sum::<u64>(),
        point.count
    );
    assert!(positive.bucket_counts.len() <= 160);
    // Of whole numbers up to 100, none but a power of two is as near to a bound.
    let up_to = |index: usize| {
        let number = f64::from(positive.offset + index as i32);
        ((number / f64::from(point.scale).exp2()).exp2() * (1.0 + 1e-9)) as u64
    };
    let counts = positive.bucket_counts.iter().enumerate();
    let counts = counts.map(|(index, count)| (up_to(index) + 1, up_to(index + 1), *count));
    let buckets = [(0, 0, point.zero_count)].into_iter().chain(counts);
    Point {
        start: point.start_time_unix_nano,
        time: point.time_unix_nano,
        count: Some(point.count),
        sum: point.sum.unwrap(),
        extremes: point.min.zip(point.max),
        buckets: buckets.collect(),
    }
}
