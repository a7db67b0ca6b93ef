//! What is in the messages, as prost decodes them and as Python's `opentelemetry-proto` does.

mod lines;
mod python;
mod subject;

use epoch_metrics::{FamilyOptions, HistogramOptions, ManualClock, Registry};
use epoch_metrics_opentelemetry::{Exporter, HistogramForm, Producer};
use opentelemetry::KeyValue;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::Temporality;
use prost::Message;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

/// The request that an exporter of the subjects sends.
fn request(form: HistogramForm, temporality: Temporality) -> Vec<u8> {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&sent);
    let producer = Producer::new()
        .histograms(form)
        .temporality(temporality)
        .scope("app", "1.2");
    let exporter = Exporter::new(subject::merged, producer, move |request| {
        keep.lock().unwrap().extend_from_slice(request);
        Ok(())
    });
    let attributes = [
        KeyValue::new("service.name", "search"),
        KeyValue::new("shard", 7_i64),
    ];
    let resource = Resource::builder_empty()
        .with_attributes(attributes)
        .build();
    exporter.resource(resource).export().unwrap();
    sent.lock().unwrap().clone()
}

/// The subject's exemplars: labels that are identifiers have fields of their own.
fn exemplars() -> Value {
    let time = 1_700_000_000_123_456_789_u64;
    let (trace, span) = (subject::TRACE, subject::SPAN);
    let invalid =
        json!({"trace_id": "4bf92f3577b34da6a3ce929d0e0e473g", "span_id": "0000000000000000"});
    json!([
        [0.0008, time, trace, span, {"user": "ü\""}],
        [0.005, time, "", "", {"trace_id": span, "span_id": trace}],
        [0.07, time, "", "", invalid],
    ])
}

/// The lines of one metric, without its name.
fn of(lines: &[Value], name: &str) -> Vec<Value> {
    let named = lines.iter().filter(|line| line[0] == name);
    named
        .map(|line| Value::from(line.as_array().unwrap()[1..].to_vec()))
        .collect()
}

#[test]
fn each_kind_is_what_opentelemetry_calls_it() {
    let bytes = request(HistogramForm::Explicit, Temporality::Cumulative);
    let decoded = ExportMetricsServiceRequest::decode(&*bytes).unwrap();
    let lines = lines::of(&decoded);
    let resource = json!(["resource", {"service.name": "search", "shard": 7}, "app", "1.2"]);
    assert_eq!(lines[0], resource);
    let zone = "b\"1\"";
    let sum = |unit: &str, help: &str, attributes: Value, value: Value| {
        json!([unit, help, "sum", 2, attributes, value])
    };
    let gauge = |unit: &str, help: &str, value: Value| json!([unit, help, "gauge", 0, {"zone": zone}, value]);
    let answered = "Requests \"answered\".";
    assert_eq!(
        of(&lines, "http_requests"),
        [
            sum(
                "",
                answered,
                json!({"zone": zone, "status": "200"}),
                json!(5)
            ),
            sum(
                "",
                answered,
                json!({"zone": zone, "status": "ü\n"}),
                json!(6)
            ),
            // Of the other registry: one metric all the same.
            sum(
                "",
                answered,
                json!({"zone": "c", "status": "200"}),
                json!(9)
            ),
        ]
    );
    let with_name = |name: &str| {
        decoded.resource_metrics[0].scope_metrics[0]
            .metrics
            .iter()
            .filter(|m| m.name == name)
            .count()
    };
    assert_eq!(with_name("http_requests"), 1);
    let zone_only = json!({"zone": zone});
    assert_eq!(
        of(&lines, "huge"),
        [sum("", "", zone_only.clone(), json!(u64::MAX as f64))]
    );
    assert_eq!(
        of(&lines, "joules"),
        [sum("", "Energy.", zone_only.clone(), json!(1.5))]
    );
    assert_eq!(
        of(&lines, "tokens"),
        [sum("", "Tokens.", zone_only.clone(), json!(70))]
    );
    assert_eq!(
        of(&lines, "queued"),
        [gauge("", "Requests that wait.", json!(-3))]
    );
    assert_eq!(of(&lines, "load"), [gauge("", "", json!(0.25))]);
    assert_eq!(of(&lines, "heap_bytes"), [gauge("By", "", json!(4096.0))]);
    assert_eq!(of(&lines, "unknown"), [] as [Value; 0]);
    let latency = json!([
        "s",
        "Time to answer.",
        "histogram",
        2,
        zone_only,
        [
            5,
            0.0808,
            0.0,
            0.070254591,
            [0.001, 0.01],
            [2, 2, 1],
            exemplars()
        ],
    ]);
    assert_eq!(of(&lines, "http_latency_seconds"), [latency]);
    let body = json!([
        "By",
        "Body sizes.",
        "histogram",
        2,
        zone_only,
        [1, 512.0, 512.0, 515.0, [1024.0], [1, 0], []]
    ]);
    assert_eq!(of(&lines, "body_bytes"), [body]);
    let bounds: Vec<f64> = [1.0, 2.0, 5.0, 10.0].into();
    let empty = json!([
        "1",
        "",
        "histogram",
        2,
        zone_only,
        [0, 0.0, null, null, bounds, [0, 0, 0, 0, 0], []]
    ]);
    assert_eq!(of(&lines, "empty"), [empty]);
    let wait = json!([
        "s",
        "Time in the queue.",
        "summary",
        0,
        zone_only,
        [3, 6.0, [[0.5, 2.0]]]
    ]);
    assert_eq!(of(&lines, "wait_seconds"), [wait]);
}

#[test]
fn exponential_histograms_hold_the_same_values() {
    let bytes = request(HistogramForm::Exponential, Temporality::Delta);
    let lines = lines::of(&ExportMetricsServiceRequest::decode(&*bytes).unwrap());
    let [latency] = &of(&lines, "http_latency_seconds")[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(latency[2], "exponential");
    assert_eq!(latency[3], 1);
    let point = latency[5].as_array().unwrap();
    assert_eq!(
        point[..4],
        [json!(5), json!(0.0808), json!(0.0), json!(0.070254591)]
    );
    let [scale, zero, offset, counts, examples] = &point[4..] else {
        panic!("{point:?}");
    };
    assert_eq!(*examples, exemplars());
    assert_eq!(zero, 1);
    // 0.8 ms to 70 ms are 6.5 octaves: with 16 buckets for each they are 104.
    assert_eq!(scale, 4);
    let number = |seconds: f64| (seconds.log2() * 16.0).ceil() as i64 - 1;
    let offset = offset.as_i64().unwrap();
    let counts = counts.as_array().unwrap().iter().enumerate();
    let found: Vec<_> = counts
        .map(|(index, count)| (offset + index as i64, count.as_u64().unwrap()))
        .filter(|(_, count)| *count > 0)
        .collect();
    assert_eq!(
        found,
        [(number(0.0008), 1), (number(0.005), 2), (number(0.07), 1)]
    );
    // Nothing new, nothing sent.
    assert_eq!(of(&lines, "empty"), [] as [Value; 0]);
}

/// A cumulative value begins where it was found first; one that begins anew, at the collection before.
#[test]
fn starts_tell_where_values_began() {
    let registry = Registry::builder().without_own_metrics().build();
    let sizes = registry
        .histogram("sizes", "", HistogramOptions::values(0, 9))
        .unwrap();
    let second = |number| UNIX_EPOCH + Duration::from_secs(number);
    let mut producer = Producer::new().started(second(5));
    let mut collect = |now| {
        let scope = producer.collect_at(&registry.page(), second(now));
        producer.delivered();
        let times = scope
            .metrics
            .iter()
            .map(|metric| match metric.data.as_ref().unwrap() {
                Data::Sum(sum) => (
                    sum.data_points[0].start_time_unix_nano,
                    sum.data_points[0].time_unix_nano,
                ),
                Data::Histogram(histogram) => {
                    let point = &histogram.data_points[0];
                    (point.start_time_unix_nano, point.time_unix_nano)
                }
                other => panic!("{other:?}"),
            });
        times
            .map(|(start, time)| (start / 1_000_000_000, time / 1_000_000_000))
            .collect::<Vec<_>>()
    };
    sizes.record(1);
    assert_eq!(collect(10), [(5, 10)]);
    let _late = registry.counter("late", "").unwrap();
    assert_eq!(collect(20), [(5, 20), (10, 20)]);
    sizes.reset();
    assert_eq!(collect(30), [(20, 30), (10, 30)]);
    assert_eq!(collect(40), [(20, 40), (10, 40)]);
}

/// A difference has the exemplars that no delivered collection had; a clock without the time of day leaves their time out.
#[test]
fn differences_have_new_exemplars() {
    let builder = Registry::builder().without_own_metrics();
    let registry = builder.clock(Arc::new(ManualClock::new())).build();
    let options = HistogramOptions::values(0, 100)
        .export_bounds(&[10, 20])
        .exemplars(true);
    let sizes = registry.histogram("sizes", "", options).unwrap();
    let record = |value, id: &str| {
        let labels = [("id", id)];
        sizes.record_with_exemplar(value, &labels).unwrap();
    };
    for form in [HistogramForm::Explicit, HistogramForm::Exponential] {
        sizes.reset();
        let mut producer = Producer::new()
            .temporality(Temporality::Delta)
            .histograms(form);
        let mut collect = |is_delivered: bool| {
            let scope = producer.collect(&registry.page());
            if is_delivered {
                producer.delivered();
            }
            let found = match scope
                .metrics
                .first()
                .and_then(|metric| metric.data.as_ref())
            {
                Some(Data::Histogram(histogram)) => histogram.data_points[0].exemplars.clone(),
                Some(Data::ExponentialHistogram(it)) => it.data_points[0].exemplars.clone(),
                _ => return Value::Null,
            };
            lines::exemplars(&found)
        };
        record(5, "a");
        record(15, "b");
        let [a, b] =
            [(5.0, "a"), (15.0, "b")].map(|(value, id)| json!([value, 0, "", "", {"id": id}]));
        assert_eq!(collect(false), json!([a, b]));
        assert_eq!(collect(true), json!([a, b]));
        assert_eq!(collect(true), Value::Null);
        // The exemplar of the second bucket is old; that of the first one has a new one after it.
        record(4, "c");
        sizes.record(14);
        let c = json!([4.0, 0, "", "", {"id": "c"}]);
        assert_eq!(collect(true), json!([c]));
        sizes.record(3);
        assert_eq!(collect(true), json!([]));
        // What was before a reset is gone, and the same sample after it is a new one.
        sizes.reset();
        record(4, "c");
        assert_eq!(collect(true), json!([c]));
    }
}

/// Labels that clash in the library's own metrics get another name, as in the other formats.
#[test]
fn no_attribute_comes_twice() {
    let registry = Registry::new();
    let options = HistogramOptions::values(0, 9);
    let family = registry.histogram_family("sizes", "", options, FamilyOptions::any_labels());
    let labels = [("metric", "x"), ("other", "y")];
    family.unwrap().with_labels(&labels).unwrap().record(10);
    let scope = Producer::new().collect(&registry.page());
    let rejected = scope
        .metrics
        .iter()
        .find(|metric| metric.name == "epoch_metrics_rejected_values");
    let Some(Data::Sum(sum)) = rejected.and_then(|metric| metric.data.as_ref()) else {
        panic!("{scope:?}");
    };
    let keys: Vec<_> = sum.data_points[0]
        .attributes
        .iter()
        .map(|attribute| &*attribute.key)
        .collect();
    assert_eq!(keys, ["metric", "exported_metric", "other"]);
}
