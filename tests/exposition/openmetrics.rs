//! OpenMetrics 1.0: the same samples as in Prometheus' text format, under OpenMetrics' rules.

use crate::subjects::{busy_collector, registry_with_everything, whole_process, with_everything};
use crate::validator::{Families, OPEN_METRICS, TEXT, valid};
use epoch_metrics::{HistogramOptions, RegisterError, Registry, Summary, Unit};
use std::time::Duration;

/// Name, labels and value of a sample, as they are written.
pub(crate) type Line = (String, Vec<(String, String)>, String);

/// All samples, sorted.
pub(crate) fn samples(families: &Families) -> Vec<Line> {
    let samples = families.values().flat_map(|family| &family.samples);
    let mut samples: Vec<_> = samples
        .map(|sample| {
            let labels = sample.labels.clone().into_iter().collect();
            (sample.name.clone(), labels, sample.text.clone())
        })
        .collect();
    samples.sort();
    samples
}

#[test]
fn it_has_the_samples_of_the_text_format() {
    for page in [
        registry_with_everything().page(),
        busy_collector().page(),
        whole_process(),
    ] {
        let text = valid(&page.render_prometheus(), TEXT);
        let open = valid(&page.render_openmetrics(), OPEN_METRICS);
        assert_eq!(samples(&open), samples(&text));
        assert_eq!(open.len(), text.len());
        for (name, family) in &text {
            let base = name.strip_suffix("_total").unwrap_or(name);
            assert_eq!(
                (&open[base].help, &open[base].kind),
                (&family.help, &family.kind)
            );
        }
    }
}

/// What counts tells when it was created, each series by itself, if that is asked for; nothing else changes.
#[test]
fn a_registry_may_tell_when_series_were_created() {
    let registry = with_everything(Registry::builder().created_samples(true));
    let open = valid(&registry.render_openmetrics(), OPEN_METRICS);
    let (created, others): (Vec<Line>, Vec<Line>) = samples(&open)
        .into_iter()
        .partition(|(name, ..)| name.ends_with("_created"));
    let text = valid(&registry.render_prometheus(), TEXT);
    assert_eq!(others, samples(&text));
    let counts = |(name, labels, _): &Line| {
        let base = name.strip_suffix("_total").or(name.strip_suffix("_count"));
        let own = name.starts_with("epoch_metrics");
        base.filter(|_| !own)
            .map(|base| (base.to_owned(), labels.clone()))
    };
    let expected: Vec<_> = others.iter().filter_map(counts).collect();
    assert!(expected.len() > 50);
    let mut series = Vec::new();
    for (name, labels, value) in created {
        assert_eq!(value, "1700000000.5");
        series.push((name.strip_suffix("_created").unwrap().to_owned(), labels));
    }
    series.sort();
    let mut expected = expected;
    expected.sort();
    assert_eq!(series, expected);
}

#[test]
fn a_document_has_units_and_an_end() {
    let registry = Registry::builder().without_own_metrics().build();
    registry.counter("jobs", "Jobs \"done\".").unwrap().add(2);
    let bounds = [Duration::from_millis(5)];
    let options = HistogramOptions::durations().export_bounds(&bounds);
    let latency = registry.histogram("latency", "", options).unwrap();
    latency.record_duration(Duration::from_millis(2));
    let summary = || Summary::new(1, 7).quantile(0.5, 7);
    registry
        .observable_summary(
            "body",
            "Sizes.",
            Unit::Bytes,
            &[],
            move |_, observations| {
                observations.observe(&[], summary()).unwrap();
            },
        )
        .unwrap();
    let expected = r#"# HELP jobs Jobs \"done\".
# TYPE jobs counter
jobs_total 2
# HELP latency_seconds 
# TYPE latency_seconds histogram
# UNIT latency_seconds seconds
latency_seconds_bucket{le="0.005"} 1
latency_seconds_bucket{le="+Inf"} 1
latency_seconds_sum 0.002
latency_seconds_count 1
# HELP body_bytes Sizes.
# TYPE body_bytes summary
# UNIT body_bytes bytes
body_bytes{quantile="0.5"} 7
body_bytes_sum 7
body_bytes_count 1
# EOF
"#;
    let text = registry.render_openmetrics();
    valid(&text, OPEN_METRICS);
    assert_eq!(text, expected);
    let empty = Registry::builder().without_own_metrics().build();
    assert_eq!(empty.render_openmetrics(), "# EOF\n");
}

/// OpenMetrics keeps `_created` for the family, whether it is written or not.
#[test]
fn names_that_openmetrics_reserves_are_taken() {
    let registry = Registry::new();
    let taken = |name: &str| {
        Err(RegisterError::Duplicate {
            name: name.to_owned(),
            differs: None,
        })
    };
    let gauge = |name: &str| registry.gauge(name, "").map(|_| ());
    registry.counter("a", "").unwrap();
    assert_eq!(gauge("a_created"), taken("a_created"));
    assert_eq!(gauge("a_total"), taken("a_total"));
    gauge("b_created").unwrap();
    let options = HistogramOptions::default();
    let histogram = registry.histogram("b", "", options).map(|_| ());
    assert_eq!(histogram, taken("b_created"));
    valid(&registry.render_openmetrics(), OPEN_METRICS);
}
