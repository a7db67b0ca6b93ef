//! A registry with a metric of each kind.

use epoch_metrics::{HistogramOptions, Page, Registry, Summary, Unit};
use std::time::Duration;

fn registry() -> Registry {
    let builder = Registry::builder().without_own_metrics();
    let registry = builder.constant_label("zone", "b\"1\"").unwrap().build();
    let requests = ["200", "ü\n"].map(|status| ("http_requests", status));
    let family = registry.counter_family("http_requests", "Requests \"answered\".", &["status"]);
    let family = family.unwrap();
    for (number, (_, status)) in requests.into_iter().enumerate() {
        family.with(&[status]).unwrap().add(5 + number as u64);
    }
    registry.counter("huge", "").unwrap().add(u64::MAX);
    registry
        .float_counter("joules", "Energy.")
        .unwrap()
        .add(1.5);
    registry
        .gauge("queued", "Requests that wait.")
        .unwrap()
        .set(-3);
    registry.float_gauge("load", "").unwrap().set(0.25);
    registry
        .observable_gauge_fn("unknown", "", || f64::NAN)
        .unwrap();
    registry
        .observable_gauge_fn("heap_bytes", "", || 4096.0)
        .unwrap();
    let tokens = registry.throughput("tokens", "Tokens.").unwrap();
    tokens.add(70);
    let bounds = [Duration::from_millis(1), Duration::from_millis(10)];
    let options = HistogramOptions::durations().export_bounds(&bounds);
    let latency = registry
        .histogram("http_latency", "Time to answer.", options)
        .unwrap();
    [0, 800_000, 5_000_000, 5_000_000, 70_000_000]
        .into_iter()
        .for_each(|nanos| latency.record_duration(Duration::from_nanos(nanos)));
    let options = HistogramOptions::values(0, 1 << 20)
        .unit(Unit::Bytes)
        .export_bounds(&[1 << 10]);
    registry
        .histogram("body", "Body sizes.", options)
        .unwrap()
        .record(512);
    let options = HistogramOptions::values(0, 9);
    registry.histogram("empty", "", options).unwrap();
    registry
        .observable_summary(
            "wait",
            "Time in the queue.",
            Unit::Seconds,
            &[],
            |_, observations| {
                let summary = Summary::new(3, 6_000_000_000)
                    .quantile(0.5, 2_000_000_000)
                    .quantile(0.99, None);
                observations.observe(&[], summary).unwrap();
            },
        )
        .unwrap();
    registry
}

/// [`registry`] and another one, which has a family of the same name.
pub(crate) fn merged() -> Page {
    let second = Registry::builder()
        .without_own_metrics()
        .constant_label("zone", "c");
    let second = second.unwrap().build();
    let family = second.counter_family("http_requests", "Requests \"answered\".", &["status"]);
    family.unwrap().with(&["200"]).unwrap().add(9);
    Page::merge([registry().page(), second.page()]).unwrap()
}
