//! The same calls arrive in this crate's recorder and in metrics-exporter-prometheus: both pages show the same series.

mod page;

use epoch_metrics_facade::{Matcher, PrometheusBuilder};
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram};
use metrics::{gauge, histogram, with_local_recorder};
use metrics_exporter_prometheus::{
    Matcher as TheirMatcher, PrometheusBuilder as TheirBuilder, PrometheusHandle as TheirHandle,
};
use page::{Series, samples};
use std::collections::BTreeMap;

const BOUNDS: [f64; 4] = [0.005, 0.1, 1.0, 25.0];
const SIZES: [f64; 3] = [100.0, 1_000.0, 100_000.0];

/// What a program with some libraries does to its metrics.
fn program() {
    describe_counter!("http.requests", "Requests, \"all\" of them.\nBy status.");
    counter!("http.requests", "status" => "200", "method" => "GET").increment(3);
    counter!("http.requests", "method" => "GET", "status" => "200").increment(4);
    counter!("http.requests", "status.code" => "500").increment(1);
    counter!("http.requests").increment(0);
    counter!("accepted").absolute(7);
    counter!("accepted").absolute(5);
    counter!("jobs_total", "queue" => "a\"b\\c\nd").increment(1);
    counter!("1st-counter").increment(1 << 40);

    describe_counter!("sent", Unit::Bytes, "Sent.");
    counter!("sent").increment(9);
    describe_counter!("received_total", Unit::Kibibytes, "Received.");
    counter!("received_total").increment(2);
    describe_gauge!("busy", Unit::Percent, "Busy.");
    gauge!("busy").set(0.5);

    gauge!("queued").set(3.5);
    gauge!("queued").increment(2.0);
    gauge!("queued").decrement(0.25);
    gauge!("negative:gauge").set(-1.5e-7);
    gauge!("not_a_number").set(f64::NAN);
    gauge!("infinite").set(f64::INFINITY);
    describe_gauge!("queued", Unit::Count, "Requests that wait.");

    let latency = histogram!("latency", "route" => "/");
    for value in [0.001, 0.0625, 0.5, 0.75, 17.5, 1_000.0] {
        latency.record(value);
    }
    latency.record_many(0.25, 5);
    histogram!("latency", "route" => "/other").record(std::time::Duration::from_micros(1_500));
    describe_histogram!("latency", Unit::Seconds, "Time to answer.");
    describe_histogram!("body_size", Unit::Bytes, "Sizes.");
    for size in [0.0, 99.0, 5_000.0, 1e12] {
        histogram!("body_size").record(size);
    }
}

fn ours(builder: PrometheusBuilder) -> String {
    let builder = builder.set_buckets(&BOUNDS).unwrap();
    let sizes = Matcher::Prefix("body.".to_owned());
    let builder = builder.set_buckets_for_metric(sizes, &SIZES).unwrap();
    let recorder = builder.build_recorder().unwrap();
    with_local_recorder(&recorder, program);
    recorder.handle().render()
}

fn theirs(builder: TheirBuilder) -> TheirHandle {
    // Their `set_buckets` would overrule `set_buckets_for_metric` in the page's `TYPE` only.
    let builder = builder.set_buckets(&BOUNDS).unwrap();
    let sizes = TheirMatcher::Prefix("body.".to_owned());
    let builder = builder.set_buckets_for_metric(sizes, &SIZES).unwrap();
    let recorder = builder.build_recorder();
    with_local_recorder(&recorder, program);
    recorder.handle()
}

/// The samples of the program itself, without this library's own metrics; `le` as a number, since theirs is `1` and ours `1.0`.
fn comparable(page: &str) -> BTreeMap<Series, f64> {
    let samples = samples(page).into_iter();
    samples
        .filter(|((name, _), _)| !is_own(name))
        .map(|((name, labels), value)| {
            let labels = labels.into_iter().map(|(label, value)| match &*label {
                "le" => (label, value.parse::<f64>().unwrap().to_string()),
                _ => (label, value),
            });
            ((name, labels.collect()), value)
        })
        .collect()
}

/// Whether it is a metric of the libraries about themselves.
fn is_own(name: &str) -> bool {
    name.starts_with("epoch_metrics_") || name.starts_with("metrics_facade_")
}

fn assert_same(ours: &BTreeMap<Series, f64>, theirs: &BTreeMap<Series, f64>) {
    assert_eq!(
        ours.keys().collect::<Vec<_>>(),
        theirs.keys().collect::<Vec<_>>()
    );
    for (series, value) in ours {
        let other = theirs[series];
        // Their sums are rounded with each value; ours are exact.
        let rounding = if series.0.ends_with("_sum") {
            1e-12
        } else {
            0.0
        };
        let same = value == &other || value.is_nan() && other.is_nan();
        assert!(
            same || (value - other).abs() <= rounding * value.abs(),
            "{series:?}: {value} {other}"
        );
    }
}

#[test]
fn recommended_names_are_the_same() {
    let ours = comparable(&ours(
        PrometheusBuilder::new().with_recommended_naming(true),
    ));
    let theirs = TheirBuilder::new().with_recommended_naming(true);
    let mut theirs = comparable(&self::theirs(theirs).render());
    // A unit that comes after the first use is in their names, and not in ours.
    let late: Vec<Series> = theirs
        .keys()
        .filter(|(name, _)| name.starts_with("latency_"))
        .cloned()
        .collect();
    assert!(!late.is_empty());
    for (name, labels) in late {
        let value = theirs.remove(&(name.clone(), labels.clone()));
        theirs.insert((name.replace("_seconds", ""), labels), value.unwrap());
    }
    assert_same(&ours, &theirs);
    assert!(ours.keys().any(|(name, _)| name == "body_size_bytes_sum"));
    assert!(ours.len() > 30, "{}", ours.len());
}

#[test]
fn default_names_are_the_same() {
    let ours = comparable(&ours(PrometheusBuilder::new()));
    let theirs = comparable(&theirs(TheirBuilder::new()).render());
    assert_same(&ours, &theirs);
    for name in ["accepted", "jobs_total", "http_requests"] {
        assert!(ours.keys().any(|(of, _)| of == name), "{name}");
    }
}

/// The kinds, by the names of families.
#[test]
fn types_are_the_same() {
    let types = |page: &str| -> BTreeMap<String, String> {
        let lines = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let types = lines.filter_map(|line| line.split_once(' '));
        types
            .filter(|(name, _)| !is_own(name))
            .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
            .collect()
    };
    let ours = types(&ours(PrometheusBuilder::new()));
    assert_eq!(ours, types(&theirs(TheirBuilder::new()).render()));
    assert_eq!(ours.len(), 13, "{ours:?}");
}

#[test]
fn help_texts_and_global_labels_are_the_same() {
    let help = |page: &str| -> BTreeMap<String, String> {
        let lines = page.lines().filter_map(|line| line.strip_prefix("# HELP "));
        let parts = lines.filter_map(|line| line.split_once(' '));
        let described = parts.filter(|(name, help)| !help.is_empty() && !is_own(name));
        described
            .map(|(name, help)| (name.to_owned(), help.to_owned()))
            .collect()
    };
    let ours = ours(PrometheusBuilder::new().add_global_label("region", "eu"));
    let theirs = theirs(TheirBuilder::new().add_global_label("region", "eu")).render();
    assert_eq!(help(&ours), help(&theirs));
    assert_eq!(help(&ours).len(), 7);
    let labelled = |page: &str| {
        let samples = comparable(page);
        let label = ("region".to_owned(), "eu".to_owned());
        assert!(samples.keys().all(|(_, labels)| labels.contains(&label)));
        samples.len()
    };
    assert_eq!(labelled(&ours), labelled(&theirs));
}
