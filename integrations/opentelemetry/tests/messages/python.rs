//! Python's `opentelemetry-proto` reads the same.

use crate::{lines, request};
use epoch_metrics_opentelemetry::HistogramForm;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_sdk::metrics::Temporality;
use prost::Message;
use serde_json::Value;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Prints the lines of `tests/messages/lines.rs`.
const READER: &str = r#"
import json, sys
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

request = ExportMetricsServiceRequest.FromString(sys.stdin.buffer.read())

def attributes(pairs):
    found = {pair.key: getattr(pair.value, pair.value.WhichOneof('value')) for pair in pairs}
    assert len(found) == len(pairs)
    return found

def optional(point, field):
    return getattr(point, field) if point.HasField(field) else None

def exemplars(point):
    return [
        [e.as_double, e.time_unix_nano, e.trace_id.hex(), e.span_id.hex(), attributes(e.filtered_attributes)]
        for e in point.exemplars if e.WhichOneof('value') == 'as_double'
    ]

def show(metric, kind, temporality, point, value):
    print(json.dumps([metric.name, metric.unit, metric.description, kind, temporality, attributes(point.attributes), value]))

for resource in request.resource_metrics:
    for scope in resource.scope_metrics:
        print(json.dumps(['resource', attributes(resource.resource.attributes), scope.scope.name, scope.scope.version]))
        for metric in scope.metrics:
            which = metric.WhichOneof('data')
            data = getattr(metric, which)
            for point in data.data_points:
                if which in ('sum', 'gauge'):
                    assert which == 'gauge' or data.is_monotonic
                    value = getattr(point, point.WhichOneof('value'))
                    show(metric, which, getattr(data, 'aggregation_temporality', 0), point, value)
                elif which == 'summary':
                    quantiles = [[q.quantile, q.value] for q in point.quantile_values]
                    show(metric, which, 0, point, [point.count, point.sum, quantiles])
                else:
                    value = [point.count] + [optional(point, field) for field in ('sum', 'min', 'max')]
                    if which == 'histogram':
                        assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
                        value += [list(point.explicit_bounds), list(point.bucket_counts)]
                    else:
                        which = 'exponential'
                        value += [point.scale, point.zero_count, point.positive.offset, list(point.positive.bucket_counts)]
                    value.append(exemplars(point))
                    show(metric, which, data.aggregation_temporality, point, value)
"#;

#[test]
#[ignore = "needs Python's opentelemetry-proto; with it: EPOCH_PYTHON=<python> cargo test -p epoch-metrics-opentelemetry -- --include-ignored"]
fn python_reads_the_same() {
    let python = std::env::var("EPOCH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    for form in [HistogramForm::Explicit, HistogramForm::Exponential] {
        for temporality in [Temporality::Cumulative, Temporality::Delta] {
            let body = request(form, temporality);
            let mut reader = Command::new(&python)
                .args(["-c", READER])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap_or_else(|error| panic!("{python} does not run: {error}"));
            let mut input = reader.stdin.take().unwrap();
            input.write_all(&body).unwrap();
            drop(input);
            let output = reader.wait_with_output().unwrap();
            assert!(output.status.success(), "{python} could not read");
            let read = String::from_utf8(output.stdout).unwrap();
            let read: Vec<Value> = read
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            let expected = lines::of(&ExportMetricsServiceRequest::decode(&*body).unwrap());
            assert!(expected.len() > 10);
            assert_eq!(read, expected);
        }
    }
}
