//! OTLP's data points, made of values and of differences of values.

use epoch_metrics::{SeriesSnapshot, Summary, Unit};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{NumberDataPoint, SummaryDataPoint};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What all data points of one series have in common.
pub(crate) struct Point {
    pub(crate) attributes: Vec<KeyValue>,
    /// Nanoseconds since 1970; 0 for a gauge, whose value has no beginning.
    pub(crate) start: u64,
    pub(crate) time: u64,
}

impl Point {
    pub(crate) fn number(self, value: number_data_point::Value) -> NumberDataPoint {
        NumberDataPoint {
            attributes: self.attributes,
            start_time_unix_nano: self.start,
            time_unix_nano: self.time,
            value: Some(value),
            ..NumberDataPoint::default()
        }
    }

    /// A quantile of a window without samples is left out.
    pub(crate) fn summary(self, unit: Unit, summary: &Summary) -> SummaryDataPoint {
        let one = divisor(unit);
        let quantiles = summary.quantiles().iter().filter_map(|(quantile, value)| {
            Some(ValueAtQuantile {
                quantile: *quantile,
                value: (*value)? as f64 / one,
            })
        });
        SummaryDataPoint {
            attributes: self.attributes,
            start_time_unix_nano: self.start,
            time_unix_nano: self.time,
            count: summary.count(),
            sum: summary.sum() as f64 / one,
            quantile_values: quantiles.collect(),
            ..SummaryDataPoint::default()
        }
    }
}

/// A count, as OTLP's signed number; beyond 2^63, as the nearest float.
pub(crate) fn whole(value: u64) -> number_data_point::Value {
    match i64::try_from(value) {
        Ok(value) => number_data_point::Value::AsInt(value),
        Err(_) => number_data_point::Value::AsDouble(value as f64),
    }
}

/// The labels as attributes. Names of labels that clash, which happens where the library's own metrics speak of a series that has a label
/// `metric`, get `exported_` before them, as in the other formats.
pub(crate) fn attributes(series: &SeriesSnapshot<'_>) -> Vec<KeyValue> {
    let mut attributes: Vec<KeyValue> = Vec::new();
    for (name, value) in series.labels() {
        let mut key = name.to_owned();
        while attributes.iter().any(|other| other.key == key) {
            key.insert_str(0, "exported_");
        }
        attributes.push(attribute(key, value));
    }
    attributes
}

pub(crate) fn attribute(key: String, value: &str) -> KeyValue {
    KeyValue {
        key,
        value: Some(AnyValue {
            value: Some(any_value::Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}

/// The unit in UCUM's notation. Counters and gauges have no unit of their own: what their name ends in tells it, if anything does.
pub(crate) fn unit_code(unit: Unit, is_distribution: bool, name: &str) -> &'static str {
    match unit {
        Unit::Seconds => "s",
        Unit::Bytes => "By",
        _ if is_distribution => "1",
        _ if name.ends_with("_seconds") => "s",
        _ if name.ends_with("_bytes") => "By",
        // Not `1`, which would say that a gauge is a ratio.
        _ => "",
    }
}

/// What a recorded value is divided by.
pub(crate) fn divisor(unit: Unit) -> f64 {
    match unit {
        Unit::Seconds => 1e9,
        Unit::Decimal(places) => 10_f64.powi(places.into()),
        _ => 1.0,
    }
}

/// Nanoseconds since 1970, as OTLP has them. 0 for earlier times.
pub(crate) fn nanos(time: SystemTime) -> u64 {
    nanos_since(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// A time since 1970 in nanoseconds.
pub(crate) fn nanos_since(epoch: Duration) -> u64 {
    u64::try_from(epoch.as_nanos()).unwrap_or(u64::MAX)
}
