//! OTLP's data points of histograms, in both forms, with their exemplars.

use crate::exponential::Exponential;
use crate::points::{Point, attribute, divisor, nanos_since};
use epoch_metrics::{Exemplar, HistogramSnapshot, Unit};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar as Example, ExponentialHistogramDataPoint, HistogramDataPoint, exemplar,
};
use std::sync::Arc;

/// What one data point says of a histogram.
pub(crate) struct HistogramPoint {
    pub(crate) point: Point,
    pub(crate) values: Arc<HistogramSnapshot>,
    /// The exported bounds, with the number of values at or below each.
    pub(crate) cumulative: Vec<(u64, u64)>,
    pub(crate) exemplars: Vec<Example>,
}

impl HistogramPoint {
    pub(crate) fn explicit(self) -> HistogramDataPoint {
        let one = divisor(self.values.unit());
        let count = count(&self.values);
        let bounds = self.cumulative.iter();
        let ends = self.cumulative.iter().map(|(_, count)| *count);
        let mut before = 0;
        let counts = ends
            .chain([count])
            .map(|end| end.saturating_sub(std::mem::replace(&mut before, end)));
        let (min, max) = extremes(&self.values, one);
        HistogramDataPoint {
            attributes: self.point.attributes,
            start_time_unix_nano: self.point.start,
            time_unix_nano: self.point.time,
            count,
            sum: Some(self.values.sum() as f64 / one),
            bucket_counts: counts.collect(),
            explicit_bounds: bounds.map(|(bound, _)| *bound as f64 / one).collect(),
            exemplars: self.exemplars,
            min,
            max,
            ..HistogramDataPoint::default()
        }
    }

    pub(crate) fn exponential(self) -> ExponentialHistogramDataPoint {
        let one = divisor(self.values.unit());
        let exponential = Exponential::new(&self.values, one);
        let (min, max) = extremes(&self.values, one);
        ExponentialHistogramDataPoint {
            attributes: self.point.attributes,
            start_time_unix_nano: self.point.start,
            time_unix_nano: self.point.time,
            count: count(&self.values),
            sum: Some(self.values.sum() as f64 / one),
            scale: exponential.scale,
            zero_count: exponential.zero_count,
            positive: Some(Buckets {
                offset: exponential.offset,
                bucket_counts: exponential.counts,
            }),
            exemplars: self.exemplars,
            min,
            max,
            ..ExponentialHistogramDataPoint::default()
        }
    }
}

/// The values in all buckets: OTLP wants the count to be the sum of the buckets. It is [`HistogramSnapshot::count`], unless a record
/// was not finished when it was read.
fn count(snapshot: &HistogramSnapshot) -> u64 {
    snapshot
        .buckets()
        .fold(0, |sum, bucket| sum.wrapping_add(bucket.count))
}

/// The low end of the first fine bucket that is not empty, and the high end of the last one.
fn extremes(snapshot: &HistogramSnapshot, one: f64) -> (Option<f64>, Option<f64>) {
    let scaled = |value: u64| value as f64 / one;
    (snapshot.min().map(scaled), snapshot.max().map(scaled))
}

/// The exemplars of a snapshot, without those that an earlier snapshot of the same histogram had.
///
/// A sample can be in the earlier snapshot and its exemplar only in the later one, if the exemplar was stored while the earlier one was read.
pub(crate) fn exemplars(
    now: &HistogramSnapshot,
    before: Option<&HistogramSnapshot>,
) -> Vec<Example> {
    let is_new = |exemplar: &&Exemplar| {
        let mut known = before.into_iter().flat_map(HistogramSnapshot::exemplars);
        known.all(|known| known != *exemplar)
    };
    let new = now.exemplars().filter(is_new);
    new.map(|exemplar| example(exemplar, now.unit())).collect()
}

/// Labels with the names and the form of a trace's identifiers become these, as OpenTelemetry's rules for OpenMetrics have it.
fn example(exemplar: &Exemplar, unit: Unit) -> Example {
    let mut out = Example {
        time_unix_nano: exemplar.time().map_or(0, nanos_since),
        value: Some(exemplar::Value::AsDouble(
            exemplar.value() as f64 / divisor(unit),
        )),
        ..Example::default()
    };
    for (name, value) in exemplar.labels() {
        let identifier = match name {
            "trace_id" => identifier::<16>(value).map(|bytes| (&mut out.trace_id, bytes)),
            "span_id" => identifier::<8>(value).map(|bytes| (&mut out.span_id, bytes)),
            _ => None,
        };
        match identifier {
            Some((field, bytes)) => *field = bytes,
            None => out
                .filtered_attributes
                .push(attribute(name.to_owned(), value)),
        }
    }
    out
}

/// The bytes of an identifier in hexadecimal; `None` if it has another length, another form, or only zeros, which stand for no identifier.
fn identifier<const BYTES: usize>(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() == 2 * BYTES)?;
    let bytes = digits
        .chunks_exact(2)
        .map(|pair| (pair[0] << 4 | pair[1]) as u8);
    let bytes: Vec<u8> = bytes.collect();
    bytes.iter().any(|byte| *byte != 0).then_some(bytes)
}
