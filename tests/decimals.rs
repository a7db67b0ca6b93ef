//! Histograms and summaries of numbers with decimal places.

use epoch_metrics::{HistogramOptions, Registry, Summary, Unit};

/// Values, sums, bounds and quantiles of decimals have their decimal point; the name gets no suffix.
#[test]
fn decimals_are_exported_with_their_point() {
    let registry = Registry::new();
    let options = HistogramOptions::default().unit(Unit::Decimal(3));
    let loads = registry
        .histogram("load", "", options.export_bounds(&[500, 1_500, 20_000]))
        .unwrap();
    [250, 1_000, 1_000]
        .into_iter()
        .for_each(|load| loads.record(load));
    registry
        .observable_summary("wait", "", Unit::Decimal(1), &[], |_, observations| {
            let summary = Summary::new(2, 25).quantile(0.5, 12);
            observations.observe(&[], summary).unwrap();
        })
        .unwrap();
    let page = registry.page();
    let text = page.render_prometheus();
    for line in [
        "load_bucket{le=\"0.5\"} 1\n",
        "load_bucket{le=\"1.5\"} 3\n",
        "load_bucket{le=\"20.0\"} 3\n",
        "load_sum 2.25\nload_count 3\n",
        "wait{quantile=\"0.5\"} 1.2\nwait_sum 2.5\nwait_count 2\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    let open = page.render_openmetrics();
    assert!(
        open.contains("load_sum 2.25\n") && !open.contains("# UNIT"),
        "{open}"
    );
    let json = page.render_json();
    assert!(
        json.contains(r#""sum":2.25,"mean":0.75,"min":0.25"#),
        "{json}"
    );
}
