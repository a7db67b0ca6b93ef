//! What the original collector answered, operation by operation, when one thread recorded: `golden/collector_golden.json`.

use epoch_metrics::{ManualClock, MetricsCollector};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Where a read takes place, beside the ones that the file has answers for.
#[derive(Clone, Copy)]
enum Reads {
    /// Nowhere else: long stretches are read at once.
    AsInTheFile,
    /// After each operation: nothing is ever more than one sample behind.
    AfterEachOperation,
}

#[test]
fn answers_are_those_of_the_original_when_read_seldom() {
    replay_all(Reads::AsInTheFile);
}

#[test]
fn answers_are_those_of_the_original_when_read_after_each_operation() {
    replay_all(Reads::AfterEachOperation);
}

fn replay_all(reads: Reads) {
    let file: Value = serde_json::from_str(include_str!("golden/collector_golden.json")).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        replay(case, reads);
    }
}

fn replay(case: &Value, reads: Reads) {
    let clock = Arc::new(ManualClock::new());
    let collector = MetricsCollector::builder()
        .clock(clock.clone())
        .build()
        .unwrap();
    let mut expected = case["reads"].as_array().unwrap().iter().peekable();
    let ops = case["ops"].as_array().unwrap();
    for (i, op) in ops.iter().enumerate() {
        clock.set(Duration::from_secs_f64(op[0].as_f64().unwrap()));
        apply(&collector, op);
        if matches!(reads, Reads::AfterEachOperation) {
            collector.snapshot();
        }
        if let Some(read) = expected.next_if(|read| read["after_ops"] == i + 1) {
            compare(
                &collector,
                read,
                &format!("{} after {} operations", case["name"], i + 1),
            );
        }
    }
    assert!(expected.next().is_none(), "a read was left out");
    let latencies = ops.iter().filter(|op| op[1] == "latency").count() as u64;
    let lifetime = &collector.latency().lifetime;
    assert_eq!(
        lifetime.count() + lifetime.rejected(),
        latencies,
        "each one was recorded or refused"
    );
}

fn apply(collector: &MetricsCollector, op: &Value) {
    let whole = |at: usize| op[at].as_u64().unwrap();
    match op[1].as_str().unwrap() {
        // JSON has no number for NaN: null stands for it.
        "latency" => collector.record_latency_ms(op[2].as_f64().unwrap_or(f64::NAN)),
        "batch" => collector.record_batch_size(whole(2)),
        "depth" => collector.record_queue_depth(whole(2)),
        "mode" => collector.record_mode_transition(op[2].as_str().unwrap()),
        "throughput" => collector.record_throughput(whole(2), whole(3)),
        kind => panic!("an operation of unknown kind {kind}"),
    }
}

fn compare(collector: &MetricsCollector, read: &Value, at: &str) {
    let (latency, want) = (collector.latency(), &read["latency"]);
    for (key, got) in [
        ("p50_ms", latency.p50),
        ("p95_ms", latency.p95),
        ("p99_ms", latency.p99),
        ("min_ms", latency.min),
        ("max_ms", latency.max),
        ("mean_ms", latency.mean),
    ] {
        let want = want[key].as_f64().unwrap() * 1e6;
        // Where there are no samples the original says 0.
        assert_eq!(got.is_some(), latency.count > 0, "{at}: {key}");
        let got = got.unwrap_or_default();
        assert!(
            (got.as_nanos() as f64 - want).abs() <= 1.0,
            "{at}: {key} is {got:?}, not {want} ns"
        );
    }
    assert_eq!(want["count"], latency.count, "{at}: count");

    let (batch, want) = (collector.batch(), &read["batch"]);
    let none = batch.lifetime.is_empty();
    for (key, got) in [
        ("current", batch.current),
        ("min", batch.min),
        ("max", batch.max),
    ] {
        assert_eq!(got.is_none(), none, "{at}: {key}");
    }
    assert_eq!(
        want["current_size"],
        batch.current.unwrap_or(0),
        "{at}: current batch size"
    );
    assert_eq!(
        want["min_size"],
        batch.min.unwrap_or(0),
        "{at}: min batch size"
    );
    assert_eq!(
        want["max_size"],
        batch.max.unwrap_or(0),
        "{at}: max batch size"
    );
    let mean = want["mean_size"].as_f64().unwrap();
    assert!(
        (batch.mean.unwrap_or(0.0) - mean).abs() <= mean * f64::EPSILON,
        "{at}: mean batch size {:?} not {mean}",
        batch.mean
    );
    let distribution = batch.distribution().map(|bucket| {
        assert_eq!(bucket.low, bucket.high, "{at}: each size by itself");
        (bucket.low.to_string(), Value::from(bucket.count))
    });
    assert_eq!(
        want["distribution"],
        Value::Object(distribution.collect()),
        "{at}: distribution of batch sizes"
    );

    assert_eq!(
        read["queue_depth"],
        collector.queue_depth(),
        "{at}: queue depth"
    );
    assert_eq!(
        read["mode_transitions"],
        collector.mode_transitions().count,
        "{at}: mode transitions"
    );
}
