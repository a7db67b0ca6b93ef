//! Exemplars: which samples they are of, and what pages show of them.

use epoch_metrics::{
    Clock, Exemplar, Histogram, HistogramOptions, HistogramSnapshot, ManualClock, Ownership,
    RecordError, Registry, Unit,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

/// A registry whose clock tells the time of day: half a second after the second 1,700,000,000.
fn registry() -> (Registry, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    clock.set_unix_time(Duration::from_millis(1_700_000_000_500));
    let builder = Registry::builder().clock(Arc::clone(&clock) as _);
    (builder.without_own_metrics().build(), clock)
}

fn options() -> HistogramOptions {
    let options = HistogramOptions::values(0, 1_000).export_bounds(&[10, 100]);
    options.recent(0).exemplars(true)
}

fn sizes(registry: &Registry) -> Histogram {
    registry.histogram("sizes", "Sizes.", options()).unwrap()
}

/// Values of the exemplars, and the value of the first label of each.
fn shown(snapshot: &HistogramSnapshot) -> Vec<(u64, String)> {
    let first = |it: &Exemplar| it.labels().next().map_or("", |(_, value)| value).to_owned();
    let exemplars = snapshot.exemplars();
    exemplars.map(|it| (it.value(), first(it))).collect()
}

fn is(value: u64, label: &str) -> (u64, String) {
    (value, label.to_owned())
}

#[test]
fn each_exported_bucket_has_its_newest_exemplar() {
    let (registry, _) = registry();
    let sizes = sizes(&registry);
    for (value, trace) in [(7, "a"), (10, "b"), (11, "c"), (101, "d"), (999, "e")] {
        let labels = [("trace_id", trace)];
        sizes.record_with_exemplar(value, &labels).unwrap();
    }
    sizes.record(5);
    let snapshot = sizes.snapshot();
    assert_eq!(shown(&snapshot), [is(10, "b"), is(11, "c"), is(999, "e")]);
    assert_eq!((snapshot.count(), snapshot.sum()), (6, 1_133));
    let first = snapshot.exemplars().next().unwrap();
    assert_eq!(first.time(), Some(Duration::from_millis(1_700_000_000_500)));
}

#[test]
fn a_histogram_that_does_not_ask_keeps_none() {
    let sizes = HistogramOptions::values(0, 1_000);
    let sizes = Registry::new().histogram("sizes", "", sizes).unwrap();
    // Not even labels that are wrong matter.
    assert_eq!(sizes.record_with_exemplar(7, &[("", "")]), Ok(()));
    let snapshot = sizes.snapshot();
    assert_eq!((snapshot.count(), snapshot.exemplars().len()), (1, 0));
}

#[test]
fn a_sample_is_recorded_even_if_its_exemplar_is_refused() {
    let (registry, _) = registry();
    let sizes = sizes(&registry);
    let long = "x".repeat(129 - "trace_id".len());
    // Characters count, not bytes.
    let wide = "é".repeat(128 - "trace_id".len());
    let mut count = 0;
    let mut refused = |labels: &[(&str, &str)], error| {
        count += 1;
        assert_eq!(sizes.record_with_exemplar(7, labels), Err(error));
        let snapshot = sizes.snapshot();
        assert_eq!((snapshot.count(), snapshot.exemplars().len()), (count, 0));
    };
    for name in ["", "1st", "a-b", "__name__", "grüße", "a:b"] {
        refused(&[(name, "x")], RecordError::ExemplarLabelName);
    }
    refused(&[("a", "1"), ("a", "2")], RecordError::ExemplarLabelName);
    let too_long = RecordError::ExemplarTooLong {
        chars: 129,
        max: 128,
    };
    refused(&[("trace_id", &long)], too_long);
    let out_of_range = RecordError::OutOfRange {
        value: 1_001,
        min: 0,
        max: 1_000,
    };
    for labels in [[("trace_id", "a")], [("", "a")]] {
        let recorded = sizes.record_with_exemplar(1_001, &labels);
        assert_eq!(recorded, Err(out_of_range));
    }
    let snapshot = sizes.snapshot();
    assert_eq!((snapshot.rejected(), snapshot.exemplars().len()), (2, 0));
    assert_eq!(
        sizes.record_with_exemplar(7, &[("trace_id", &wide)]),
        Ok(())
    );
    assert_eq!(sizes.record_with_exemplar(20, &[]), Ok(()));
    assert_eq!(shown(&sizes.snapshot()), [is(7, &wide), is(20, "")]);
}

#[test]
fn durations_and_timers_have_exemplars() {
    let (registry, clock) = registry();
    let options = HistogramOptions::durations().exemplars(true);
    let latency = registry.histogram("latency", "", options).unwrap();
    let ms = Duration::from_millis;
    let recorded = latency.record_duration_with_exemplar(ms(3), &[("trace_id", "a")]);
    assert_eq!(recorded, Ok(()));
    let timer = latency.start();
    clock.advance(ms(70));
    assert_eq!(timer.stop_with_exemplar(&[("trace_id", "b")]), Ok(ms(70)));
    let refused = latency.start().stop_with_exemplar(&[("", "c")]);
    assert_eq!(refused, Err(RecordError::ExemplarLabelName));
    let snapshot = latency.snapshot();
    assert_eq!(snapshot.count(), 3);
    assert_eq!(shown(&snapshot), [is(3_000_000, "a"), is(70_000_000, "b")]);
    let sizes = sizes(&registry);
    let refused = sizes.record_duration_with_exemplar(ms(3), &[]);
    assert_eq!(refused, Err(RecordError::NotADuration));
    assert_eq!(sizes.snapshot().rejected(), 1);
}

/// A snapshot that has an exemplar was rendered before without it: the series is rendered again, and nothing else is.
#[test]
fn a_page_shows_an_exemplar_at_once() {
    let (registry, _) = registry();
    let sizes = sizes(&registry);
    sizes.record(7);
    for trace in ["4bf9", "2f35", "77b3"] {
        assert!(!registry.render_openmetrics().contains(trace));
        sizes.record_with_exemplar(7, &[("x", trace)]).unwrap();
        let line = format!("# {{x=\"{trace}\"}} 7 1700000000.5\n");
        assert!(registry.render_openmetrics().contains(&line));
    }
}

#[test]
fn each_format_shows_exemplars_as_it_has_them() {
    let (registry, clock) = registry();
    let unit = options().unit(Unit::Decimal(1));
    let sizes = registry.histogram("sizes", "", unit).unwrap();
    let labels = [("trace_id", "a\"b\\c\n"), ("span_id", "é")];
    sizes.record_with_exemplar(7, &labels).unwrap();
    clock.advance(Duration::from_nanos(499_999_999));
    sizes.record_with_exemplar(101, &[]).unwrap();
    sizes.record(50);
    let page = registry.page();
    let lines = r#"sizes_bucket{le="1.0"} 1 # {trace_id="a\"b\\c\n",span_id="é"} 0.7 1700000000.5
sizes_bucket{le="10.0"} 2
sizes_bucket{le="+Inf"} 3 # {} 10.1 1700000000.999999999
"#;
    let text = page.render_openmetrics();
    assert!(text.contains(lines), "{text}");
    assert!(!page.render_prometheus().contains("# {"));
    let json: serde_json::Value = serde_json::from_str(&page.render_json()).unwrap();
    let expected = r#"[{"labels":{"trace_id":"a\"b\\c\n","span_id":"é"},"value":0.7,"time":1700000000.5},
        {"labels":{},"value":10.1,"time":1700000000.999999999}]"#;
    let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
    let value = &json["sizes"]["series"][0]["value"];
    assert_eq!(value["exemplars"], expected);
}

/// Without a time of day there is no time, in no format.
#[test]
fn a_clock_may_not_tell_the_time_of_day() {
    let clock = Arc::new(ManualClock::new());
    assert_eq!(clock.unix_time(), None);
    let registry = Registry::builder().clock(clock).build();
    let sizes = sizes(&registry);
    sizes.record_with_exemplar(7, &[("x", "a")]).unwrap();
    assert_eq!(sizes.snapshot().exemplars().next().unwrap().time(), None);
    let text = registry.render_openmetrics();
    assert!(text.contains("# {x=\"a\"} 7\n"), "{text}");
    let json = registry.render_json();
    assert!(json.contains(r#""value":7,"time":null}"#), "{json}");
}

#[test]
fn the_systems_clock_tells_the_time_of_day() {
    let sizes = sizes(&Registry::new());
    let now = || std::time::UNIX_EPOCH.elapsed().unwrap();
    let before = now();
    sizes.record_with_exemplar(7, &[]).unwrap();
    let snapshot = sizes.snapshot();
    let time = snapshot.exemplars().next().unwrap().time().unwrap();
    assert!((before..=now()).contains(&time), "{time:?}");
}

#[test]
fn a_reset_drops_exemplars() {
    for ownership in [Ownership::Always, Ownership::Never] {
        let (registry, _) = registry();
        let options = options().ownership(ownership);
        let sizes = registry.histogram("sizes", "", options).unwrap();
        sizes.record_with_exemplar(7, &[("x", "a")]).unwrap();
        sizes.record_with_exemplar(70, &[("x", "b")]).unwrap();
        let forgotten = sizes.reset();
        assert_eq!(shown(&forgotten), [is(7, "a"), is(70, "b")]);
        assert_eq!(sizes.snapshot().exemplars().len(), 0);
        sizes.record_with_exemplar(8, &[("x", "c")]).unwrap();
        assert_eq!(shown(&sizes.snapshot()), [is(8, "c")]);
        assert_eq!(shown(&sizes.try_reset().unwrap()), [is(8, "c")]);
    }
}

#[test]
fn what_is_computed_of_snapshots_has_no_exemplars() {
    let (registry, clock) = registry();
    let minute = Duration::from_secs(60);
    let family = registry.histogram_family("sizes", "", options().windows(&[minute]), &["of"]);
    let family = family.unwrap();
    let sizes = family.with(&["a"]).unwrap();
    let earlier = sizes.snapshot();
    sizes.record_with_exemplar(7, &[]).unwrap();
    let snapshot = sizes.snapshot();
    clock.advance(Duration::from_secs(1));
    let since = snapshot.since(&earlier).unwrap();
    let merged = snapshot.merge(&snapshot).unwrap();
    let window = sizes.window(minute).unwrap().snapshot;
    for computed in [
        since,
        merged,
        window,
        HistogramSnapshot::clone(&family.sum()),
    ] {
        assert!(computed.count() > 0);
        assert_eq!(computed.exemplars().len(), 0);
    }
    assert_eq!(snapshot.exemplars().len(), 1);
}

/// Snapshots and pages of two writers and resets: each exemplar is of a sample that the snapshot holds. Values tell one from the other:
/// each is recorded once between two resets.
#[test]
fn a_snapshot_holds_the_sample_of_each_exemplar() {
    const EXEMPLARS: usize = 200;
    for ownership in [Ownership::Always, Ownership::Never] {
        let (registry, _) = registry();
        let options = HistogramOptions::default().export_bounds(&[1 << 10, 1 << 13]);
        let options = options.significant_digits(4).recent(0).exemplars(true);
        let sizes = registry.histogram("sizes", "", options.ownership(ownership));
        let sizes = sizes.unwrap();
        let stopped = AtomicBool::new(false);
        thread::scope(|scope| {
            for writer in 0..2 {
                let (sizes, stopped) = (&sizes, &stopped);
                scope.spawn(move || {
                    let mut value = writer;
                    while !stopped.load(SeqCst) {
                        let label = value.to_string();
                        sizes
                            .record_with_exemplar(value, &[("value", &label)])
                            .unwrap();
                        value = (value + 2) % (1 << 14);
                    }
                });
            }
            let holds = |snapshot: &HistogramSnapshot| {
                for (value, label) in shown(snapshot) {
                    assert_eq!(label, value.to_string());
                    let held = snapshot.buckets();
                    let mut held = held.filter(|it| (it.low..=it.high).contains(&value));
                    assert!(held.next().is_some(), "{value} is missing: {snapshot:?}");
                }
                snapshot.exemplars().len()
            };
            let mut seen = 0;
            for round in 0.. {
                seen += holds(&sizes.snapshot());
                if round % 20 == 19 {
                    seen += holds(&sizes.reset());
                }
                if seen >= EXEMPLARS {
                    break;
                }
            }
            stopped.store(true, SeqCst);
        });
    }
}
