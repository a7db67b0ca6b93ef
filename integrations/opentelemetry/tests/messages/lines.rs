//! A request as lines that can be compared: `tests/messages/python.rs` prints the same ones.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{Exemplar, Metric, NumberDataPoint, exemplar};
use serde_json::{Map, Value, json};

/// A line for each resource with its scope, then one for each data point.
pub(crate) fn of(request: &ExportMetricsServiceRequest) -> Vec<Value> {
    let mut lines = Vec::new();
    for resource in &request.resource_metrics {
        let attributes = attributes(&resource.resource.as_ref().unwrap().attributes);
        for scope in &resource.scope_metrics {
            let about = scope.scope.as_ref().unwrap();
            lines.push(json!(["resource", attributes, about.name, about.version]));
            scope
                .metrics
                .iter()
                .for_each(|metric| lines.extend(of_metric(metric)));
        }
    }
    lines
}

fn attributes(attributes: &[KeyValue]) -> Value {
    let mut map = Map::new();
    for attribute in attributes {
        let value = attribute
            .value
            .as_ref()
            .and_then(|value| value.value.as_ref());
        let value = match value {
            Some(any_value::Value::StringValue(value)) => json!(value),
            Some(any_value::Value::IntValue(value)) => json!(value),
            other => panic!("{other:?}"),
        };
        assert!(
            map.insert(attribute.key.clone(), value).is_none(),
            "an attribute comes twice"
        );
    }
    map.into()
}

fn number(point: &NumberDataPoint) -> Value {
    match point.value {
        Some(Number::AsInt(value)) => json!(value),
        Some(Number::AsDouble(value)) => json!(value),
        None => Value::Null,
    }
}

pub(crate) fn exemplars(exemplars: &[Exemplar]) -> Value {
    let lines = exemplars.iter().map(|found| {
        let Some(exemplar::Value::AsDouble(value)) = found.value else {
            panic!("{found:?}");
        };
        let [trace, span] = [&found.trace_id, &found.span_id].map(|id| {
            id.iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        });
        let others = attributes(&found.filtered_attributes);
        json!([value, found.time_unix_nano, trace, span, others])
    });
    lines.collect()
}

fn of_metric(metric: &Metric) -> Vec<Value> {
    let line = |kind: &str, temporality: i32, labels: &[KeyValue], value: Value| {
        json!([
            metric.name,
            metric.unit,
            metric.description,
            kind,
            temporality,
            attributes(labels),
            value
        ])
    };
    match metric.data.as_ref().unwrap() {
        Data::Sum(sum) => {
            assert!(sum.is_monotonic);
            let points = sum.data_points.iter();
            points
                .map(|point| {
                    line(
                        "sum",
                        sum.aggregation_temporality,
                        &point.attributes,
                        number(point),
                    )
                })
                .collect()
        }
        Data::Gauge(gauge) => {
            let points = gauge.data_points.iter();
            points
                .map(|point| line("gauge", 0, &point.attributes, number(point)))
                .collect()
        }
        Data::Histogram(histogram) => {
            let points = histogram.data_points.iter();
            let points = points.map(|point| {
                let value = json!([
                    point.count,
                    point.sum,
                    point.min,
                    point.max,
                    point.explicit_bounds,
                    point.bucket_counts,
                    exemplars(&point.exemplars)
                ]);
                line(
                    "histogram",
                    histogram.aggregation_temporality,
                    &point.attributes,
                    value,
                )
            });
            points.collect()
        }
        Data::ExponentialHistogram(histogram) => {
            let points = histogram.data_points.iter();
            let points = points.map(|point| {
                let positive = point.positive.as_ref().unwrap();
                let value = json!([
                    point.count,
                    point.sum,
                    point.min,
                    point.max,
                    point.scale,
                    point.zero_count,
                    positive.offset,
                    positive.bucket_counts,
                    exemplars(&point.exemplars)
                ]);
                line(
                    "exponential",
                    histogram.aggregation_temporality,
                    &point.attributes,
                    value,
                )
            });
            points.collect()
        }
        Data::Summary(summary) => {
            let points = summary.data_points.iter();
            let points = points.map(|point| {
                let quantiles = point.quantile_values.iter();
                let quantiles: Vec<_> = quantiles
                    .map(|value| json!([value.quantile, value.value]))
                    .collect();
                line(
                    "summary",
                    0,
                    &point.attributes,
                    json!([point.count, point.sum, quantiles]),
                )
            });
            points.collect()
        }
    }
}
