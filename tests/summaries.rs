//! Summaries that pages show beside a histogram: quantiles of its recent samples, and of its windows.

use epoch_metrics::{
    FamilyOptions, HistogramOptions, LabelError, ManualClock, OptionsError, RegisterError,
    Registry, Unit, Value,
};
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn registry() -> (Registry, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    let builder = Registry::builder().clock(Arc::clone(&clock) as _);
    (builder.without_own_metrics().build(), clock)
}

fn options() -> HistogramOptions {
    HistogramOptions::values(0, 100)
        .export_bounds(&[100])
        .recent(0)
}

fn both() -> HistogramOptions {
    let options = options().recent(2).windows(&[2 * SECOND, 30 * SECOND]);
    options.export_recent(true).export_windows(true)
}

#[test]
fn a_page_has_both_beside_the_histogram() {
    let (registry, clock) = registry();
    let sizes = registry.histogram("sizes", "Sizes.", both()).unwrap();
    [90, 10].into_iter().for_each(|size| sizes.record(size));
    clock.advance(SECOND);
    registry.tick();
    clock.advance(3 * SECOND);
    sizes.record(20);
    let expected = r#"# HELP sizes Sizes.
# TYPE sizes histogram
sizes_bucket{le="100.0"} 3
sizes_bucket{le="+Inf"} 3
sizes_sum 120
sizes_count 3
# HELP sizes_recent Sizes. Quantiles of the last samples.
# TYPE sizes_recent summary
sizes_recent{quantile="0.5"} 10
sizes_recent{quantile="0.9"} 20
sizes_recent{quantile="0.95"} 20
sizes_recent{quantile="0.99"} 20
sizes_recent{quantile="0.999"} 20
sizes_recent_sum 120
sizes_recent_count 3
# HELP sizes_window Sizes. Quantiles over the last seconds.
# TYPE sizes_window summary
sizes_window{window="2s",quantile="0.5"} 20
sizes_window{window="2s",quantile="0.9"} 20
sizes_window{window="2s",quantile="0.95"} 20
sizes_window{window="2s",quantile="0.99"} 20
sizes_window{window="2s",quantile="0.999"} 20
sizes_window_sum{window="2s"} 120
sizes_window_count{window="2s"} 3
sizes_window{window="30s",quantile="0.5"} 20
sizes_window{window="30s",quantile="0.9"} 90
sizes_window{window="30s",quantile="0.95"} 90
sizes_window{window="30s",quantile="0.99"} 90
sizes_window{window="30s",quantile="0.999"} 90
sizes_window_sum{window="30s"} 120
sizes_window_count{window="30s"} 3
"#;
    assert_eq!(registry.render_prometheus(), expected);
    let json: serde_json::Value = serde_json::from_str(&registry.render_json()).unwrap();
    let window = &json["sizes_window"]["series"][1];
    assert_eq!(window["labels"], serde_json::json!({"window": "30s"}));
    assert_eq!(
        window["value"]["quantiles"][1],
        serde_json::json!([0.9, 90])
    );
}

/// The value of a quantile on a page; `None` if it is not a number.
fn quantile(page: &str, series: &str) -> Option<f64> {
    let line = page.lines().find_map(|line| line.strip_prefix(series));
    let value: f64 = line.expect("the series is there").trim().parse().unwrap();
    (!value.is_nan()).then_some(value)
}

/// Nothing is written, and nothing ticks: the page still follows the clock.
#[test]
fn windows_move_with_time() {
    let (registry, clock) = registry();
    let family = registry.histogram_family("sizes", "", both(), &["of"]);
    let sizes = family.unwrap().with(&["a"]).unwrap();
    let median = |window: &str| {
        let series = format!("sizes_window{{of=\"a\",window=\"{window}\",quantile=\"0.5\"}}");
        quantile(&registry.render_prometheus(), &series)
    };
    assert_eq!((median("2s"), median("30s")), (None, None));
    sizes.record(7);
    for second in 0..32 {
        let holds = |window| (second <= window).then_some(7.0);
        assert_eq!(median("2s"), holds(2), "after {second} s");
        assert_eq!(median("30s"), holds(30), "after {second} s");
        clock.advance(SECOND);
    }
    // Now all windows are empty, so nothing is read again.
    let page = registry.render_prometheus();
    let snapshot = registry.snapshot();
    clock.advance(10 * SECOND);
    assert!(Arc::ptr_eq(&snapshot, &registry.snapshot()));
    assert_eq!(registry.render_prometheus(), page);
    sizes.record(8);
    assert_eq!((median("2s"), median("30s")), (Some(8.0), Some(8.0)));
}

/// Within one second nothing is read again, either.
#[test]
fn a_snapshot_stays_for_a_second() {
    let (registry, clock) = registry();
    let sizes = registry.histogram("sizes", "", both()).unwrap();
    sizes.record(7);
    let snapshot = registry.snapshot();
    clock.advance(SECOND / 2);
    assert!(Arc::ptr_eq(&snapshot, &registry.snapshot()));
    clock.advance(SECOND / 2);
    assert!(!Arc::ptr_eq(&snapshot, &registry.snapshot()));
}

#[test]
fn a_reset_empties_them() {
    let (registry, clock) = registry();
    let sizes = registry.histogram("sizes", "", both()).unwrap();
    sizes.record(7);
    registry.render_prometheus();
    clock.advance(SECOND);
    sizes.reset();
    let page = registry.render_prometheus();
    assert_eq!(quantile(&page, "sizes_recent{quantile=\"0.5\"}"), None);
    assert_eq!(
        quantile(&page, "sizes_window{window=\"30s\",quantile=\"0.5\"}"),
        None
    );
    assert_eq!(
        quantile(&page, "sizes_window_count{window=\"30s\"}"),
        Some(0.0)
    );
}

#[test]
fn the_unit_stays_at_the_end_of_the_name() {
    let (registry, _) = registry();
    let durations = || HistogramOptions::durations().windows(&[SECOND]);
    let durations = || durations().export_recent(true).export_windows(true);
    registry.histogram("wait", "", durations()).unwrap();
    registry.histogram("rest_seconds", "", durations()).unwrap();
    let bytes = options().unit(Unit::Bytes).recent(1).export_recent(true);
    registry.histogram("body", "", bytes).unwrap();
    let snapshot = registry.snapshot();
    let names: Vec<_> = snapshot.families().map(|family| family.name()).collect();
    let expected = [
        "wait_seconds",
        "wait_recent_seconds",
        "wait_window_seconds",
        "rest_seconds",
        "rest_recent_seconds",
        "rest_window_seconds",
        "body_bytes",
        "body_recent_bytes",
    ];
    assert_eq!(names, expected);
    let family = snapshot.family("wait_recent_seconds").unwrap();
    let value = family.series().next().unwrap().value();
    assert!(matches!(value, Value::Summary(_)), "{value:?}");
}

#[test]
fn their_names_are_taken_with_the_histograms() {
    let (registry, _) = registry();
    let taken = |name: &str| RegisterError::Duplicate {
        name: name.to_owned(),
        differs: None,
    };
    registry.gauge("sizes_window_count", "").unwrap();
    let refused = registry.histogram("sizes", "", both()).unwrap_err();
    assert_eq!(refused, taken("sizes_window_count"));
    // Nothing was taken.
    registry.gauge("sizes", "").unwrap();
    assert!(registry.unregister("sizes"));
    assert!(registry.unregister("sizes_window_count"));
    registry.histogram("other", "", options()).unwrap();
    let sizes = registry.histogram("sizes", "Sizes.", both()).unwrap();
    registry.histogram("last", "", both()).unwrap().record(3);
    sizes.record(4);
    assert_eq!(
        registry
            .histogram("sizes", "Sizes.", both())
            .unwrap()
            .snapshot()
            .count(),
        1
    );
    let refused = registry.gauge("sizes_recent", "").unwrap_err();
    assert_eq!(refused, taken("sizes_recent"));
    assert!(registry.describe("sizes", "Of requests."));
    let page = registry.render_prometheus();
    assert!(page.contains("# HELP sizes_window Of requests. Quantiles over the last seconds.\n"));
    assert!(registry.unregister("sizes"));
    let page = registry.render_prometheus();
    assert!(!page.contains("sizes"), "{page}");
    assert_eq!(quantile(&page, "last_recent{quantile=\"0.5\"}"), Some(3.0));
    registry.gauge("sizes_recent", "").unwrap();
}

#[test]
fn labels_that_pages_set_are_refused() {
    let (registry, _) = registry();
    let family = |name: &str, labels: &[&str]| {
        let family = registry.histogram_family(name, "", both(), labels);
        family.map(|_| ()).unwrap_err()
    };
    let label = "quantile".to_owned();
    assert_eq!(
        family("a", &["quantile"]),
        RegisterError::ReservedLabelName { label }
    );
    let label = "window".to_owned();
    assert_eq!(
        family("a", &["window"]),
        RegisterError::DuplicateLabelName { label }
    );
    let open = registry.histogram_family("b", "", both(), FamilyOptions::any_labels());
    let open = open.unwrap();
    for label in ["quantile", "window", "le"] {
        let refused = open.with_labels(&[(label, "1")]).map(|_| ()).unwrap_err();
        assert!(
            matches!(refused, LabelError::InvalidLabel { .. }),
            "{refused:?}"
        );
    }
    open.with_labels(&[("x", "1")]).unwrap().record(5);
    let page = registry.render_prometheus();
    let series = "b_window{x=\"1\",window=\"2s\",quantile=\"0.5\"}";
    assert_eq!(quantile(&page, series), Some(5.0));
    // Without these summaries such labels are as good as any other.
    registry
        .histogram_family("c", "", options(), &["window", "quantile"])
        .unwrap();
}

#[test]
fn there_must_be_something_to_show() {
    let registry = Registry::new();
    let nothing = RegisterError::Options(OptionsError::NothingToExport);
    for options in [
        options().export_recent(true),
        options().export_windows(true),
    ] {
        let refused = registry.histogram("sizes", "", options).unwrap_err();
        assert_eq!(refused, nothing);
    }
    // Members of a family keep no recent samples unless that is said.
    let durations = HistogramOptions::durations().export_recent(true);
    registry.histogram("wait", "", durations.clone()).unwrap();
    let family = registry.histogram_family("waits", "", durations, &["x"]);
    assert_eq!(family.map(|_| ()).unwrap_err(), nothing);
}
