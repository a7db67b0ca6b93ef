//! One page of everything that a process has: two collectors, a registry of its own, constant labels.

use crate::openmetrics::Line;
use crate::subjects::{busy_collector, registry_with_everything, whole_process, with_everything};
use crate::validator::{OPEN_METRICS, Sample, TEXT, parse, valid, value};
use epoch_metrics::Registry;
use std::collections::HashSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

#[test]
fn everything_of_a_process_reads_back_from_one_page() {
    let page = whole_process();
    let text = page.render_prometheus();
    // What node_exporter's textfile collector insists on: each name is introduced once.
    for word in ["# HELP ", "# TYPE "] {
        let mut seen = HashSet::new();
        let introduced = text.lines().filter_map(|line| line.strip_prefix(word));
        for name in introduced.filter_map(|rest| rest.split(' ').next()) {
            assert!(seen.insert(name), "{word}{name} comes twice");
        }
    }
    let families = parse(&text);
    let host = ("host", "a \"host\"\n");
    for (name, labels, expected) in [
        ("chat_request_latency_seconds_count", &[host][..], 1.0),
        ("search_request_latency_seconds_count", &[host], 0.0),
        ("chat_tokens_total", &[host], 350.0),
        ("cache_hits_total", &[host, ("model", "1")], 1.0),
        ("cache_hits_total", &[host, ("model", "2")], 2.0),
        ("threads", &[("host", "b")], 8.0),
        ("pool", &[("host", "b")], 3.0),
    ] {
        assert_eq!(
            value(&families, name, labels),
            expected,
            "{name} {labels:?}"
        );
    }
    let own =
        |name: &str, labels: &[_]| value(&families, &format!("epoch_metrics_{name}_total"), labels);
    let latency = ("metric", "chat_request_latency_seconds");
    assert_eq!(own("rejected_values", &[latency, host]), 1.0);
    let sizes = [("metric", "sizes"), ("host", "b"), ("exported_metric", "x")];
    assert_eq!(own("rejected_values", &sizes), 1.0);
    let broken = [("metric", "broken"), ("host", "b")];
    assert_eq!(own("callback_panics", &broken), 1.0);
    let p99 = [host, ("quantile", "0.99")];
    let p99 = |name| value(&families, name, &p99);
    assert_eq!(p99("chat_request_latency_recent_seconds"), 0.007);
    assert!(p99("search_request_latency_recent_seconds").is_nan());
    let json: serde_json::Value = serde_json::from_str(&page.render_json()).unwrap();
    assert_eq!(json["cache_hits"]["series"].as_array().unwrap().len(), 2);
    assert_eq!(json.as_object().unwrap().len(), families.len());
}

/// Prints one line for each sample: name, labels by name, value; all of it as JSON.
const READER: &str = "
import json, sys
if sys.argv[1] == 'openmetrics':
    from prometheus_client.openmetrics.parser import text_string_to_metric_families
else:
    from prometheus_client.parser import text_string_to_metric_families
families = list(text_string_to_metric_families(sys.stdin.buffer.read().decode()))
names = [family.name for family in families]
assert len(names) == len(set(names)), names
for family in families:
    assert family.type != 'unknown', family.name
    for sample in family.samples:
        print(json.dumps([sample.name, sorted(sample.labels.items()), repr(float(sample.value))]))
        exemplar = sample.exemplar
        if exemplar:
            time = exemplar.timestamp and ('time', str(float(exemplar.timestamp)))
            labels = sorted(exemplar.labels.items()) + ([time] if time else [])
            print(json.dumps([sample.name + '#' + sample.labels['le'], labels, repr(float(exemplar.value))]))
";

/// What Python's client library reads.
pub(crate) fn read_by_python(format: &str, text: &str) -> Vec<Line> {
    let python = std::env::var("EPOCH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut reader = Command::new(&python)
        .args(["-c", READER, format])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{python} does not run: {error}"));
    let mut input = reader.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let output = reader.wait_with_output().unwrap();
    assert!(output.status.success(), "{python} could not read\n{text}");
    let read = String::from_utf8(output.stdout).unwrap();
    let line = |line| -> Line {
        let (name, labels, value): Line = serde_json::from_str(line).unwrap();
        // Python writes exponents differently.
        let value: f64 = value.parse().unwrap();
        (name, labels, value.to_string())
    };
    read.lines().map(line).collect()
}

/// A sample, and its exemplar.
fn lines(sample: Sample) -> impl Iterator<Item = Line> {
    let exemplar = sample.exemplar.map(|exemplar| {
        let mut labels = Vec::from_iter(exemplar.labels);
        let time = exemplar
            .time
            .map(|time| ("time".to_owned(), time.to_string()));
        labels.extend(time);
        let name = format!("{}#{}", sample.name, sample.labels["le"]);
        (name, labels, exemplar.value.to_string())
    });
    let value = sample.value.to_string();
    let line = (sample.name, Vec::from_iter(sample.labels), value);
    [line].into_iter().chain(exemplar)
}

/// The parsers of Python's client library read the same samples as the validator of these tests.
#[test]
#[ignore = "needs Python's prometheus_client; with it: EPOCH_PYTHON=<python> cargo test --test exposition -- --ignored"]
fn pythons_client_library_reads_the_same() {
    let pages = [
        whole_process(),
        registry_with_everything().page(),
        with_everything(Registry::builder().created_samples(true)).page(),
        busy_collector().page(),
    ];
    for page in pages {
        for (format, text, syntax) in [
            ("text", page.render_prometheus(), TEXT),
            ("openmetrics", page.render_openmetrics(), OPEN_METRICS),
        ] {
            let samples = valid(&text, syntax).into_values();
            let samples = samples.flat_map(|family| family.samples);
            let mut expected: Vec<Line> = samples.flat_map(lines).collect();
            let mut read = read_by_python(format, &text);
            read.sort();
            expected.sort();
            assert_eq!(read, expected);
        }
    }
}
