//! Label values and whole pages, as Prometheus gives them back.

use crate::endpoint::Endpoint;
use crate::monitor::{Labels, Moment, Prometheus, Series};
use crate::subjects::{NASTY, busy_collector, registry_with_everything, whole_process};
use crate::validator;
use epoch_metrics::{OPENMETRICS_CONTENT_TYPE, Page, Registry};

/// A series' name, labels and value. For Prometheus an empty label is no label.
type Sample = (String, Labels, String);

fn sample(name: &str, mut labels: Labels, value: f64) -> Sample {
    labels.retain(|_, value| !value.is_empty());
    (name.to_owned(), labels, format!("{value:?}"))
}

/// A series without what Prometheus adds to it.
fn scraped(series: Series, instance: &str) -> Sample {
    let mut labels = series.labels;
    assert_eq!(labels.remove("job").as_deref(), Some("test"));
    assert_eq!(labels.remove("instance").as_deref(), Some(instance));
    let name = labels.remove("__name__").expect("a name");
    sample(&name, labels, series.value)
}

/// A string of PromQL, in which every character is escaped.
fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|c| format!("\\U{:08x}", u32::from(c)))
        .collect();
    format!("\"{escaped}\"")
}

pub(crate) fn come_back() {
    come_back_from(Prometheus::scraping);
}

/// `start`: what starts the program that scrapes endpoints.
pub(crate) fn come_back_from(start: fn(&[&Endpoint]) -> Prometheus) {
    let hosts = ["a \"host\"\n", "\\b"];
    let shards = hosts.map(|host| {
        let builder = Registry::builder().prefix("app").unwrap();
        builder.constant_label("host", host).unwrap().build()
    });
    let mut expected = Vec::new();
    for (host, shard) in (1..).zip(&shards) {
        let family = shard.counter_family("labelled", "", &["one", "two"]);
        let family = family.unwrap();
        for (i, text) in (1..).zip(NASTY) {
            for (one, two, count) in [(text, "same", i), ("same", text, 100 * i)] {
                let count = 10_000 * host + count;
                family.with(&[one, two]).unwrap().add(count);
                expected.push((hosts[host as usize - 1], one, two, count as f64));
            }
        }
    }
    let text = move || {
        let page = Page::merge(shards.each_ref().map(Registry::page)).unwrap();
        page.render_prometheus()
    };
    let endpoint = Endpoint::serving(text);
    let prometheus = start(&[&endpoint]);
    let moment = prometheus.scraped(&[&endpoint]);

    let found = moment.query("app_labelled_total");
    let found = found
        .into_iter()
        .map(|series| scraped(series, &endpoint.instance()));
    let all = expected.iter().map(|&(host, one, two, count)| {
        let labels = [("host", host), ("one", one), ("two", two)];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        sample("app_labelled_total", Labels::from(labels), count)
    });
    assert_same(found.collect(), all.collect());

    for (host, one, two, count) in expected {
        let [host, one, two] = [host, one, two].map(quoted);
        let query = format!("app_labelled_total{{host={host},one={one},two={two}}}");
        assert_eq!(moment.value(&query), count, "{query}");
    }
}

pub(crate) fn every_sample_of_a_page_comes_back() {
    let pages = [
        registry_with_everything().render_prometheus(),
        busy_collector().render_prometheus(),
        whole_process().render_prometheus(),
    ];
    let endpoints = pages.each_ref().map(|page| {
        let page = page.clone();
        Endpoint::serving(move || page.clone())
    });
    let prometheus = Prometheus::scraping(&endpoints.each_ref());
    let moment = prometheus.scraped(&endpoints.each_ref());
    for (page, endpoint) in pages.iter().zip(&endpoints) {
        check_page(page, endpoint, &moment);
    }
}

/// Each page in the format that Prometheus asks for, compressed where the feature is there.
pub(crate) fn every_sample_comes_back_in_openmetrics() {
    let registry = registry_with_everything();
    let page = registry.render_prometheus();
    let (endpoint, served) = Endpoint::negotiating(registry);
    let prometheus = Prometheus::scraping(&[&endpoint]);
    let moment = prometheus.scraped(&[&endpoint]);
    check_page(&page, &endpoint, &moment);
    let encoding = if cfg!(feature = "gzip") {
        "content-encoding: gzip\r\n"
    } else {
        ""
    };
    let expected = format!("content-type: {OPENMETRICS_CONTENT_TYPE}\r\n{encoding}");
    assert_eq!(Vec::from_iter(served.lock().unwrap().iter()), [&expected]);
}

/// Every sample of the page is in the database, and there is no other one.
fn check_page(page: &str, endpoint: &Endpoint, moment: &Moment<'_>) {
    let instance = endpoint.instance();
    // What Prometheus says of the scrape itself is left out.
    let query = format!("{{instance=\"{instance}\",__name__!~\"up|scrape_.*\"}}");
    let found = moment.query(&query).into_iter();
    let samples = validator::parse(page)
        .into_values()
        .flat_map(|family| family.samples);
    let expected = samples.map(|it| sample(&it.name, it.labels, it.value));
    assert_same(
        found.map(|series| scraped(series, &instance)).collect(),
        expected.collect(),
    );
}

fn assert_same(mut found: Vec<Sample>, mut expected: Vec<Sample>) {
    found.sort();
    expected.sort();
    assert!(expected.len() > 50, "there is much to compare");
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

/// Otherwise the checks could not fail by what they wait for.
pub(crate) fn a_page_that_is_wrong_is_noticed() {
    let wrong = Endpoint::serving(|| "requests_total{path=\"a\"b\"} 1\n".to_owned());
    let right = Endpoint::serving(|| "requests_total{path=\"ab\"} 1\n".to_owned());
    let prometheus = Prometheus::scraping(&[&wrong, &right]);
    prometheus.wait_for("count(up)", 2.0);
    let moment = prometheus.wait_for("sum(up)", 1.0);
    let healthy = moment.query("up == 1");
    assert_eq!(healthy[0].label("instance"), right.instance());
    let errors = prometheus.scrape_errors().unwrap();
    assert!(errors.iter().any(|error| !error.is_empty()), "{errors:?}");
}
