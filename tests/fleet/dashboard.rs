//! The example's dashboard: its structure, and each of its queries against a Prometheus that scrapes the example.

use crate::monitor::{Prometheus, Series};
use crate::rules;
use crate::served::Server;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

/// Columns of Grafana's grid.
const COLUMNS: u64 = 24;
/// Units that the dashboard uses, by Grafana's names for them.
const UNITS: [&str; 6] = ["bytes", "ops", "percentunit", "reqps", "s", "short"];
const KINDS: [&str; 4] = ["heatmap", "row", "stat", "timeseries"];

fn dashboard() -> Value {
    let text = fs::read_to_string(rules::folder().join("dashboard.json")).expect("it is there");
    serde_json::from_str(&text).expect("it is JSON")
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key]
        .as_array()
        .unwrap_or_else(|| panic!("no list {key} in {value}"))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("no text {key} in {value}"))
}

pub(crate) fn is_sane() {
    let dashboard = dashboard();
    assert!(!text(&dashboard, "uid").is_empty() && text(&dashboard, "uid").len() <= 40);
    assert!(!text(&dashboard, "title").is_empty());
    // An id would belong to one Grafana.
    assert!(dashboard.get("id").is_none_or(Value::is_null));
    assert!(
        dashboard["schemaVersion"].as_u64() >= Some(36),
        "too old for data sources that are objects"
    );

    let variables = list(&dashboard["templating"], "list");
    let names: Vec<_> = variables.iter().map(|one| text(one, "name")).collect();
    assert_eq!(names, ["datasource", "job", "instance"]);
    assert_eq!(
        (text(&variables[0], "type"), text(&variables[0], "query")),
        ("datasource", "prometheus")
    );

    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in list(&dashboard, "panels") {
        let title = text(panel, "title");
        assert!(
            ids.insert(panel["id"].as_u64().expect("a number")),
            "{title}: its id is taken"
        );
        let place = |key: &str| panel["gridPos"][key].as_u64().expect("a number");
        let (x, y, w, h) = (place("x"), place("y"), place("w"), place("h"));
        assert!(w > 0 && h > 0 && x + w <= COLUMNS, "{title}");
        for cell in (y..y + h).flat_map(|y| (x..x + w).map(move |x| (x, y))) {
            assert!(
                taken.insert(cell),
                "{title} covers another panel at {cell:?}"
            );
        }
        let kind = text(panel, "type");
        assert!(KINDS.contains(&kind), "{title} is a {kind}");
        if kind != "row" {
            is_sane_panel(panel);
        }
    }
    assert!(ids.len() > 20, "{ids:?}");
}

fn is_sane_panel(panel: &Value) {
    let title = text(panel, "title");
    assert!(text(panel, "description").ends_with('.'), "{title}");
    let source = &panel["datasource"];
    assert_eq!(
        (text(source, "type"), text(source, "uid")),
        ("prometheus", "${datasource}")
    );
    let unit = panel["fieldConfig"]["defaults"]["unit"].as_str();
    // The mode is shown by its name.
    assert!(
        unit.is_some_and(|unit| UNITS.contains(&unit)) || title == "Mode",
        "{title}: {unit:?}"
    );
    let targets = list(panel, "targets");
    let references: BTreeSet<_> = targets.iter().map(|target| text(target, "refId")).collect();
    assert!(
        !targets.is_empty() && references.len() == targets.len(),
        "{title}"
    );
    let heatmap = text(panel, "type") == "heatmap";
    for target in targets {
        assert_eq!(target["format"] == "heatmap", heatmap, "{title}");
        let expression = text(target, "expr");
        // Each selector uses the variables.
        let selectors = expression.matches('{').count();
        for chosen in ["job=~\"$job\"", "instance=~\"$instance\""] {
            assert_eq!(
                expression.matches(chosen).count(),
                selectors,
                "{title}: {expression}"
            );
        }
        // Windows depend on the resolution.
        let windows = expression.matches('[').count();
        assert_eq!(
            expression.matches("[$__rate_interval]").count(),
            windows,
            "{title}: {expression}"
        );
    }
}

/// A query as Grafana sends it when all jobs and instances are chosen.
fn filled_in(expression: &str) -> String {
    let filled = expression.replace("$__rate_interval", "10s");
    filled.replace("$job", ".+").replace("$instance", ".+")
}

/// The names in `{{…}}`.
fn labels(legend: &str) -> impl Iterator<Item = &str> {
    let rest = legend.split("{{").skip(1);
    rest.map(|rest| rest.split("}}").next().unwrap_or_default().trim())
}

pub(crate) fn every_query_has_an_answer() {
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--load",
        "300",
        "--seconds",
        "600",
    ];
    let server = Server::start_with(&arguments);
    let targets = [&server.address];
    let config = format!(
        "global: {{scrape_interval: 500ms}}\nscrape_configs: [{{job_name: server, static_configs: [{{targets: {targets:?}}}]}}]\n"
    );
    let prometheus = Prometheus::start(&config, &[]);
    let dashboard = dashboard();
    let panels = list(&dashboard, "panels")
        .iter()
        .filter(|panel| panel["type"] != "row");
    for panel in panels {
        for target in list(panel, "targets") {
            let query = filled_in(text(target, "expr"));
            let series = prometheus.until(|| {
                answered(prometheus.query(&query)?).ok_or(format!("{query} has no answer"))
            });
            for label in labels(text(target, "legendFormat")) {
                let has = |one: &Series| !one.label(label).is_empty();
                assert!(series.iter().all(has), "no {label} in {series:?}");
            }
        }
    }
    for variable in &list(&dashboard["templating"], "list")[1..] {
        let query = text(&variable["query"], "query");
        let inner = query
            .strip_prefix("label_values(")
            .and_then(|rest| rest.strip_suffix(')'));
        let (selector, label) = inner
            .and_then(|inner| inner.rsplit_once(", "))
            .expect(query);
        let series = prometheus.query(&filled_in(selector)).expect(query);
        assert!(
            !series.is_empty() && !series[0].label(label).is_empty(),
            "{query}: {series:?}"
        );
    }
}

/// The series, if one of them has a number.
fn answered(series: Vec<Series>) -> Option<Vec<Series>> {
    let numbers = series.iter().any(|one| one.value.is_finite());
    numbers.then_some(series)
}
