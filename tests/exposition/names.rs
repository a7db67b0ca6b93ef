//! Names beyond ASCII letters, digits, `_` and `:`, for scrapers that take them and for those that do not.

use crate::openmetrics::samples;
use crate::process::read_by_python;
use crate::validator::{Families, OPEN_METRICS, Syntax, TEXT, valid};
use epoch_metrics::{FamilyOptions, HistogramOptions, LabelError, RegisterError, Registry};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn scraped(registry: &Registry, accept: &str, syntax: Syntax) -> Families {
    let none: [&str; 0] = [];
    let body = registry.scrape([accept], none).into_body().to_vec();
    valid(&String::from_utf8(body).unwrap(), syntax)
}

fn utf8_registry() -> Registry {
    let builder = Registry::builder().utf8_names(true).without_own_metrics();
    let builder = builder.constant_label("service.name", "a\"b").unwrap();
    builder.build()
}

const OPEN_UTF8: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8";
const TEXT_UTF8: &str = "text/plain;version=1.0.0;escaping=allow-utf-8";

#[test]
fn each_scheme_writes_names_in_its_way() {
    let registry = utf8_registry();
    let family = registry.counter_family("http.requests", "Requests.", &["http.method", "x:y"]);
    family.unwrap().with(&["GET", "1"]).unwrap().inc();
    let sizes = HistogramOptions::values(0, 10).export_bounds(&[5]);
    registry.histogram("größe", "", sizes).unwrap().record(3);
    registry.gauge("plain_one", "").unwrap();
    let shown = |accept: &str| {
        let none: [&str; 0] = [];
        let body = registry.scrape([accept], none).into_body().to_vec();
        String::from_utf8(body).unwrap()
    };
    let underscores = r#"# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{service_name="a\"b",http_method="GET",x_y="1"} 1
# HELP gr__e 
# TYPE gr__e histogram
gr__e_bucket{service_name="a\"b",le="5.0"} 1
gr__e_bucket{service_name="a\"b",le="+Inf"} 1
gr__e_sum{service_name="a\"b"} 3
gr__e_count{service_name="a\"b"} 1
# HELP plain_one 
# TYPE plain_one gauge
plain_one{service_name="a\"b"} 0
"#;
    assert_eq!(shown("text/plain"), underscores);
    assert_eq!(registry.render_prometheus(), underscores);
    let quoted = r#"# HELP "http.requests_total" Requests.
# TYPE "http.requests_total" counter
{"http.requests_total","service.name"="a\"b","http.method"="GET","x:y"="1"} 1
# HELP "größe" 
# TYPE "größe" histogram
{"größe_bucket","service.name"="a\"b",le="5.0"} 1
{"größe_bucket","service.name"="a\"b",le="+Inf"} 1
{"größe_sum","service.name"="a\"b"} 3
{"größe_count","service.name"="a\"b"} 1
# HELP plain_one 
# TYPE plain_one gauge
plain_one{"service.name"="a\"b"} 0
"#;
    assert_eq!(shown(TEXT_UTF8), quoted);
    let open = shown("application/openmetrics-text;escaping=dots");
    let start = r#"# HELP http_dot_requests_ Requests.
# TYPE http_dot_requests_ counter
http_dot_requests__total{service_dot_name="a\"b",http_dot_method="GET",x__y="1"} 1
# HELP gr____e 
"#;
    assert_eq!(&open[..start.len()], start);
    assert!(open.contains("\nplain__one{"));
    let values = shown("text/plain;version=0.0.4;escaping=values");
    let start = r#"# HELP U__http_2e_requests__total Requests.
# TYPE U__http_2e_requests__total counter
U__http_2e_requests__total{U__service_2e_name="a\"b",U__http_2e_method="GET",U__x_3a_y="1"} 1
# HELP U__gr_f6__df_e 
"#;
    assert_eq!(&values[..start.len()], start);
    let json: serde_json::Value = serde_json::from_str(&registry.render_json()).unwrap();
    assert_eq!(json["http.requests"]["series"][0]["labels"]["x:y"], "1");
}

/// Python's client library reads quoted names as the validator does.
#[test]
#[ignore = "needs Python's prometheus_client; with it: EPOCH_PYTHON=<python> cargo test --test exposition -- --ignored"]
fn pythons_client_library_reads_quoted_names() {
    let registry = utf8_registry();
    let family = registry.counter_family("http.requests", "Requests.", &["http.method"]);
    family.unwrap().with(&["G\"E\nT"]).unwrap().inc();
    let sizes = HistogramOptions::values(0, 10).export_bounds(&[5]);
    registry.histogram("größe 1", "", sizes).unwrap().record(3);
    let none: [&str; 0] = [];
    let body = registry.scrape([OPEN_UTF8], none).into_body().to_vec();
    let text = String::from_utf8(body).unwrap();
    let mut read = read_by_python("openmetrics", &text);
    read.sort();
    assert_eq!(read, samples(&valid(&text, OPEN_METRICS.with_utf8())));
}

#[test]
fn names_that_are_the_same_once_escaped_are_refused() {
    let registry = utf8_registry();
    let clash = |name: &str| {
        Err(RegisterError::Duplicate {
            name: name.to_owned(),
            differs: None,
        })
    };
    let gauge = |name: &str| registry.gauge(name, "").map(|_| ());
    gauge("a.b").unwrap();
    assert_eq!(gauge("a_b"), clash("a_b"));
    assert_eq!(gauge("a b"), clash("a_b"));
    assert_eq!(gauge("U__a_2e_b"), clash("U__a_2e_b"));
    assert!(registry.counter("c.d_total", "").is_ok());
    assert_eq!(gauge("c_d_total"), clash("c_d_total"));
    // What was refused took nothing, and what is removed gives its names back.
    assert!(registry.unregister("a.b"));
    gauge("a_b").unwrap();
    let labels = |labels: &[&str]| registry.counter_family("e", "", labels).map(|_| ());
    let twice = RegisterError::DuplicateLabelName {
        label: "x_y".to_owned(),
    };
    assert_eq!(labels(&["x.y", "x_y"]), Err(twice));
    let constant = RegisterError::DuplicateLabelName {
        label: "service_name".to_owned(),
    };
    assert_eq!(labels(&["service_name"]), Err(constant));
    for reserved in ["__a", "._a", ""] {
        let label = reserved.to_owned();
        assert_eq!(
            labels(&[reserved]),
            Err(RegisterError::InvalidLabelName { label })
        );
    }
    let name = String::new();
    assert_eq!(gauge(""), Err(RegisterError::InvalidName { name }));
}

#[test]
fn names_are_plain_unless_it_is_said_otherwise() {
    let registry = Registry::new();
    let name = "a.b".to_owned();
    let invalid = RegisterError::InvalidName { name };
    assert_eq!(registry.gauge("a.b", "").map(|_| ()), Err(invalid));
    let label = "x.y".to_owned();
    let invalid = RegisterError::InvalidLabelName { label };
    let family = registry.gauge_family("a", "", &["x.y"]).map(|_| ());
    assert_eq!(family, Err(invalid));
    assert!(Registry::builder().prefix("a.b").is_err());
}

/// The library's own metrics show a label `metric` of the user's as `exported_metric`, unless that is taken by any spelling.
#[test]
fn labels_that_make_way_find_a_name_that_is_free_for_all_scrapers() {
    let registry = Registry::builder().utf8_names(true).build();
    let labels = ["metric", "exported.metric"];
    let options = HistogramOptions::values(0, 9);
    let sizes = registry.histogram_family("size", "", options, &labels);
    sizes.unwrap().with(&["1", "2"]).unwrap().record(10);
    for scheme in ["underscores", "dots", "values"] {
        scraped(&registry, &format!("text/plain;escaping={scheme}"), TEXT);
    }
    let page = registry.render_prometheus();
    let rejected = "rejected_values_total{metric=\"size\",exported_exported_metric=\"1\",exported_metric=\"2\"} 1\n";
    assert!(page.contains(rejected), "{page}");
}

/// Names that begin, end and are made of whatever the formats treat in a special way.
fn any_name() -> impl Strategy<Value = String> {
    const PARTS: [&str; 22] = [
        "a", "b", "_", ":", ".", "0", "9", " ", "\"", "\\", "\n", "{", "}", ",", "=", "#", "é",
        "🦀", "_total", "_bucket", "U__", "_dot_",
    ];
    let parts = proptest::sample::select(&PARTS[..]);
    proptest::collection::vec(parts, 0..6).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever is accepted is a valid exposition in every format and scheme, with as many series in each.
    #[test]
    fn any_names_are_valid_in_every_format(
        names in proptest::collection::vec((any_name(), any_name(), any_name(), 0_u8..3), 1..8),
    ) {
        let registry = Registry::builder().utf8_names(true).build();
        let mut shown = BTreeSet::new();
        for (name, first, second, kind) in &names {
            let labels = [&**first, &**second];
            let values = ["1", "2"];
            match kind {
                0 => if let Ok(family) = registry.counter_family(name, name, &labels) {
                    family.with(&values).unwrap().inc();
                    shown.insert(name.strip_suffix("_total").unwrap_or(name).to_owned() + "_total");
                },
                1 => if let Ok(family) = registry.gauge_family(name, name, &labels) {
                    family.with(&values).unwrap().set(1);
                    shown.insert(name.clone());
                },
                _ => {
                    let options = HistogramOptions::values(0, 10).export_bounds(&[5]);
                    if let Ok(family) = registry.histogram_family(name, name, options, &labels) {
                        family.with(&values).unwrap().record(1);
                        shown.extend(["_bucket", "_sum", "_count"].map(|suffix| format!("{name}{suffix}")));
                    }
                }
            }
        }
        let utf8 = scraped(&registry, TEXT_UTF8, TEXT.with_utf8());
        let open = scraped(&registry, OPEN_UTF8, OPEN_METRICS.with_utf8());
        prop_assert_eq!(samples(&open), samples(&utf8));
        let read = utf8.values().flat_map(|family| &family.samples).map(|sample| sample.name.clone());
        let read = read.filter(|name| !name.starts_with("epoch_metrics_")).collect::<BTreeSet<_>>();
        prop_assert_eq!(read, shown);
        for scheme in ["underscores", "dots", "values"] {
            let text = scraped(&registry, &format!("text/plain;version=0.0.4;escaping={scheme}"), TEXT);
            let open = format!("application/openmetrics-text;escaping={scheme}");
            let open = scraped(&registry, &open, OPEN_METRICS);
            prop_assert_eq!(samples(&open), samples(&text));
            prop_assert_eq!(samples(&text).len(), samples(&utf8).len());
        }
    }
}

#[test]
fn labels_of_open_families_stay_plain() {
    let registry = utf8_registry();
    let options = FamilyOptions::any_labels();
    let family = registry.counter_family("a", "", options).unwrap();
    let label = "x.y".to_owned();
    let refused = family.with_labels(&[("x.y", "1")]).map(|_| ());
    assert_eq!(refused, Err(LabelError::InvalidLabel { label }));
}
