//! What the page polls, against the registry that it is made of.

use epoch_metrics::{HistogramOptions, Page, Registry, Unit};
use epoch_metrics_page::render_data;
use serde_json::Value;
use std::time::Duration;

fn data(page: &Page, query: &str) -> Value {
    let data = render_data(page, query);
    serde_json::from_str(&data).unwrap_or_else(|error| panic!("{error} in {data}"))
}

fn counts(histogram: &Value) -> u64 {
    let buckets = histogram["buckets"].as_array().expect("buckets");
    buckets.iter().filter_map(|bucket| bucket[2].as_u64()).sum()
}

#[test]
fn metrics_are_those_of_the_page() {
    let registry = Registry::new();
    let jobs = registry
        .counter_family("jobs", "Jobs.", &["queue"])
        .unwrap();
    jobs.with(&["</script>\"\\\n\0"]).unwrap().add(3);
    registry.float_gauge("load", "").unwrap().set(f64::NAN);
    let page = registry.page();
    let metrics: Value = serde_json::from_str(&page.render_json()).unwrap();
    assert_eq!(data(&page, "")["metrics"], metrics);
    assert_eq!(data(&page, "")["histograms"], Value::Array(vec![]));
}

#[test]
fn buckets_add_up_the_series_of_a_family() {
    let registry = Registry::new();
    let options = HistogramOptions::durations().significant_digits(3);
    let latency = registry
        .histogram_family("latency", "", options, &["route"])
        .unwrap();
    for (route, count) in [("/a", 700), ("/b", 300)] {
        let latency = latency.with(&[route]).unwrap();
        (1..=count).for_each(|ms| latency.record_duration(Duration::from_millis(ms)));
    }
    let data = data(&registry.page(), "histogram=latency_seconds");
    let histogram = &data["histograms"][0];
    assert_eq!(
        (counts(histogram), &histogram["places"]),
        (1_000, &9.into())
    );
    let bounds: Vec<(u64, u64)> = histogram["buckets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bucket| (bucket[0].as_u64().unwrap(), bucket[1].as_u64().unwrap()))
        .collect();
    assert!(bounds.windows(2).all(|pair| pair[0].1 < pair[1].0));
    // Ten octaves lie between 1 ms and 700 ms; a thousand values need no more buckets than these have.
    assert!(bounds.len() <= 10 * 16, "{}", bounds.len());
    let [first, last] = [bounds[0], bounds[bounds.len() - 1]];
    assert!(first.0 <= 1_000_000 && 1_000_000 <= first.1, "{first:?}");
    assert!(last.0 <= 700_000_000 && 700_000_000 <= last.1, "{last:?}");
}

#[test]
fn no_histogram_has_wider_buckets() {
    let registry = Registry::new();
    let options = HistogramOptions::values(0, u64::MAX).significant_digits(1);
    let sizes = registry.histogram("sizes", "", options).unwrap();
    let values = (0..64).flat_map(|bit| [1_u64 << bit, 3 << bit >> 1, u64::MAX >> bit]);
    values.for_each(|value| sizes.record(value));
    let data = data(&registry.page(), "histogram=sizes");
    let buckets = data["histograms"][0]["buckets"].as_array().unwrap();
    for own in sizes.snapshot().buckets() {
        let holds = |bucket: &Value| {
            bucket[0].as_u64() <= Some(own.low) && bucket[1].as_u64() >= Some(own.high)
        };
        assert!(buckets.iter().any(holds), "{own:?} in {buckets:?}");
    }
}

#[test]
fn answers_are_in_the_order_of_the_questions() {
    let registry = Registry::builder().utf8_names(true).build();
    let name = "größe & <zahl>=1";
    let options = HistogramOptions::values(0, 100).unit(Unit::Decimal(2));
    registry.histogram(name, "", options).unwrap().record(7);
    registry.counter("jobs", "").unwrap().inc();
    let encoded = "gr%C3%B6%C3%9Fe%20%26%20%3Czahl%3E%3D1";
    let query = format!("histogram=jobs&x&histogram={encoded}&histogram=none&histogram=%FF%");
    let data = data(&registry.page(), &query);
    let histograms = data["histograms"].as_array().unwrap();
    let found: Vec<bool> = histograms.iter().map(|one| !one.is_null()).collect();
    assert_eq!(found, [false, true, false, false]);
    assert_eq!(
        histograms[1].to_string(),
        r#"{"buckets":[[7,7,1]],"places":2}"#
    );
}

#[test]
fn a_query_cannot_ask_for_many() {
    let registry = Registry::new();
    let sizes = registry.histogram("sizes", "", HistogramOptions::values(0, 100));
    sizes.unwrap().record(1);
    let query = ["histogram=sizes"; 1_000].join("&");
    let data = data(&registry.page(), &query);
    assert_eq!(data["histograms"].as_array().map(Vec::len), Some(8));
}

#[test]
fn registries_on_one_page_are_added_up() {
    let registries = ["0", "1"].map(|shard| {
        let builder = Registry::builder().constant_label("shard", shard).unwrap();
        builder.build()
    });
    for registry in &registries {
        let sizes = registry.histogram("sizes", "", HistogramOptions::values(0, 100));
        sizes.unwrap().record(5);
    }
    let page = Page::merge(registries.iter().map(Registry::page)).unwrap();
    assert_eq!(counts(&data(&page, "histogram=sizes")["histograms"][0]), 2);
}
