//! Google's own library for Python reads the same.

use super::messages::MetricFamily;
use super::{created, families, samples, subjects};
use crate::openmetrics::Line;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Describes the messages (`*` marks a repeated field) and prints one line of JSON for each sample and native histogram.
const READER: &str = r#"
import json, sys
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal.decoder import _DecodeVarint32

messages = {
    'LabelPair': 'string name 1, string value 2',
    'Gauge': 'double value 1',
    'Counter': 'double value 1, Timestamp created_timestamp 3',
    'Quantile': 'double quantile 1, double value 2',
    'Summary': 'uint64 sample_count 1, double sample_sum 2, *Quantile quantile 3, Timestamp created_timestamp 4',
    'Timestamp': 'int64 seconds 1, int32 nanos 2',
    'Exemplar': '*LabelPair label 1, double value 2, Timestamp timestamp 3',
    'Bucket': 'uint64 cumulative_count 1, double upper_bound 2, Exemplar exemplar 3',
    'BucketSpan': 'sint32 offset 1, uint32 length 2',
    'Histogram': 'uint64 sample_count 1, double sample_sum 2, *Bucket bucket 3, sint32 schema 5, double zero_threshold 6, '
        'uint64 zero_count 7, *BucketSpan positive_span 12, *sint64 positive_delta 13, Timestamp created_timestamp 15, *Exemplar exemplars 16',
    'Metric': '*LabelPair label 1, Gauge gauge 2, Counter counter 3, Summary summary 4, Histogram histogram 7',
    'MetricFamily': 'string name 1, string help 2, int32 type 3, *Metric metric 4, string unit 5',
}
proto = descriptor_pb2.FileDescriptorProto(name='metrics.proto', package='p', syntax='proto2')
for message, fields in messages.items():
    described = proto.message_type.add(name=message)
    for field in fields.split(', '):
        kind, name, number = field.split()
        described_field = described.field.add(name=name, number=int(number), label=3 if kind[0] == '*' else 1)
        kind = kind.lstrip('*')
        if kind in messages:
            described_field.type, described_field.type_name = 11, '.p.' + kind
        else:
            described_field.type = getattr(descriptor_pb2.FieldDescriptorProto, 'TYPE_' + kind.upper())
pool = descriptor_pool.DescriptorPool()
pool.Add(proto)
MetricFamily = message_factory.GetMessageClass(pool.FindMessageTypeByName('p.MetricFamily'))

def show(name, metric, value, label=None):
    labels = [(pair.name, pair.value) for pair in metric.label]
    labels += [(label[0], repr(float(label[1])))] if label else []
    print(json.dumps([name, sorted(labels), value]))

body, at = sys.stdin.buffer.read(), 0
while at < len(body):
    length, at = _DecodeVarint32(body, at)
    family = MetricFamily.FromString(body[at:at + length])
    assert not family.FindInitializationErrors()
    at += length
    for metric in family.metric:
        for kind in [metric.counter, metric.summary, metric.histogram]:
            if kind.HasField('created_timestamp'):
                time = kind.created_timestamp
                show(family.name.removesuffix('_total') + '_created', metric, repr(time.seconds + time.nanos / 1e9))
        if metric.HasField('counter'):
            show(family.name, metric, repr(metric.counter.value))
        if metric.HasField('gauge'):
            show(family.name, metric, repr(metric.gauge.value))
        if metric.HasField('summary'):
            for q in metric.summary.quantile:
                show(family.name, metric, repr(q.value), ('quantile', q.quantile))
            show(family.name + '_count', metric, repr(float(metric.summary.sample_count)))
            show(family.name + '_sum', metric, repr(metric.summary.sample_sum))
        if metric.HasField('histogram'):
            h = metric.histogram
            shown = [b.exemplar for b in h.bucket if b.HasField('exemplar')]
            assert shown == list(h.exemplars)
            for b in shown:
                time = b.timestamp.seconds + b.timestamp.nanos / 1e9
                labels = {pair.name: pair.value for pair in b.label}
                show(family.name + '_exemplar', metric, json.dumps([labels, b.value, time]))
            for b in h.bucket:
                if b.upper_bound == float('inf'):
                    continue
                show(family.name + '_bucket', metric, repr(float(b.cumulative_count)), ('le', b.upper_bound))
            show(family.name + '_count', metric, repr(float(h.sample_count)))
            show(family.name + '_sum', metric, repr(h.sample_sum))
            spans = [[span.offset, span.length] for span in h.positive_span]
            show(family.name + '_native', metric, json.dumps([h.schema, h.zero_count, spans, list(h.positive_delta)]))
"#;

fn number(text: &str) -> String {
    if let Ok(number) = text.parse::<f64>() {
        return number.to_string();
    }
    // A list, which Python writes with other blanks.
    let list = serde_json::from_str(text);
    list.map_or_else(
        |_| text.to_owned(),
        |list: serde_json::Value| list.to_string(),
    )
}

fn expected(family: &MetricFamily) -> Vec<Line> {
    let scalars = samples(family).into_iter();
    let scalars = scalars.map(|(name, labels, value)| (name, labels, value.to_string()));
    let natives = family.metric.iter().filter_map(|metric| {
        let histogram = metric.histogram.as_ref()?;
        let labels = metric.label.iter();
        let labels = labels.map(|label| (label.name().to_owned(), label.value().to_owned()));
        let mut labels: Vec<_> = labels.collect();
        labels.sort();
        let spans = histogram.positive_span.iter();
        let spans: Vec<_> = spans.map(|span| (span.offset(), span.length())).collect();
        let (schema, zero) = (histogram.schema(), histogram.zero_count());
        let native = serde_json::json!([schema, zero, spans, histogram.positive_delta]);
        let name = format!("{}_native", family.name());
        Some((name, labels, native.to_string()))
    });
    let exemplars = family.metric.iter().flat_map(|metric| {
        let buckets = metric.histogram.iter().flat_map(|it| &it.bucket);
        let exemplars = buckets.filter_map(|bucket| bucket.exemplar.as_ref());
        exemplars.map(|it| {
            let labels = it.label.iter().map(|label| (label.name(), label.value()));
            let labels: std::collections::BTreeMap<_, _> = labels.collect();
            let time = it.timestamp.as_ref().expect("the clock tells it");
            let seconds = time.seconds() as f64 + f64::from(time.nanos()) / 1e9;
            let shown = serde_json::json!([labels, it.value(), seconds]);
            (
                format!("{}_exemplar", family.name()),
                Vec::new(),
                shown.to_string(),
            )
        })
    });
    let created = created(family).into_iter();
    let created = created.map(|(name, labels, seconds)| (name, labels, seconds.to_string()));
    scalars
        .chain(natives)
        .chain(exemplars)
        .chain(created)
        .collect()
}

#[test]
#[ignore = "needs Python's protobuf; with it: EPOCH_PYTHON=<python> cargo test --features protobuf --test exposition -- --ignored"]
fn googles_library_reads_the_same() {
    let python = std::env::var("EPOCH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    for page in subjects() {
        let body = page.render(epoch_metrics::Format::Protobuf).to_vec();
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
        let line = |line| {
            let (name, mut labels, value): Line = serde_json::from_str(line).unwrap();
            for (label, value) in &mut labels {
                if ["le", "quantile"].contains(&label.as_str()) {
                    *value = number(value);
                }
            }
            (name, labels, number(&value))
        };
        let mut read: Vec<Line> = read.lines().map(line).collect();
        let mut expected: Vec<Line> = families(&page).iter().flat_map(expected).collect();
        read.sort();
        expected.sort();
        assert_eq!(read, expected);
    }
}
