//! A registry with a metric of each kind.

use epoch_metrics::{Histogram, HistogramOptions, ManualClock, Page, Registry, Summary, Unit};
use std::sync::Arc;
use std::time::Duration;

/// When the exemplars were recorded, since 1970.
const TIME: Duration = Duration::new(1_700_000_000, 123_456_789);
pub(crate) const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
pub(crate) const SPAN: &str = "00f067aa0ba902b7";

/// One exemplar for each bucket: of a trace, of something like a trace, and of something else.
fn record_exemplars(latency: &Histogram) {
    let record = |micros, labels: &[(&str, &str)]| {
        let duration = Duration::from_micros(micros);
        latency
            .record_duration_with_exemplar(duration, labels)
            .unwrap();
    };
    let of_a_trace = [("trace_id", TRACE), ("user", "ü\""), ("span_id", SPAN)];
    record(800, &of_a_trace);
    // Too short for identifiers, too long, not hexadecimal, or nothing but zeros.
    record(5_000, &[("trace_id", SPAN), ("span_id", TRACE)]);
    record(
        70_000,
        &[
            ("trace_id", "4bf92f3577b34da6a3ce929d0e0e473g"),
            ("span_id", "0000000000000000"),
        ],
    );
}

fn registry() -> Registry {
    let clock = Arc::new(ManualClock::new());
    clock.set_unix_time(TIME);
    let builder = Registry::builder().without_own_metrics().clock(clock);
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
    let options = HistogramOptions::durations()
        .export_bounds(&bounds)
        .exemplars(true);
    let latency = registry
        .histogram("http_latency", "Time to answer.", options)
        .unwrap();
    [0, 5_000_000]
        .into_iter()
        .for_each(|nanos| latency.record_duration(Duration::from_nanos(nanos)));
    record_exemplars(&latency);
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
