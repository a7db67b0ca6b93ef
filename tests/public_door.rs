//! The collector uses nothing that a user of the crate could not: its source compiles here, outside the crate, against the public
//! interface alone.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the crate decides what of it is used and public"
)]
#![allow(unexpected_cfgs, reason = "features of the crate")]

// What `crate::` names in the collector's source.
pub use epoch_metrics::*;

#[path = "../src/collector/mod.rs"]
mod collector;

use std::sync::Arc;
use std::time::Duration;

#[test]
fn the_collector_works_outside_the_crate() {
    let metrics = collector::MetricsCollector::builder()
        .prefix("outside")
        .unwrap()
        .build()
        .unwrap();
    metrics.record_latency(Duration::from_millis(3));
    metrics.record_batch_size(4);
    metrics.record_throughput(100, 1);
    metrics.record_mode_transition("fast");
    metrics.record_mode_transition("batching");
    assert_eq!(metrics.latency().p99, Some(Duration::from_millis(3)));
    assert!(Arc::ptr_eq(&metrics.batch(), &metrics.batch()));
    let page = metrics.snapshot().render_prometheus();
    for line in [
        "outside_request_latency_seconds_count 1\n",
        "outside_request_latency_recent_seconds_count 1\n",
        "outside_tokens_total 100\n",
        "outside_mode{mode=\"batching\"} 1\n",
        "outside_mode_transitions_total 1\n",
    ] {
        assert!(page.contains(line), "{line} is missing in\n{page}");
    }
    metrics.reset();
    assert_eq!(metrics.latency().count, 0);
}
