//! Pages of everything that a process has: prefixes, constant labels, several registries, the library's own metrics.

#[path = "exposition/validator/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "the tests that read expositions use the rest"
)]
mod validator;

use epoch_metrics::{
    HistogramOptions, MetricsCollector, Page, PageError, RegisterError, Registry, RegistryBuilder,
    Summary, Unit, Value,
};
use proptest::prelude::*;
use serde_json::json;
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;
use validator::Checked;

/// Every kind of metric, each with something in it.
fn fill(registry: &Registry) {
    registry.counter("jobs", "Jobs.").unwrap().add(2);
    registry.gauge("queued", "Queued.").unwrap().set(-3);
    registry.float_gauge("ratio", "Ratio.").unwrap().set(0.5);
    let sizes = registry.histogram("sizes", "Sizes.", HistogramOptions::values(0, 10));
    sizes.unwrap().record(11);
    registry.throughput("tokens", "Tokens.").unwrap().add(5);
    let family = registry.counter_family("by_kind", "By kind.", &["kind"]);
    family.unwrap().with(&["a"]).unwrap().inc();
    registry
        .observable_summary("wait", "Wait.", Unit::Seconds, &["of"], |_, out| {
            out.observe(&["b"], Summary::new(1, 1).quantile(0.5, 1))
                .unwrap();
        })
        .unwrap();
    registry
        .observable_gauge_fn("pool", "Pool.", || 4.0)
        .unwrap();
    registry
        .observable_counter_fn("seen", "Seen.", || 6)
        .unwrap();
}

#[test]
fn a_prefix_and_constant_labels_are_in_every_family_and_nothing_else_changes() {
    let plain = Registry::new();
    let builder = Registry::builder().prefix("app").unwrap();
    let builder = builder.constant_label("region", "e\"u\n").unwrap();
    let dressed = builder.constant_label("zone", "1").unwrap().build();
    fill(&plain);
    fill(&dressed);
    let mut expected = String::new();
    for line in plain.checked_text().lines() {
        let dressed = match line.strip_prefix("# ") {
            Some(comment) => {
                let (word, rest) = comment.split_once(' ').unwrap();
                format!("# {word} app_{rest}")
            }
            None => {
                let constant = "region=\"e\\\"u\\n\",zone=\"1\"";
                let (series, value) = line.rsplit_once(' ').unwrap();
                match series.split_once('{') {
                    // The rejections name their metric first; it is the dressed one.
                    Some((name, rest)) if rest.starts_with("metric=") => {
                        let rest = rest.replace("\"sizes\"", "\"app_sizes\"");
                        let rest = rest.trim_end_matches('}');
                        format!("app_{name}{{{rest},{constant}}} {value}")
                    }
                    Some((name, rest)) => format!("app_{name}{{{constant},{rest} {value}"),
                    None => format!("app_{series}{{{constant}}} {value}"),
                }
            }
        };
        expected += &(dressed + "\n");
    }
    assert_eq!(dressed.checked_text(), expected);

    let json: serde_json::Value = serde_json::from_str(&dressed.render_json()).unwrap();
    let series = &json["app_by_kind"]["series"][0];
    let labels = json!({ "region": "e\"u\n", "zone": "1", "kind": "a" });
    assert_eq!(series["labels"], labels);
    let snapshot = dressed.snapshot();
    let family = snapshot.family("app_by_kind").unwrap();
    assert_eq!(
        family
            .labels()
            .iter()
            .map(|name| &**name)
            .collect::<Vec<_>>(),
        ["kind"]
    );
    assert_eq!(family.series().next().unwrap().labels().len(), 3);
}

#[test]
fn impossible_prefixes_and_constant_labels_are_refused_where_they_are_given() {
    let builder = Registry::builder;
    for name in ["", "1a", "a-b", "ä"] {
        let error = RegisterError::InvalidName {
            name: name.to_owned(),
        };
        assert_eq!(builder().prefix(name).unwrap_err(), error);
        assert_eq!(builder().own_metrics_prefix(name).unwrap_err(), error);
    }
    for label in ["", "1a", "a:b", "__a"] {
        let error = RegisterError::InvalidLabelName {
            label: label.to_owned(),
        };
        assert_eq!(builder().constant_label(label, "").unwrap_err(), error);
    }
    let twice = |label: &str| RegisterError::DuplicateLabelName {
        label: label.to_owned(),
    };
    let builder = builder().constant_label("a", "1").unwrap();
    assert_eq!(
        builder.clone().constant_label("a", "2").unwrap_err(),
        twice("a")
    );
    let registry = builder.build();
    let refused = registry.counter_family("c", "", &["b", "a"]);
    assert_eq!(refused.unwrap_err(), twice("a"));
    registry.counter_family("c", "", &["b"]).unwrap();
}

/// A constant label is in the way only of the metrics that set a label of this name.
#[test]
fn constant_labels_meet_the_labels_that_a_page_adds() {
    let with = |label| {
        let builder = Registry::builder().constant_label(label, "1").unwrap();
        builder.build()
    };
    let reserved = |label: &str| RegisterError::ReservedLabelName {
        label: label.to_owned(),
    };
    let values = || HistogramOptions::values(0, 10);
    let (le, quantile, window) = (with("le"), with("quantile"), with("window"));
    assert_eq!(le.histogram("h", "", values()).unwrap_err(), reserved("le"));
    let summary =
        |registry: &Registry| registry.observable_summary("s", "", Unit::Unitless, &[], |_, _| ());
    assert_eq!(summary(&quantile).unwrap_err(), reserved("quantile"));
    assert_eq!(
        window.throughput("t", "").unwrap_err(),
        RegisterError::DuplicateLabelName {
            label: "window".to_owned()
        }
    );
    for registry in [&le, &window] {
        summary(registry).unwrap();
    }
    for registry in [&quantile, &window] {
        registry.histogram("h", "", values()).unwrap();
    }
    for registry in [&le, &quantile] {
        registry.throughput("t", "").unwrap();
    }
    window.counter("t", "").unwrap();
}

#[test]
fn rejections_are_counted_by_series() {
    let builder = Registry::builder().constant_label("zone", "1").unwrap();
    let registry = builder.build();
    let values = || HistogramOptions::values(0, 10);
    let family = registry.histogram_family("a", "", values(), &["of", "metric"]);
    let family = family.unwrap();
    family.with(&["x", "y"]).unwrap().record(11);
    family.with(&["x", "y"]).unwrap().record(12);
    family.with(&["x", ""]).unwrap().record(1);
    let both = registry.histogram_family("b", "", values(), &["exported_metric", "metric"]);
    both.unwrap().with(&["1", "2"]).unwrap().reject();
    let turned = registry.histogram_family("c", "", values(), &["metric", "exported_metric"]);
    turned.unwrap().with(&["2", "1"]).unwrap().reject();
    let page = registry.checked_text();
    let lines = page
        .lines()
        .filter_map(|line| line.strip_prefix("epoch_metrics_rejected_values_total"));
    let expected = [
        r#"{metric="a",zone="1",of="x",exported_metric="y"} 2"#,
        r#"{metric="a",zone="1",of="x",exported_metric=""} 0"#,
        r#"{metric="b",zone="1",exported_metric="1",exported_exported_metric="2"} 1"#,
        r#"{metric="c",zone="1",exported_exported_metric="2",exported_metric="1"} 1"#,
    ];
    assert_eq!(lines.collect::<Vec<_>>(), expected);
}

#[test]
fn a_constant_label_called_metric_makes_way_too() {
    let builder = Registry::builder().constant_label("metric", "x").unwrap();
    let registry = builder.build();
    let sizes = registry.histogram("sizes", "", HistogramOptions::values(0, 1));
    sizes.unwrap().reject();
    let line = "epoch_metrics_rejected_values_total{metric=\"sizes\",exported_metric=\"x\"} 1\n";
    assert!(registry.checked_text().contains(line));
}

#[test]
fn the_librarys_own_metrics_can_be_renamed_and_left_out() {
    let page = |builder: RegistryBuilder| {
        let registry = builder.build();
        fill(&registry);
        registry.checked_text()
    };
    let renamed = Registry::builder().prefix("app").unwrap();
    let renamed = page(renamed.own_metrics_prefix("core").unwrap());
    let line = "app_core_rejected_values_total{metric=\"app_sizes\"} 1\n";
    assert!(renamed.contains(line) && !renamed.contains("epoch"));
    let without = page(Registry::builder().without_own_metrics());
    let with = page(Registry::builder());
    let start = with.find("# HELP epoch_metrics_rejected").unwrap();
    let end = with.find("# HELP wait_seconds").unwrap();
    assert_eq!(without, with[..start].to_owned() + &with[end..]);

    // The names are those of the library only where it uses them.
    let name = "epoch_metrics_rejected_values_total";
    for builder in [
        Registry::builder().without_own_metrics(),
        Registry::builder().own_metrics_prefix("core").unwrap(),
        Registry::builder()
            .prefix("app")
            .unwrap()
            .without_own_metrics(),
    ] {
        builder.build().counter(name, "").unwrap();
    }
    let prefixed = Registry::builder().prefix("app").unwrap().build();
    let refused = prefixed.counter("epoch_metrics_callback_panics", "");
    let taken = "app_epoch_metrics_callback_panics".to_owned();
    assert_eq!(
        refused.unwrap_err(),
        RegisterError::Duplicate {
            name: taken,
            differs: None
        }
    );

    let collector = MetricsCollector::builder().without_own_metrics().build();
    assert!(!collector.unwrap().checked_text().contains("rejected"));
    let collector = MetricsCollector::builder().own_metrics_prefix("core");
    let collector = collector.unwrap().build().unwrap();
    assert!(
        collector
            .checked_text()
            .contains("core_rejected_values_total{")
    );
}

fn shard(value: &str) -> Registry {
    let builder = Registry::builder().constant_label("shard", value);
    builder.unwrap().build()
}

#[test]
fn families_of_one_name_become_one_group() {
    let (first, second) = (shard("0"), shard("1"));
    for (registry, add) in [(&first, 1), (&second, 2)] {
        registry.counter("jobs", "Jobs.").unwrap().add(add);
        let options = HistogramOptions::values(0, 100)
            .recent(0)
            .export_bounds(&[10 * add]);
        let sizes = registry.histogram("sizes", "Sizes.", options).unwrap();
        sizes.record(10 * add);
        sizes.record(101);
    }
    second.gauge("only_here", "").unwrap();
    let text = Page::merge([first.page(), second.page()])
        .unwrap()
        .checked_text();
    let expected = r#"# HELP jobs_total Jobs.
# TYPE jobs_total counter
jobs_total{shard="0"} 1
jobs_total{shard="1"} 2
# HELP sizes Sizes.
# TYPE sizes histogram
sizes_bucket{shard="0",le="10.0"} 1
sizes_bucket{shard="0",le="+Inf"} 1
sizes_sum{shard="0"} 10
sizes_count{shard="0"} 1
sizes_bucket{shard="1",le="20.0"} 1
sizes_bucket{shard="1",le="+Inf"} 1
sizes_sum{shard="1"} 20
sizes_count{shard="1"} 1
# HELP epoch_metrics_rejected_values_total Values refused because they were out of their histogram's range.
# TYPE epoch_metrics_rejected_values_total counter
epoch_metrics_rejected_values_total{metric="sizes",shard="0"} 1
epoch_metrics_rejected_values_total{metric="sizes",shard="1"} 1
# HELP only_here 
# TYPE only_here gauge
only_here{shard="1"} 0
"#;
    assert_eq!(text, expected);
}

#[test]
fn pages_that_contradict_each_other_are_typed_errors() {
    let error = |one: &dyn Fn(&Registry), other: &dyn Fn(&Registry)| {
        let (first, second) = (shard("0"), shard("1"));
        one(&first);
        other(&second);
        let merge = |a: &Registry, b: &Registry| Page::merge([a.page(), b.page()]).unwrap_err();
        let (error, back) = (merge(&first, &second), merge(&second, &first));
        assert_eq!(
            std::mem::discriminant(&error),
            std::mem::discriminant(&back)
        );
        assert!(
            error.to_string().contains("\"a"),
            "it names the family: {error}"
        );
        error
    };
    let family = || "a".to_owned();
    let counter = |registry: &Registry| drop(registry.counter("a", "A.").unwrap());
    let gauge = |name: &'static str, help: &'static str| {
        move |registry: &Registry| drop(registry.gauge(name, help).unwrap())
    };
    let histogram = |name: &'static str, unit| {
        move |registry: &Registry| {
            let options = HistogramOptions::values(0, 10).unit(unit);
            drop(registry.histogram(name, "A.", options).unwrap());
        }
    };
    let kinds = PageError::DifferentKinds { family: family() };
    assert_eq!(error(&counter, &gauge("a", "A.")), kinds);
    assert_eq!(
        error(&gauge("a", "A."), &histogram("a", Unit::Unitless)),
        kinds
    );
    let observed = |registry: &Registry| {
        // It reports nothing, and its name stays its own all the same.
        registry
            .observable_summary("a", "A.", Unit::Unitless, &[], |_, _| ())
            .unwrap();
    };
    assert_eq!(error(&observed, &counter), kinds);
    assert_eq!(
        error(&gauge("a", "A."), &gauge("a", "B.")),
        PageError::DifferentHelp { family: family() }
    );
    assert_eq!(
        error(
            &histogram("a_bytes", Unit::Bytes),
            &histogram("a_bytes", Unit::Unitless)
        ),
        PageError::DifferentUnits {
            family: "a_bytes".to_owned()
        }
    );
    let taken = |family: &str, name: &str| PageError::NameTaken {
        family: family.to_owned(),
        name: name.to_owned(),
    };
    assert_eq!(
        error(&counter, &gauge("a_total", "")),
        taken("a_total", "a_total")
    );
    for suffix in ["a_bucket", "a_sum", "a_count"] {
        assert_eq!(
            error(&histogram("a", Unit::Unitless), &gauge(suffix, "")),
            taken(suffix, suffix)
        );
    }
    assert_eq!(
        error(&observed, &gauge("a_count", "")),
        taken("a_count", "a_count"),
        "whether it reports something or not"
    );
}

#[test]
fn a_series_comes_once() {
    let page = |labels: &[&'static str], values: &[&str]| {
        let registry = Registry::new();
        let family = registry.counter_family("a", "", labels).unwrap();
        family.with(values).unwrap();
        registry.page()
    };
    let both = |one: Page, other: Page| Page::merge([one, other]).map(|page| page.render_json());
    let twice = Err(PageError::DuplicateSeries {
        family: "a".to_owned(),
        labels: vec![
            ("x".to_owned(), "1".to_owned()),
            ("y".to_owned(), "2".to_owned()),
        ],
    });
    let one = || page(&["x", "y"], &["1", "2"]);
    assert_eq!(both(one(), one()), twice);
    assert_eq!(both(one(), page(&["y", "x"], &["2", "1"])), twice);
    // A label without a value is none, for a monitoring server.
    assert_eq!(both(one(), page(&["y", "z", "x"], &["2", "", "1"])), twice);
    assert!(both(one(), page(&["x", "y"], &["2", "1"])).is_ok());
    // Families without series have nothing to repeat.
    let empty = || {
        let registry = Registry::new();
        registry.counter_family("a", "", &["x"]).unwrap();
        registry.page()
    };
    assert!(both(empty(), empty()).is_ok());
}

#[test]
fn the_librarys_own_counters_add_up() {
    let page = |state: &'static str, panics: u64| {
        let registry = Registry::new();
        let failing = std::sync::atomic::AtomicU64::new(panics);
        registry
            .observable_gauge("pool", "", &["state"], move |_, out| {
                let left = failing.load(std::sync::atomic::Ordering::Relaxed);
                if left > 0 {
                    failing.store(left - 1, std::sync::atomic::Ordering::Relaxed);
                    panic!("on purpose");
                }
                out.observe(&[state], 1.0).unwrap();
            })
            .unwrap();
        (0..panics).for_each(|_| drop(registry.page()));
        registry.page()
    };
    let merged = Page::merge([page("idle", 2), page("busy", 3), page("closed", 0)]).unwrap();
    let again = Page::merge([Page::merge([]).unwrap(), merged]).unwrap();
    let expected = "# HELP pool \n# TYPE pool gauge\npool{state=\"idle\"} 1\npool{state=\"busy\"} 1\npool{state=\"closed\"} 1\n\
        # HELP epoch_metrics_callback_panics_total Panics of observable metrics' callbacks; a page lacks the metric whose callback \
        panicked.\n# TYPE epoch_metrics_callback_panics_total counter\nepoch_metrics_callback_panics_total{metric=\"pool\"} 5\n";
    assert_eq!(again.checked_text(), expected);
    assert_eq!(again.snapshots().len(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Registries that share some names: either a typed error, or a page on which every name is introduced once, every series
    /// comes once, and every value is the one that was written.
    #[test]
    fn merged_pages_are_valid_or_typed_errors(
        metrics in proptest::collection::vec((0..3_usize, 0..4_usize, 0..6_usize, 0..2_usize), 0..10),
        prefixes in proptest::array::uniform3(0..2_usize),
    ) {
        let registries = [0, 1, 2].map(|at| {
            let builder = Registry::builder().constant_label("at", if prefixes[at] == 0 { "same" } else { "other" }).unwrap();
            if prefixes[at] == 1 { builder.prefix("p").unwrap().build() } else { builder.build() }
        });
        let mut written = BTreeMap::new();
        for (i, (at, kind, name, help)) in (1_u64..).zip(metrics) {
            let (name, help) = (["a", "b", "a_total", "a_count", "a_sum", "b_bucket"][name], ["", "Help."][help]);
            let registry = &registries[at];
            let prefix = if prefixes[at] == 1 { "p_" } else { "" };
            let counted = match kind {
                0 => registry.counter(name, help).map(|counter| counter.add(i)).is_ok(),
                1 => registry.gauge(name, help).map(|gauge| gauge.set(i as i64)).is_ok(),
                2 => registry.histogram(name, help, HistogramOptions::values(0, 100)).map(|h| h.record(i)).is_ok(),
                _ => registry.observable_counter_fn(name, help, move || i).is_ok(),
            };
            if counted {
                let base = if kind % 3 == 0 { name.strip_suffix("_total").unwrap_or(name) } else { name };
                let series = match kind { 0 | 3 => "_total", 1 => "", _ => "_sum" };
                let values: &mut Vec<(usize, u64)> = written.entry(format!("{prefix}{base}{series}")).or_default();
                match values.iter_mut().find(|(before, _)| *before == at) {
                    // The same metric, registered again.
                    Some((_, value)) => *value = if kind == 1 { i } else { *value + i },
                    None => values.push((at, i)),
                }
            }
        }
        let Ok(page) = Page::merge(registries.iter().map(Registry::page)) else {
            // Registries that share no name are never refused.
            let pages = registries.iter().map(Registry::page);
            let names = pages.flat_map(|page| names_in(&page)).filter(|name| !name.contains("epoch_metrics"));
            let mut seen = HashSet::new();
            prop_assert!(names.into_iter().any(|name| !seen.insert(name)), "refused without a reason");
            return Ok(());
        };
        let text = page.checked_text();
        let (mut introduced, mut series, mut current) = (HashSet::new(), HashSet::new(), String::new());
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                current = help.split(' ').next().unwrap().to_owned();
                prop_assert!(introduced.insert(current.clone()), "{} is introduced twice in\n{}", current, text);
            } else if !line.starts_with('#') {
                let (name, value) = line.rsplit_once(' ').unwrap();
                prop_assert!(series.insert(name.to_owned()), "{} comes twice in\n{}", name, text);
                let bare = name.split('{').next().unwrap();
                prop_assert!(bare.starts_with(&current));
                if let Some(values) = written.get(bare) {
                    let value: u64 = value.parse().unwrap();
                    prop_assert!(values.iter().any(|(_, written)| *written == value), "{}", line);
                }
            }
        }
        for (name, values) in &written {
            let lines = text.lines().filter(|line| line.split('{').next() == Some(name));
            prop_assert_eq!(lines.count(), values.len(), "{} in\n{}", name, text);
        }
        let json: serde_json::Value = serde_json::from_str(&page.render_json()).unwrap();
        prop_assert_eq!(json.as_object().unwrap().len(), introduced.len());
        prop_assert_eq!(page.render_json().matches("\"help\"").count(), introduced.len());
    }
}

/// The names of all families, in text and in JSON, and of all samples.
fn names_in(page: &Page) -> HashSet<String> {
    let name = |line: &str| {
        let line = line.strip_prefix("# TYPE ").unwrap_or(line);
        (!line.starts_with('#')).then(|| line.split(['{', ' ']).next().unwrap().to_owned())
    };
    let json: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(&page.render_json()).unwrap();
    let text = page.checked_text();
    text.lines()
        .filter_map(name)
        .chain(json.into_keys())
        .collect()
}

#[test]
fn a_collectors_constant_labels_are_in_every_family() {
    let builder = MetricsCollector::builder().constant_label("model", "small");
    let collector = builder.unwrap().build().unwrap();
    collector.record_latency(Duration::from_millis(1));
    collector.record_mode_transition("fast");
    let own = collector.registry().counter("own", "").unwrap();
    own.inc();
    let text = collector.checked_text();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.contains("model=\"small\""), "{line}");
    }
    for taken in [
        "le", "mode", "of", "quantile", "result", "section", "window",
    ] {
        let builder = MetricsCollector::builder().constant_label(taken, "1");
        assert!(builder.unwrap().build().is_err(), "{taken}");
    }
    let snapshot = collector.snapshot();
    let registry = snapshot.page.snapshots().next().unwrap();
    let family = registry.family("own").unwrap();
    assert_eq!(family.series().next().unwrap().value(), Value::Counter(1));
}
