//! The text formats, read back by parsers that accept nothing but what the specifications say.

#![allow(
    clippy::disallowed_types,
    reason = "the rule is for src/; a test may share a plain atomic between its threads"
)]

use epoch_metrics::{HistogramOptions, ManualClock, MetricsCollector, Registry, Unit};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

type Labels = BTreeMap<String, String>;

#[derive(Debug)]
struct Family {
    help: String,
    kind: String,
    /// Name, labels, value, in the order of the text.
    samples: Vec<(String, Labels, f64)>,
}

/// Parses Prometheus' text format 0.0.4 and panics at anything that the format, or good custom, forbids.
fn parse(text: &str) -> HashMap<String, Family> {
    assert!(text.is_empty() || text.ends_with('\n'), "the last line has no end");
    let mut families: HashMap<String, Family> = HashMap::new();
    let mut series = HashSet::new();
    let mut current = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("HELP has a name and a text");
            let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE ")).expect("TYPE comes after HELP");
            let kind =
                kind.strip_prefix(name).and_then(|kind| kind.strip_prefix(' ')).expect("TYPE of the same family");
            assert!(["counter", "gauge", "histogram", "summary"].contains(&kind), "{kind}");
            let family = Family { help: unescape(help, false), kind: kind.to_owned(), samples: Vec::new() };
            assert!(families.insert(name.to_owned(), family).is_none(), "{name} a second time");
            current = name.to_owned();
        } else {
            let (name, labels, value) = parse_sample(line);
            let family = families.get_mut(&current).expect("a family begins with HELP and TYPE");
            let suffix =
                name.strip_prefix(&*current).unwrap_or_else(|| panic!("{name} among the samples of {current}"));
            let suffixes: &[&str] = match &*family.kind {
                "histogram" => &["_bucket", "_sum", "_count"],
                "summary" => &["", "_sum", "_count"],
                _ => &[""],
            };
            assert!(suffixes.contains(&suffix), "{name} in a {}", family.kind);
            assert!(series.insert((name.clone(), labels.clone())), "{line} a second time");
            family.samples.push((name, labels, value));
        }
    }
    for (name, family) in &families {
        check_family(name, family);
    }
    families
}

fn parse_sample(line: &str) -> (String, Labels, f64) {
    let name_end = line.find(['{', ' ']).expect("a name, and what comes after it");
    let (name, mut rest) = line.split_at(name_end);
    assert!(!name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()));
    assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':'), "{name}");
    let mut labels = Labels::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"").expect("a label's name and its value");
            assert!(!label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{label}");
            let end = closing_quote(after);
            assert!(labels.insert(label.to_owned(), unescape(&after[..end], true)).is_none(), "{label} twice");
            rest = &after[end + 1..];
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            rest = rest.strip_prefix(',').expect("a comma between labels");
        }
    }
    let value = rest.strip_prefix(' ').expect("one blank before the value");
    assert!(!value.contains(' '), "no timestamps are written: {line}");
    (name.to_owned(), labels, number(value))
}

/// Where the first quote is that is not escaped.
fn closing_quote(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at,
            _ => {}
        }
    }
    panic!("no closing quote in {text}")
}

fn unescape(text: &str, quotes: bool) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next() {
                Some('\\') => '\\',
                Some('n') => '\n',
                Some('"') if quotes => '"',
                other => panic!("\\ before {other:?}"),
            },
            '"' if quotes => panic!("a bare quote"),
            c => c,
        });
    }
    out
}

fn number(text: &str) -> f64 {
    match text {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        "NaN" => f64::NAN,
        _ => {
            assert!(text.chars().all(|c| c.is_ascii_digit() || "+-.e".contains(c)), "{text} is no number");
            text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
        }
    }
}

/// `le` and `quantile` as Go's `%g`: what is there has no shorter form, an exponent only where `%g` has one, and `.0` where
/// there would be neither point nor exponent.
fn check_canonical(text: &str) {
    let value = number(text);
    if value.is_infinite() {
        assert_eq!(text, "+Inf");
        return;
    }
    let digits =
        |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>().trim_matches('0').to_owned();
    let (mantissa, exponent) = text.split_once('e').map_or((text, None), |(m, e)| (m, Some(e)));
    let shortest = format!("{value:e}");
    assert_eq!(digits(mantissa), digits(shortest.split_once('e').unwrap().0), "{text} has digits too many or too few");
    let needs_exponent = value != 0.0 && !(1e-4..1e6).contains(&value);
    assert_eq!(exponent.is_some(), needs_exponent, "{text}");
    match exponent {
        Some(exponent) => {
            assert!(exponent.starts_with(['+', '-']) && exponent.len() >= 3, "{text}: a sign and two digits");
            assert!(exponent.len() == 3 || !exponent[1..].starts_with('0'), "{text}");
            let whole = mantissa.split('.').next().unwrap();
            assert!(whole.len() == 1 && whole != "0", "{text}");
            assert!(!mantissa.contains('.') || !mantissa.ends_with('0'), "{text}");
        }
        None => {
            let (_, fraction) = mantissa.split_once('.').unwrap_or_else(|| panic!("{text} without a point"));
            assert!(fraction == "0" || !fraction.ends_with('0'), "{text}");
        }
    }
}

/// Bound or quantile (NaN where there is none), and value.
type Samples = Vec<(f64, f64)>;

fn check_family(name: &str, family: &Family) {
    assert_eq!(name.ends_with("_total"), family.kind == "counter", "{name} is a {}", family.kind);
    let mut by_series: HashMap<Labels, HashMap<&str, Samples>> = HashMap::new();
    for (sample, labels, value) in &family.samples {
        let mut labels = labels.clone();
        let mut bound = f64::NAN;
        for (kind, label) in [("histogram", "le"), ("summary", "quantile")] {
            if let Some(text) = (family.kind == kind).then(|| labels.remove(label)).flatten() {
                check_canonical(&text);
                bound = number(&text);
            }
        }
        let suffix = sample.strip_prefix(name).unwrap();
        by_series.entry(labels).or_default().entry(suffix).or_default().push((bound, *value));
        if family.kind == "counter" {
            assert!(*value >= 0.0);
        }
    }
    for (labels, samples) in by_series {
        let alone = |suffix| match samples.get(suffix).map(Vec::as_slice) {
            Some([(_, value)]) => *value,
            other => panic!("{name}{suffix} {labels:?}: {other:?}"),
        };
        if family.kind == "histogram" {
            let buckets = &samples["_bucket"];
            assert!(
                buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1),
                "{name} {buckets:?}"
            );
            assert_eq!(*buckets.last().unwrap(), (f64::INFINITY, alone("_count")), "{name}: +Inf is the count");
            alone("_sum");
        } else if family.kind == "summary" {
            assert!(samples[""].windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1), "{name}");
            alone("_sum");
            alone("_count");
        }
    }
}

/// The value of the one sample with this name and exactly these labels.
fn value(families: &HashMap<String, Family>, name: &str, labels: &[(&str, &str)]) -> f64 {
    let labels: Labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let samples = families.values().flat_map(|family| &family.samples);
    let mut found = samples.filter(|(sample, of, _)| sample == name && *of == labels);
    let (_, _, value) = found.next().unwrap_or_else(|| panic!("no {name} with {labels:?}"));
    assert!(found.next().is_none());
    *value
}

const NASTY: [&str; 9] = [
    "",
    "plain",
    "\\",
    "\"",
    "\n",
    "a\\nb",
    "\\\"\n\"\\",
    "grüße, 世界 🦀 {x=\"y\"} # HELP",
    "tab\tand\rreturn\u{1}\u{7f}",
];

fn registry_with_everything() -> Registry {
    let clock = Arc::new(ManualClock::new());
    let registry = Registry::builder().clock(clock.clone()).build();
    registry.counter("jobs", "Jobs \\ with a backslash\nand a second \"line\".").unwrap().add(u64::MAX);
    registry.gauge("queue_length", "Grüße.").unwrap().set(i64::MIN);
    for (name, value) in [
        ("ratio", 0.1 + 0.2),
        ("not_a_number", f64::NAN),
        ("upper", f64::INFINITY),
        ("lower", f64::NEG_INFINITY),
        ("tiny", 1.5e-300),
        ("huge", -1.5e300),
        ("million", 1e6),
    ] {
        registry.float_gauge(name, "A float.").unwrap().set(value);
    }
    let latency = registry.histogram("wait", "Waiting.", HistogramOptions::durations()).unwrap();
    for nanos in [1, 20_000, 1_000_000, 2_500_000_000, 3_600_000_000_000, 0, u64::MAX] {
        latency.record(nanos);
    }
    let size = HistogramOptions::values(0, u64::MAX).unit(Unit::Bytes).export_bounds(&[0, 1, 10, 1_000_000, 1 << 40]);
    let size = registry.histogram("size", "Sizes.", size).unwrap();
    for value in [0, 1, 2, 11, 12, 1 << 20, 1 << 50] {
        size.record(value);
    }
    registry.histogram("nothing", "Nobody records here.", HistogramOptions::values(0, 10)).unwrap();
    registry.counter_family("no_members", "A family without members.", &["x"]).unwrap();
    let counters = registry.counter_family("labelled", "By label.", &["one", "two"]).unwrap();
    let histograms = registry.histogram_family("spread", "By label.", HistogramOptions::values(1, 9), &["of"]).unwrap();
    for (i, text) in (1..).zip(NASTY) {
        counters.with(&[text, "same"]).unwrap().add(i);
        counters.with(&["same", text]).unwrap().add(100 * i);
        histograms.with(&[text]).unwrap().record(i);
    }
    let throughput = registry.throughput("finished", "Finished.").unwrap();
    throughput.add(5_000_000);
    clock.advance(Duration::from_secs(1));
    registry
}

#[test]
fn what_went_in_reads_back() {
    let families = parse(&registry_with_everything().render_prometheus());
    assert_eq!(families["jobs_total"].help, "Jobs \\ with a backslash\nand a second \"line\".");
    assert_eq!(families["queue_length"].help, "Grüße.");
    assert_eq!(value(&families, "jobs_total", &[]), u64::MAX as f64);
    assert_eq!(value(&families, "queue_length", &[]), i64::MIN as f64);
    assert_eq!(value(&families, "ratio", &[]), 0.1 + 0.2, "every digit that is needed");
    assert!(value(&families, "not_a_number", &[]).is_nan());
    assert_eq!((value(&families, "upper", &[]), value(&families, "lower", &[])), (f64::INFINITY, f64::NEG_INFINITY));
    assert_eq!((value(&families, "tiny", &[]), value(&families, "huge", &[])), (1.5e-300, -1.5e300));
    for (i, text) in (1..).zip(NASTY) {
        assert_eq!(value(&families, "labelled_total", &[("one", text), ("two", "same")]), f64::from(i));
        assert_eq!(value(&families, "labelled_total", &[("one", "same"), ("two", text)]), f64::from(100 * i));
        assert_eq!(value(&families, "spread_sum", &[("of", text)]), f64::from(i));
        assert_eq!(value(&families, "spread_count", &[("of", text)]), 1.0);
    }
    assert!(families["no_members_total"].samples.is_empty());
    assert_eq!(value(&families, "wait_seconds_count", &[]), 5.0);
    assert_eq!(value(&families, "wait_seconds_sum", &[]), 3602.501020001);
    assert_eq!(value(&families, "nothing_count", &[]), 0.0);
    assert_eq!(value(&families, "finished_total", &[]), 5e6);
    assert_eq!(value(&families, "finished_per_second", &[("window", "30s")]), 5e6);
    let rejected = |metric| value(&families, "epoch_metrics_rejected_values_total", &[("metric", metric)]);
    assert_eq!((rejected("wait_seconds"), rejected("size_bytes"), rejected("spread")), (2.0, 0.0, 0.0));
}

/// Each bound is where a bucket ends, so the counts are exact for the bound that is written.
#[test]
fn buckets_count_what_lies_at_or_below_their_bound() {
    let families = parse(&registry_with_everything().render_prometheus());
    let recorded = |name: &str| -> Vec<f64> {
        match name {
            "wait_seconds" => vec![1e-9, 2e-5, 1e-3, 2.5, 3600.0],
            _ => vec![0.0, 1.0, 2.0, 11.0, 12.0, (1 << 20) as f64, (1_u64 << 50) as f64],
        }
    };
    for (name, bounds) in [("wait_seconds", 23 + 1), ("size_bytes", 5 + 1)] {
        let buckets: Vec<_> = families[name].samples.iter().filter(|sample| sample.0.ends_with("_bucket")).collect();
        assert_eq!(buckets.len(), bounds, "{name}");
        for (_, labels, count) in buckets {
            let bound = number(&labels["le"]);
            let expected = recorded(name).iter().filter(|value| **value <= bound).count();
            assert_eq!(*count, expected as f64, "{name} at or below {bound}");
        }
    }
}

fn busy_collector() -> MetricsCollector {
    let clock = Arc::new(ManualClock::new());
    let collector = MetricsCollector::builder().clock(clock.clone()).build().unwrap();
    for i in 1..=2_000 {
        clock.set(Duration::from_millis(i * 10));
        collector.record_latency(Duration::from_micros(i * 37 % 5_000 + 1));
        collector.record_batch_size(i % 33);
        collector.record_throughput(i, 1);
    }
    collector.record_latency(Duration::ZERO);
    collector.record_queue_depth(12);
    collector.record_mode_transition("low");
    collector.record_mode_transition("a \"mode\" with \\ and\nnewline");
    collector
}

#[test]
fn the_collectors_text_reads_back() {
    let empty = MetricsCollector::new();
    parse(&empty.export_prometheus());
    let collector = busy_collector();
    let families = parse(&collector.export_prometheus());
    let latency = collector.latency();
    for (quantile, expected) in [("0.5", latency.p50), ("0.95", latency.p95), ("0.99", latency.p99)] {
        let shown = value(&families, "server_request_latency_recent_seconds", &[("quantile", quantile)]);
        assert_eq!(shown, expected.as_secs_f64());
    }
    assert_eq!(value(&families, "server_request_latency_seconds_count", &[]), 2_000.0);
    assert_eq!(value(&families, "server_request_latency_recent_seconds_count", &[]), 2_000.0);
    assert_eq!(value(&families, "server_batch_size_count", &[]), 2_000.0);
    assert_eq!(value(&families, "server_tokens_total", &[]), 2_001_000.0);
    assert_eq!(value(&families, "server_requests_per_second", &[("window", "5s")]), 100.0);
    assert_eq!(value(&families, "server_queue_depth", &[]), 12.0);
    assert_eq!(value(&families, "server_mode", &[("mode", "a \"mode\" with \\ and\nnewline")]), 1.0);
    assert_eq!(value(&families, "server_mode_transitions_total", &[]), 1.0);
    assert_eq!(value(&families, "server_uptime_seconds", &[]), 20.0);
    let rejected = [("metric", "server_request_latency_seconds")];
    assert_eq!(value(&families, "epoch_metrics_rejected_values_total", &rejected), 1.0);
}

#[test]
fn nothing_changed_means_the_same_text() {
    let registry = registry_with_everything();
    assert_eq!(registry.render_prometheus(), registry.render_prometheus());
    assert_eq!(registry.render_json(), registry.render_json());
    assert_eq!(Registry::new().render_prometheus(), "");
    assert_eq!(Registry::new().render_json(), "{}");
}

/// Prometheus' own checker, which also lints names. Without it the test is skipped, but never under CI.
#[test]
fn promtool_has_no_objection() {
    for (what, text) in [
        ("a registry", registry_with_everything().render_prometheus()),
        ("a collector", busy_collector().export_prometheus()),
        ("an idle collector", MetricsCollector::new().export_prometheus()),
    ] {
        let mut command = Command::new("promtool");
        command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut promtool = match command.spawn() {
            Ok(promtool) => promtool,
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "promtool does not run: {error}");
                println!("skipped: promtool does not run here ({error}); Debian has it in the package prometheus");
                return;
            }
        };
        promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = promtool.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.is_empty(), "of {what} promtool says\n{said}");
    }
}

#[test]
fn a_registrys_json_reads_back() {
    let json: serde_json::Value = serde_json::from_str(&registry_with_everything().render_json()).unwrap();
    let series = |family: &str| json[family]["series"].as_array().unwrap().clone();
    let only = |family: &str| series(family)[0]["value"].clone();
    assert_eq!(json["jobs"]["type"], "counter");
    assert_eq!(json["jobs"]["help"], "Jobs \\ with a backslash\nand a second \"line\".");
    assert_eq!(only("jobs"), u64::MAX);
    assert_eq!(only("queue_length"), i64::MIN);
    assert_eq!(only("ratio"), 0.1 + 0.2);
    for name in ["not_a_number", "upper", "lower"] {
        assert!(only(name).is_null(), "JSON has no number for {name}");
    }
    // serde_json reads floats to within one unit in the last place.
    assert!((only("tiny").as_f64().unwrap() / 1.5e-300 - 1.0).abs() < 1e-15);
    assert!((only("huge").as_f64().unwrap() / -1.5e300 - 1.0).abs() < 1e-15);
    for (i, (text, pair)) in (1_u64..).zip(NASTY.iter().zip(series("labelled").chunks(2))) {
        assert_eq!((&pair[0]["labels"]["one"], &pair[0]["value"]), (&(*text).into(), &i.into()));
        assert_eq!((&pair[1]["labels"]["two"], &pair[1]["value"]), (&(*text).into(), &(100 * i).into()));
    }
    let wait = only("wait_seconds");
    assert_eq!((&wait["count"], &wait["rejected"]), (&5.into(), &2.into()));
    assert_eq!(wait["sum"].as_f64(), Some(3602.501020001));
    assert_eq!(only("size_bytes")["count"], 7);
    assert_eq!(json["nothing"]["series"][0]["value"]["mean"], 0);
    assert_eq!(
        (&json["no_members"]["series"], &only("finished")["total"]),
        (&serde_json::json!([]), &5_000_000.into())
    );
    assert_eq!(only("finished")["per_second"]["60s"].as_f64(), Some(5e6));
}

#[test]
fn a_collectors_json_reads_back() {
    let collector = busy_collector();
    let json: serde_json::Value = serde_json::from_str(&collector.export_json()).unwrap();
    let latency = collector.latency();
    let recent = &json["latency_seconds"]["recent"];
    assert_eq!(recent["count"], 1000);
    for (key, expected) in [("p50", latency.p50), ("p99", latency.p99), ("min", latency.min), ("mean", latency.mean)] {
        assert_eq!(recent[key].as_f64(), Some(expected.as_secs_f64()), "{key}");
    }
    assert_eq!(json["latency_seconds"]["lifetime"]["count"], 2_000);
    assert_eq!(json["latency_seconds"]["lifetime"]["rejected"], 1);
    let sizes = json["batch"]["distribution"].as_array().unwrap();
    assert_eq!(sizes.len(), 33);
    assert_eq!(sizes.iter().map(|size| size["count"].as_u64().unwrap()).sum::<u64>(), 2_000);
    assert_eq!((&json["queue_depth"], &json["mode_transitions"]["count"]), (&12.into(), &1.into()));
    assert_eq!(json["mode"], "a \"mode\" with \\ and\nnewline");
    assert_eq!(json["mode_transitions"]["last"][0]["from"], "low");
    assert_eq!(json["throughput"]["tokens"]["total"], 2_001_000);
    assert!(json["timestamp_seconds"].as_f64().unwrap() > 1.6e9);
    let idle: serde_json::Value = serde_json::from_str(&MetricsCollector::new().export_json()).unwrap();
    assert!(idle["mode"].is_null());
}

#[test]
fn many_threads_render_while_others_write() {
    let collector = MetricsCollector::new();
    let family = collector.registry().counter_family("events", "By kind.", &["kind"]).unwrap();
    let running = AtomicBool::new(true);
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let (collector, family, running) = (&collector, &family, &running);
            scope.spawn(move || {
                for i in 0.. {
                    if !running.load(SeqCst) {
                        break;
                    }
                    collector.record_latency(Duration::from_nanos(i % 1_000_000));
                    collector.record_batch_size(i % 50);
                    collector.record_throughput(1, 1);
                    family.with(&[&format!("{writer} {}", i % 200)]).unwrap().inc();
                }
            });
        }
        let readers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut last = 0.0;
                    for _ in 0..60 {
                        let families = parse(&collector.export_prometheus());
                        let count = value(&families, "server_request_latency_seconds_count", &[]);
                        assert!(count >= last, "{count} after {last}");
                        last = count;
                        serde_json::from_str::<serde_json::Value>(&collector.export_json()).unwrap();
                        serde_json::from_str::<serde_json::Value>(&collector.registry().render_json()).unwrap();
                    }
                })
            })
            .collect();
        for reader in readers {
            let finished = reader.join();
            if finished.is_err() {
                // Otherwise the writers would go on, and the failure never be reported.
                running.store(false, SeqCst);
            }
            finished.unwrap();
        }
        running.store(false, SeqCst);
    });
}
