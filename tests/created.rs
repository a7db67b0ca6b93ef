//! When series were created, as OpenMetrics and protobuf tell it.

use epoch_metrics::{HistogramOptions, ManualClock, Registry};
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A registry that was built at the second 1,700,000,000, when its clock was at 5 s.
fn registry() -> (Registry, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    clock.set(5 * SECOND);
    clock.set_unix_time(1_700_000_000 * SECOND);
    let builder = Registry::builder().clock(Arc::clone(&clock) as _);
    (builder.created_samples(true).build(), clock)
}

/// The samples of a page that tell when series were created, in its order.
fn created(registry: &Registry) -> Vec<String> {
    let page = registry.render_openmetrics();
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    let created =
        samples.filter(|line| line.split(['{', ' ']).next().unwrap().ends_with("_created"));
    created.map(str::to_owned).collect()
}

#[test]
fn what_counts_tells_when_it_was_created() {
    let (registry, clock) = registry();
    registry.counter("a", "").unwrap().inc();
    clock.advance(SECOND / 2);
    registry.float_counter("b", "").unwrap().add(0.5);
    registry.gauge("c", "").unwrap();
    let options = HistogramOptions::durations().windows(&[SECOND]);
    let options = options.export_recent(true).export_windows(true);
    registry.histogram("d", "", options).unwrap();
    clock.advance(SECOND);
    registry.throughput("e", "").unwrap();
    let expected = [
        "a_created 1700000000",
        "b_created 1700000000.5",
        "d_seconds_created 1700000000.5",
        "d_recent_seconds_created 1700000000.5",
        "d_window_seconds_created{window=\"1s\"} 1700000000.5",
        "e_created 1700000001.5",
    ];
    assert_eq!(created(&registry), expected);
    let page = registry.render_openmetrics();
    assert!(page.contains("a_total 1\na_created 1700000000\n"), "{page}");
    assert!(!registry.render_prometheus().contains("_created"));
    assert!(!registry.render_json().contains("_created"));
}

#[test]
fn each_series_of_a_family_has_its_own_time() {
    let (registry, clock) = registry();
    let counters = registry.counter_family("a", "", &["x"]).unwrap();
    let floats = registry.float_counter_family("b", "", &["x"]).unwrap();
    let gauges = registry.gauge_family("c", "", &["x"]).unwrap();
    let sizes = HistogramOptions::values(0, 9);
    let sizes = registry.histogram_family("d", "", sizes, &["x"]).unwrap();
    let throughputs = registry.throughput_family("e", "", &["x"]).unwrap();
    for x in ["0", "1"] {
        counters.with(&[x]).unwrap().inc();
        floats.with(&[x]).unwrap().add(1.0);
        gauges.with(&[x]).unwrap().set(1);
        sizes.with(&[x]).unwrap().record(1);
        throughputs.with(&[x]).unwrap().add(1);
        clock.advance(SECOND);
    }
    let families = ["a", "b", "d", "e"];
    let series = |name: &str, x: &str, second: u64| {
        format!("{name}_created{{x=\"{x}\"}} {}", 1_700_000_000 + second)
    };
    let expected = |first: u64| -> Vec<String> {
        let both = |name| [series(name, "0", first), series(name, "1", 1)];
        families.into_iter().flat_map(both).collect()
    };
    assert_eq!(created(&registry), expected(0));
    // A series that is created anew gets its time anew, also where it takes the place of one that was removed.
    for _ in 0..2 {
        counters.remove(&["0"]);
        floats.remove(&["0"]);
        sizes.remove(&["0"]);
        throughputs.remove(&["0"]);
        counters.with(&["0"]).unwrap();
        floats.with(&["0"]).unwrap();
        sizes.with(&["0"]).unwrap();
        throughputs.with(&["0"]).unwrap();
    }
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    assert_eq!(sorted(created(&registry)), sorted(expected(2)));
}

#[test]
fn a_reset_begins_anew() {
    let (registry, clock) = registry();
    let sizes = HistogramOptions::values(0, 9);
    let sizes = registry.histogram("a", "", sizes).unwrap();
    let throughput = registry.throughput("b", "").unwrap();
    sizes.record(1);
    clock.advance(SECOND);
    registry.render_openmetrics();
    sizes.reset();
    clock.advance(SECOND);
    throughput.reset();
    clock.advance(SECOND);
    sizes.record(1);
    assert_eq!(
        created(&registry),
        ["a_created 1700000001", "b_created 1700000002"]
    );
}

/// The value is the first line of such a series, and is put over the old one there.
#[test]
fn a_page_that_is_patched_is_right() {
    let (registry, _) = registry();
    let family = registry.counter_family("a", "", &["x"]).unwrap();
    for value in [1, 2, 10, 1_234] {
        for x in ["0", "1"] {
            let counter = family.with(&[x]).unwrap();
            counter.add(value - counter.get());
            let page = registry.render_openmetrics();
            let series =
                format!("a_total{{x=\"{x}\"}} {value}\na_created{{x=\"{x}\"}} 1700000000\n");
            assert!(page.contains(&series), "{page}");
        }
    }
}

#[test]
fn nothing_is_told_unless_it_is_asked_for_and_known() {
    let clock = || {
        let clock = ManualClock::new();
        clock.set_unix_time(SECOND);
        Arc::new(clock)
    };
    let not_asked = Registry::builder().clock(clock()).build();
    let not_known = Registry::builder().clock(Arc::new(ManualClock::new()));
    for registry in [not_asked, not_known.created_samples(true).build()] {
        registry.counter("a", "").unwrap();
        registry
            .counter_family("b", "", &["x"])
            .unwrap()
            .with(&["1"])
            .unwrap();
        registry.throughput("c", "").unwrap();
        assert!(created(&registry).is_empty());
    }
    let registry = Registry::builder()
        .clock(clock())
        .created_samples(true)
        .build();
    registry.observable_counter_fn("a", "", || 1).unwrap();
    let sizes = HistogramOptions::values(0, 9);
    registry.histogram("b", "", sizes).unwrap().record(10);
    assert_eq!(created(&registry), ["b_created 1"]);
}
