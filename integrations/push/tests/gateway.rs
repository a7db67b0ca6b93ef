//! Pushes to a real Pushgateway, which is then asked for what it has.
//!
//! Without the program the tests are ignored, and under CI they fail: `tests/needs` at the workspace's root says how.

#[path = "../../../tests/needs/mod.rs"]
mod needs;
mod process;

use epoch_metrics::{HistogramOptions, Page, Registry};
use epoch_metrics_push::PushError;
use process::Gateway;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Values that a path, base64 or the text format could take for something else.
const NASTY: [&str; 14] = [
    // What base64 has other characters for in paths than elsewhere.
    "???",
    ">>>",
    "",
    "/",
    "a/b/",
    "..",
    "%2F",
    "a b+c",
    "?query#fragment",
    "=",
    "\\\"\n\t",
    "grüße, 世界 🦀",
    "job@base64",
    " ",
];

fn main() -> ExitCode {
    let program = || needs::program("prometheus-pushgateway", "prometheus-pushgateway");
    let tests: [(&str, fn()); 4] = [
        ("a_page_comes_back", a_page_comes_back),
        ("groups_are_kept_apart", groups_are_kept_apart),
        (
            "push_replaces_add_keeps_delete_removes",
            push_replaces_add_keeps_delete_removes,
        ),
        (
            "contradictions_are_refused_and_change_nothing",
            contradictions_are_refused_and_change_nothing,
        ),
    ];
    let trials = tests.map(|(name, test)| needs::trial(name, program, test));
    needs::run_at_once(trials.into()).exit_code()
}

fn registry() -> Registry {
    Registry::builder().without_own_metrics().build()
}

/// A page with one gauge.
fn gauge(name: &str, value: i64) -> Page {
    let registry = registry();
    registry.gauge(name, "A gauge.").unwrap().set(value);
    registry.page()
}

fn a_page_comes_back() {
    let process = Gateway::start();
    let registry = registry();
    let files = registry.counter_family("files", "Files.", &["folder"]);
    let files = files.unwrap();
    for (count, folder) in (1..).zip(NASTY) {
        files.with(&[folder]).unwrap().add(count);
    }
    let ratio = registry.float_gauge("ratio", "A \\ ratio\nof \"two\".");
    ratio.unwrap().set(0.1 + 0.2);
    let options = HistogramOptions::default().export_bounds(&[1, 5, 10]);
    let size = registry.histogram("size", "Sizes.", options).unwrap();
    for sample in [1, 2, 3, 7, 100] {
        size.record(sample);
    }
    let gateway = process.job("pages").group_by("instance", "one").unwrap();
    gateway.push(&registry.page()).unwrap();

    let groups = process.groups();
    let [group] = &*groups else {
        panic!("{groups:?}")
    };
    let labels = |value: &Value| -> BTreeMap<String, String> {
        serde_json::from_value(value.clone()).unwrap()
    };
    let counters = group["files_total"]["metrics"].as_array().unwrap();
    let found: BTreeMap<_, _> = counters
        .iter()
        .map(|series| {
            let mut labels = labels(&series["labels"]);
            assert_eq!(labels.remove("job").as_deref(), Some("pages"));
            assert_eq!(labels.remove("instance").as_deref(), Some("one"));
            // For Prometheus an empty label is no label.
            let folder = labels.remove("folder").unwrap_or_default();
            assert!(labels.is_empty(), "{labels:?}");
            (folder, series["value"].as_str().unwrap().to_owned())
        })
        .collect();
    let expected = (1..).zip(NASTY);
    let expected = expected.map(|(count, folder)| (folder.to_owned(), count.to_string()));
    assert_eq!(found, expected.collect());

    assert_eq!(group["files_total"]["type"], "COUNTER");
    assert_eq!(group["ratio"]["help"], "A \\ ratio\nof \"two\".");
    let ratio = group["ratio"]["metrics"][0]["value"].as_str().unwrap();
    assert_eq!(ratio.parse::<f64>(), Ok(0.1 + 0.2));
    let size = &group["size"]["metrics"][0];
    assert_eq!((&size["count"], &size["sum"]), (&json!("5"), &json!("113")));
    let buckets = labels(&size["buckets"]);
    let buckets = ["1", "5", "10"].map(|bound| buckets[bound].clone());
    assert_eq!(buckets, ["1", "3", "4"]);
}

fn groups_are_kept_apart() {
    let process = Gateway::start();
    // As the job's name and as a label's value.
    for (number, text) in (1..).zip(NASTY) {
        if !text.is_empty() {
            let job = process.job(text);
            job.push(&gauge("job_number", number)).unwrap();
        }
        let group = process.job("labels").group_by("text", text).unwrap();
        group.push(&gauge("text_number", number)).unwrap();
    }
    let groups = process.groups();
    assert_eq!(groups.len(), 2 * NASTY.len() - 1);
    let number = |name: &str, label: &str, text: &str| {
        let label_is = |group: &&Value| {
            let found = group["labels"][label].as_str().unwrap_or_default();
            found == text && group.get(name).is_some()
        };
        let mut found = groups.iter().filter(label_is);
        let group = found
            .next()
            .unwrap_or_else(|| panic!("{name}, {label} is {text:?}"));
        assert!(found.next().is_none());
        let value = group[name]["metrics"][0]["value"].as_str().unwrap();
        value.parse::<i64>().unwrap()
    };
    for (expected, text) in (1..).zip(NASTY) {
        if !text.is_empty() {
            assert_eq!(number("job_number", "job", text), expected, "{text:?}");
        }
        assert_eq!(number("text_number", "text", text), expected, "{text:?}");
    }
}

fn push_replaces_add_keeps_delete_removes() {
    let process = Gateway::start();
    let [one, other] = ["one", "other"].map(|name| process.job(name));
    one.push(&gauge("first", 1)).unwrap();
    other.push(&gauge("first", 2)).unwrap();

    one.add(&gauge("second", 3)).unwrap();
    assert_eq!(process.values("one"), [("first", 1), ("second", 3)]);
    one.add(&gauge("second", 4)).unwrap();
    assert_eq!(process.values("one"), [("first", 1), ("second", 4)]);
    one.push(&gauge("second", 5)).unwrap();
    assert_eq!(process.values("one"), [("second", 5)]);
    one.push(&registry().page()).unwrap();
    assert_eq!(process.values("one"), []);

    one.push(&gauge("first", 6)).unwrap();
    assert_eq!(process.values("other"), [("first", 2)]);
    one.delete().unwrap();
    process.until_there_are(1);
    assert_eq!(process.values("other"), [("first", 2)]);
    // There is none any more.
    one.delete().unwrap();
    assert_eq!(process.values("other"), [("first", 2)]);
}

fn contradictions_are_refused_and_change_nothing() {
    let process = Gateway::start();
    let [one, other] = ["one", "other"].map(|name| process.job(name));
    one.push(&gauge("work_total", 1)).unwrap();
    let registry = registry();
    registry.counter("work", "A gauge.").unwrap().add(2);
    let page = registry.page();
    for result in [other.push(&page), other.add(&page)] {
        let error = result.unwrap_err();
        let PushError::Refused { status, message } = error else {
            panic!("{error}")
        };
        assert_eq!(status, 400);
        assert!(message.contains("work_total"), "{message}");
    }
    assert_eq!(process.values("one"), [("work_total", 1)]);
    assert_eq!(process.values("other"), []);
}
