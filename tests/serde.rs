//! Snapshots as `serde` writes them.

#![cfg(feature = "serde")]

use epoch_metrics::{HistogramOptions, MetricsCollector, Registry};
use serde_json::json;
use std::time::Duration;

#[test]
fn snapshots_serialize() {
    let registry = Registry::new();
    registry
        .counter_family("jobs", "Jobs.", &["queue"])
        .unwrap()
        .with(&["fast"])
        .unwrap()
        .add(3);
    let sizes = registry
        .histogram(
            "sizes",
            "Sizes.",
            HistogramOptions::values(0, 100).recent(2),
        )
        .unwrap();
    [1, 2, 2].into_iter().for_each(|size| sizes.record(size));
    let read = serde_json::to_value(&*registry.snapshot()).unwrap();
    assert_eq!(
        read["jobs"],
        json!({ "kind": "counter", "help": "Jobs.", "unit": "unitless",
                "series": [{ "labels": { "queue": "fast" }, "value": 3 }] })
    );
    let histogram = &read["sizes"]["series"][0]["value"];
    assert_eq!(
        (&histogram["count"], &histogram["sum"]),
        (&json!(3), &json!(5))
    );
    assert_eq!(
        histogram["buckets"][1],
        json!({ "low": 2, "high": 2, "count": 2 })
    );
    assert_eq!(histogram["recent"]["sorted"], json!([2, 2]));
    assert_eq!(
        serde_json::to_value(&*sizes.snapshot()).unwrap(),
        *histogram
    );
}

#[test]
fn sections_serialize() {
    let metrics = MetricsCollector::new();
    let empty = serde_json::to_value(&*MetricsCollector::new().latency()).unwrap();
    assert_eq!((&empty["count"], &empty["p99"]), (&json!(0), &json!(null)));
    metrics.record_latency(Duration::from_millis(5));
    metrics.record_throughput(7, 1);
    metrics.record_mode_transition("fast");
    let latency = serde_json::to_value(&*metrics.latency()).unwrap();
    assert_eq!(
        (&latency["count"], &latency["p99"]),
        (&json!(1), &json!({ "secs": 0, "nanos": 5_000_000 }))
    );
    let tokens = Registry::new().throughput("tokens", "").unwrap();
    let tokens = serde_json::to_value(&*tokens.snapshot()).unwrap();
    assert!(tokens.get("decaying_rates").unwrap().is_null());
    let throughput = serde_json::to_value(&*metrics.throughput()).unwrap();
    assert_eq!(throughput["tokens"]["total"], 7);
    assert_eq!(
        serde_json::to_value(&*metrics.mode_transitions()).unwrap()["mode"],
        "fast"
    );
    assert_eq!(
        serde_json::to_value(metrics.cache_stats()).unwrap()["latency"]["hits"],
        0
    );
}
