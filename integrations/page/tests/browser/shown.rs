//! The page of the example server.

use crate::chromium::Browser;
use crate::served::{self, Server};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

/// A row of the table: the number of each column, `None` where the cell has none.
type Row = [Option<f64>; 5];

const LIVE: &str = "document.getElementById('state').textContent === 'Live'";

/// The table as a reader finds it: name and labels of each row, and the numbers of its cells.
const ROWS: &str = "[...document.querySelectorAll('#rows tr')].map((row) => [
    row.querySelector('.name').textContent + '{' + row.querySelector('.labels').textContent + '}',
    [...row.querySelectorAll('data')].map((data) => data.value === '' ? null : Number(data.value)),
])";

/// What changes with every read of it, or with time.
fn is_volatile(family: &str) -> bool {
    ["http_", "server_uptime", "server_snapshot", "epoch_metrics"]
        .iter()
        .any(|start| family.starts_with(start))
        || family.ends_with("_per_second")
}

fn rows(browser: &Browser) -> BTreeMap<String, Row> {
    let rows = serde_json::from_value::<Vec<(String, Row)>>(browser.value(ROWS));
    rows.expect("five numbers a row").into_iter().collect()
}

/// The rows that the table should have for what /stats says: value, rate (unknown here), p50, p99, largest.
fn expected(stats: &Value) -> BTreeMap<String, Row> {
    let families = stats["metrics"].as_object().expect("an object");
    let mut rows = BTreeMap::new();
    for (name, family) in families.iter().filter(|(name, _)| !is_volatile(name)) {
        for series in family["series"].as_array().expect("an array") {
            rows.insert(key(name, &series["labels"]), row(&series["value"]));
        }
    }
    rows
}

fn key(name: &str, labels: &Value) -> String {
    let none = Map::new();
    let labels = labels.as_object().unwrap_or(&none);
    let labels: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!("{name}{{{}}}", labels.join(", "))
}

fn row(value: &Value) -> Row {
    let quantile = |wanted: f64| {
        let quantiles = value["quantiles"].as_array()?;
        let found = quantiles.iter().find(|pair| pair[0] == wanted)?;
        found[1].as_f64()
    };
    let number = |key: &str, q: f64| value[key].as_f64().or_else(|| quantile(q));
    let whole = value.as_f64().or_else(|| value["count"].as_f64());
    [
        whole,
        None,
        number("p50", 0.5),
        number("p99", 0.99),
        number("max", 1.0),
    ]
}

fn busy_server() -> Server {
    let server = Server::start();
    for words in ["one", "two+words", "three+more+words", "and+these+are+five"] {
        assert_eq!(server.get(&format!("/infer?{words}")).status, 200);
    }
    server
}

fn open(server: &Server) -> Browser {
    let browser = Browser::start();
    browser.open(&format!("http://{}/", server.address));
    browser.wait_until(LIVE);
    browser
}

pub(crate) fn numbers_are_those_of_the_stats_page() {
    let server = busy_server();
    let browser = open(&server);
    let started = Instant::now();
    loop {
        let expected = expected(&server.get("/stats").json());
        let mut shown = rows(&browser);
        assert!(expected.len() > 12, "{expected:?}");
        shown.retain(|key, _| expected.contains_key(key));
        shown.values_mut().for_each(|row| row[1] = None);
        if shown == expected {
            break;
        }
        // The controller goes on for a moment after the last request.
        assert!(
            started.elapsed() < served::PATIENCE,
            "shown {shown:#?}, expected {expected:#?}"
        );
        thread::sleep(Duration::from_millis(200));
    }
    let latency = &rows(&browser)["server_request_latency_seconds{}"];
    assert_eq!(latency[0], Some(4.0));
    assert!(latency[2].is_some_and(|p50| p50 > 0.0), "{latency:?}");

    browser.wait_until("store.updates > 2");
    let origin = format!("http://{}/", server.address);
    let requested = browser.requested();
    let elsewhere = requested
        .iter()
        .filter(|url| !url.starts_with(&origin) && *url != "data:,");
    assert_eq!(elsewhere.collect::<Vec<_>>(), <[&String; 0]>::default());
    assert!(requested.len() > 2, "{requested:?}");
    assert_eq!(browser.complaints(), <[String; 0]>::default());
}

pub(crate) fn every_kind_of_metric_has_its_chart() {
    let server = busy_server();
    let browser = open(&server);
    for (section, chosen) in [
        ("rates", ""),
        ("durations", "server_request_latency_seconds"),
        ("sizes", "server_batch_size"),
        ("gauges", "server_queue_depth"),
        ("modes", "server_mode"),
        ("hits", "server_model_reads"),
    ] {
        let found = format!("document.querySelector('#{section} select').value");
        assert_eq!(browser.value(&found), chosen, "{section}");
        browser.wait_until(&format!(
            "!document.getElementById('{section}').hidden \
             && [...document.querySelectorAll('#{section} .plot')].every((plot) => plot.querySelector('canvas')?.width > 300) \
             && document.querySelectorAll('#{section} .legend li').length > 0"
        ));
    }
    // Two further requests: the map has a column for them, and the curve of the last minute begins.
    assert_eq!(server.get("/infer").status, 200);
    assert_eq!(server.get("/infer").status, 200);
    browser.wait_until(
        "/last minute.*p50 .*s, p90/.test(document.querySelector('#durations').textContent)",
    );
    browser.wait_until(
        "histograms[0].updates.flatMap(({ more }) => more ?? []).reduce((sum, { count }) => sum + count, 0) === 2",
    );
    // A family of counters that is chosen shows its series.
    browser.value(
        "{ const select = document.querySelector('#rates select'); select.value = 'http_requests'; \
         select.dispatchEvent(new Event('change')); }",
    );
    browser.wait_until(
        "document.querySelector('#rates .legend').textContent.includes('route=\"/page.json\", status=\"200\"')",
    );
    // The page itself is asked for once a second or so.
    browser.wait_until(
        "{ const text = [...document.querySelectorAll('#rates .legend li')].find((item) => \
           item.textContent.includes('page.json')).lastChild.textContent; \
           const rate = Number(text.replace('/s', '')); rate > 0.1 && rate < 3 }",
    );
    assert_eq!(browser.complaints(), <[String; 0]>::default());
}

/// A server that is not one of `Server`: it takes the address of another.
struct Successor(Child);

impl Drop for Successor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn a_server_that_is_gone_and_returns_is_noticed() {
    let mut server = busy_server();
    let browser = open(&server);
    server.child.kill().expect("it runs");
    browser.wait_until(
        "/^No answer from the server since \\d\\d:\\d\\d:\\d\\d/.test(document.querySelector('[role=status]').textContent)",
    );
    assert_eq!(browser.value("document.body.className"), "gone");
    let address = server.address.clone();
    let arguments = ["--listen", &address, "--load", "0", "--seconds", "60"];
    let _successor = Successor(served::command(&arguments).spawn().expect("it starts"));
    browser.wait_until(LIVE);
    assert_eq!(browser.value("document.body.className"), "");
    // The counters begin again; what went back is no rate.
    browser.wait_until(
        "store.rates(store.families.get('server_requests').ring).every((rate) => rate === null || rate >= 0)",
    );
    browser.wait_until("store.rate(store.families.get('server_requests').ring) === 0");
    assert_eq!(server.get("/infer").status, 200);
    browser.wait_until("store.families.get('server_requests').series.get('{}').value === 1");
}
