//! The text formats, read back by parsers that accept nothing but what the specifications say.

mod broken;
mod fuzz;
#[cfg(feature = "gzip")]
mod gzip;
mod names;
mod negotiation;
mod openmetrics;
mod process;
#[cfg(feature = "protobuf")]
mod protobuf;
mod subjects;
mod validator;
mod wish;

use epoch_metrics::{HistogramOptions, MetricsCollector, Registry};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;
use subjects::{NASTY, busy_collector, registry_with_everything};
use validator::{Checked, number, parse, value};

#[test]
fn what_went_in_reads_back() {
    let families = parse(&registry_with_everything().checked_text());
    assert_eq!(
        families["jobs_total"].help,
        "Jobs \\ with a backslash\nand a second \"line\"."
    );
    assert_eq!(families["queue_length"].help, "Grüße.");
    for (i, text) in NASTY.iter().enumerate() {
        assert_eq!(families[&format!("help_{i}")].help, format!("Help: {text}"));
    }
    assert_eq!(value(&families, "jobs_total", &[]), u64::MAX as f64);
    assert_eq!(value(&families, "queue_length", &[]), i64::MIN as f64);
    assert_eq!(
        value(&families, "ratio", &[]),
        0.1 + 0.2,
        "every digit that is needed"
    );
    assert!(value(&families, "not_a_number", &[]).is_nan());
    assert_eq!(
        (
            value(&families, "upper", &[]),
            value(&families, "lower", &[])
        ),
        (f64::INFINITY, f64::NEG_INFINITY)
    );
    assert_eq!(
        (value(&families, "tiny", &[]), value(&families, "huge", &[])),
        (1.5e-300, -1.5e300)
    );
    for (i, text) in (1..).zip(NASTY) {
        assert_eq!(
            value(
                &families,
                "labelled_total",
                &[("one", text), ("two", "same")]
            ),
            f64::from(i)
        );
        assert_eq!(
            value(
                &families,
                "labelled_total",
                &[("one", "same"), ("two", text)]
            ),
            f64::from(100 * i)
        );
        assert_eq!(
            value(&families, "spread_sum", &[("of", text)]),
            f64::from(i)
        );
        assert_eq!(value(&families, "spread_count", &[("of", text)]), 1.0);
    }
    assert!(families["no_members_total"].samples.is_empty());
    assert_eq!(value(&families, "wait_seconds_count", &[]), 5.0);
    assert_eq!(value(&families, "wait_seconds_sum", &[]), 3602.551040001);
    assert_eq!(value(&families, "nothing_count", &[]), 0.0);
    assert_eq!(value(&families, "finished_total", &[]), 5e6);
    assert_eq!(
        value(&families, "finished_per_second", &[("window", "30s")]),
        5e6
    );
    let rejected = |labels: &[_]| value(&families, "epoch_metrics_rejected_values_total", labels);
    assert_eq!(
        (
            rejected(&[("metric", "wait_seconds")]),
            rejected(&[("metric", "size_bytes")]),
            rejected(&[("metric", "spread"), ("of", NASTY[3])])
        ),
        (2.0, 0.0, 0.0)
    );
}

/// None of these values is within half a bucket of a bound.
#[test]
fn buckets_count_what_lies_at_or_below_their_bound() {
    let families = parse(&registry_with_everything().checked_text());
    let recorded = |name: &str| -> Vec<f64> {
        match name {
            "wait_seconds" => vec![1e-9, 2e-5, 1.02e-3, 2.55, 3600.0],
            _ => vec![
                0.0,
                1.0,
                2.0,
                11.0,
                12.0,
                (1 << 20) as f64,
                (1_u64 << 50) as f64,
            ],
        }
    };
    for (name, bounds) in [("wait_seconds", 28 + 1), ("size_bytes", 5 + 1)] {
        let buckets: Vec<_> = families[name]
            .samples
            .iter()
            .filter(|sample| sample.name.ends_with("_bucket"))
            .collect();
        assert_eq!(buckets.len(), bounds, "{name}");
        for bucket in buckets {
            let bound = number(&bucket.labels["le"]).unwrap();
            let expected = recorded(name)
                .iter()
                .filter(|value| **value <= bound)
                .count();
            assert_eq!(bucket.value, expected as f64, "{name} at or below {bound}");
        }
    }
}

/// A bound inside a bucket counts the whole bucket if the bucket's end is the nearer one, and nothing of it otherwise.
#[test]
fn a_bound_cuts_at_the_nearest_end_of_a_bucket() {
    let registry = Registry::new();
    // A bucket holds 1,000 to 1,003.
    let options = HistogramOptions::values(0, 1 << 20).export_bounds(&[999, 1_000, 1_002, 1_003]);
    registry
        .histogram("sizes", "", options)
        .unwrap()
        .record(1_000);
    let families = parse(&registry.checked_text());
    let buckets = families["sizes"].samples.iter();
    let counts: Vec<f64> = buckets
        .filter(|sample| sample.name.ends_with("_bucket"))
        .map(|sample| sample.value)
        .collect();
    assert_eq!(counts, [0.0, 0.0, 1.0, 1.0, 1.0]);
}

/// Bounds are exported to the letter, whatever the digits: builds that differ in them add up by `le`.
#[test]
fn bounds_are_exported_as_they_were_asked_for() {
    let asked = [250, 5, 10, 25, 50, 100, 5].map(Duration::from_millis);
    let of_digits = |digits: u8| {
        let registry = Registry::new();
        let options = HistogramOptions::durations()
            .significant_digits(digits)
            .export_bounds(&asked);
        let latency = registry.histogram("latency", "", options).unwrap();
        (0..1000).for_each(|i| latency.record_duration(Duration::from_micros(i * 300)));
        let families = parse(&registry.checked_text());
        let buckets = families["latency_seconds"].samples.iter();
        buckets
            .filter(|sample| sample.name.ends_with("_bucket"))
            .map(|sample| (sample.labels["le"].clone(), sample.value))
            .collect::<Vec<_>>()
    };
    let builds = [1, 2, 3, 5].map(of_digits);
    let bounds = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "+Inf"];
    for buckets in &builds {
        let les: Vec<&str> = buckets.iter().map(|(le, _)| le.as_str()).collect();
        assert_eq!(les, bounds);
    }
    let sums = (0..bounds.len()).map(|i| builds.iter().map(|buckets| buckets[i].1).sum::<f64>());
    assert!(sums.collect::<Vec<_>>().is_sorted());
}

/// Prometheus' `histogram_quantile` over the default bounds is within one bucket of the truth, wherever the values lie.
#[test]
fn default_bounds_serve_quantiles_over_the_whole_range() {
    let quantile = |page: &str, name: &str, q: f64| {
        let families = parse(page);
        let buckets: Vec<(f64, f64)> = families[name]
            .samples
            .iter()
            .filter(|sample| sample.name.ends_with("_bucket"))
            .map(|sample| (number(&sample.labels["le"]).unwrap(), sample.value))
            .collect();
        let rank = q * buckets.last().unwrap().1;
        let at = buckets.partition_point(|(_, count)| *count < rank);
        let before = at.checked_sub(1).map_or(0.0, |at| buckets[at].0);
        (before, buckets[at.min(buckets.len() - 2)].0)
    };
    for max in [1, 10, 64, 1000, 1023, 1 << 20, u64::MAX] {
        let registry = Registry::new();
        let sizes = registry
            .histogram("sizes", "", HistogramOptions::values(0, max))
            .unwrap();
        let values: Vec<u64> = (600..=1000)
            .map(|part| (u128::from(max) * part / 1000) as u64)
            .collect();
        values.iter().for_each(|value| sizes.record(*value));
        let truth = values[values.len() * 99 / 100] as f64;
        let (low, high) = quantile(&registry.render_prometheus(), "sizes", 0.99);
        assert!(
            low * 0.99 <= truth && truth <= high * 1.01,
            "{truth} not in {low} to {high}"
        );
    }
    for nanos in [300, 20_000, 7_000_000, 900_000_000, 600_000_000_000] {
        let registry = Registry::new();
        let latency = registry
            .histogram("latency", "", HistogramOptions::durations())
            .unwrap();
        (0..100).for_each(|_| latency.record(nanos));
        let (low, high) = quantile(&registry.render_prometheus(), "latency_seconds", 0.5);
        let truth = nanos as f64 / 1e9;
        assert!(
            low <= truth && truth <= high,
            "{truth} not in {low} to {high}"
        );
    }
}

#[test]
fn the_collectors_text_reads_back() {
    let empty = MetricsCollector::new();
    parse(&empty.checked_text());
    let collector = busy_collector();
    let families = parse(&collector.checked_text());
    let latency = collector.latency();
    for (quantile, expected) in [
        ("0.5", latency.p50),
        ("0.95", latency.p95),
        ("0.99", latency.p99),
    ] {
        let shown = value(
            &families,
            "server_request_latency_recent_seconds",
            &[("quantile", quantile)],
        );
        assert_eq!(shown, expected.unwrap().as_secs_f64());
    }
    assert_eq!(
        value(&families, "server_request_latency_seconds_count", &[]),
        2_000.0
    );
    assert_eq!(
        value(
            &families,
            "server_request_latency_recent_seconds_count",
            &[]
        ),
        2_000.0
    );
    assert_eq!(value(&families, "server_batch_size_count", &[]), 2_000.0);
    assert_eq!(value(&families, "server_tokens_total", &[]), 2_001_000.0);
    assert_eq!(
        value(&families, "server_requests_per_second", &[("window", "5s")]),
        100.0
    );
    assert_eq!(value(&families, "server_queue_depth", &[]), 12.0);
    assert_eq!(
        value(
            &families,
            "server_mode",
            &[("mode", "a \"mode\" with \\ and\nnewline")]
        ),
        1.0
    );
    assert_eq!(value(&families, "server_mode_transitions_total", &[]), 1.0);
    assert_eq!(value(&families, "server_uptime_seconds", &[]), 20.0);
    let rejected = [("metric", "server_request_latency_seconds")];
    assert_eq!(
        value(&families, "epoch_metrics_rejected_values_total", &rejected),
        1.0
    );
}

#[test]
fn nothing_changed_means_the_same_text() {
    let registry = registry_with_everything();
    assert_eq!(registry.render_prometheus(), registry.render_prometheus());
    assert_eq!(registry.render_json(), registry.render_json());
    assert_eq!(Registry::new().render_prometheus(), "");
    assert_eq!(Registry::new().render_json(), "{}");
}

#[test]
fn a_registrys_json_reads_back() {
    let json: serde_json::Value =
        serde_json::from_str(&registry_with_everything().render_json()).unwrap();
    let series = |family: &str| json[family]["series"].as_array().unwrap().clone();
    let only = |family: &str| series(family)[0]["value"].clone();
    assert_eq!(json["jobs"]["type"], "counter");
    assert_eq!(
        json["jobs"]["help"],
        "Jobs \\ with a backslash\nand a second \"line\"."
    );
    assert_eq!(only("jobs"), u64::MAX);
    assert_eq!(only("queue_length"), i64::MIN);
    assert_eq!(only("ratio"), 0.1 + 0.2);
    for name in ["not_a_number", "upper", "lower"] {
        assert!(only(name).is_null(), "JSON has no number for {name}");
    }
    check_float(&only("tiny"), 1.5e-300);
    check_float(&only("huge"), -1.5e300);
    for (i, (text, pair)) in (1_u64..).zip(NASTY.iter().zip(series("labelled").chunks(2))) {
        assert_eq!(
            (&pair[0]["labels"]["one"], &pair[0]["value"]),
            (&(*text).into(), &i.into())
        );
        assert_eq!(
            (&pair[1]["labels"]["two"], &pair[1]["value"]),
            (&(*text).into(), &(100 * i).into())
        );
    }
    let wait = only("wait_seconds");
    assert_eq!((&wait["count"], &wait["rejected"]), (&5.into(), &2.into()));
    assert_eq!(wait["sum"].as_f64(), Some(3602.551040001));
    assert_eq!(only("size_bytes")["count"], 7);
    let nothing = only("nothing");
    for key in ["mean", "min", "max", "p50", "p90", "p95", "p99", "p999"] {
        assert!(nothing[key].is_null(), "{key} of nothing");
    }
    assert_eq!((&nothing["count"], &nothing["sum"]), (&0.into(), &0.into()));
    assert_eq!(json["no_members"]["series"], serde_json::json!([]));
    assert_eq!(only("finished"), 5_000_000);
    let rates = series("finished_per_second");
    assert_eq!(
        (&rates[2]["labels"]["window"], rates[2]["value"].as_f64()),
        (&"60s".into(), Some(5e6))
    );
}

#[test]
fn a_collectors_json_reads_back() {
    let collector = busy_collector();
    let json: serde_json::Value = serde_json::from_str(&collector.render_json()).unwrap();
    let latency = collector.latency();
    let recent = &json["latency_seconds"]["recent"];
    assert_eq!(recent["count"], 1000);
    for (key, expected) in [
        ("p50", latency.p50),
        ("p99", latency.p99),
        ("min", latency.min),
        ("mean", latency.mean),
    ] {
        assert_eq!(
            recent[key].as_f64(),
            expected.map(|expected| expected.as_secs_f64()),
            "{key}"
        );
    }
    assert_eq!(json["latency_seconds"]["lifetime"]["count"], 2_000);
    assert_eq!(json["latency_seconds"]["lifetime"]["rejected"], 1);
    let sizes = json["batch"]["distribution"].as_array().unwrap();
    assert_eq!(sizes.len(), 33);
    assert_eq!(
        sizes
            .iter()
            .map(|size| size["count"].as_u64().unwrap())
            .sum::<u64>(),
        2_000
    );
    assert_eq!(
        (&json["queue_depth"], &json["mode_transitions"]["count"]),
        (&12.into(), &1.into())
    );
    assert_eq!(json["mode"], "a \"mode\" with \\ and\nnewline");
    assert_eq!(json["mode_transitions"]["last"][0]["from"], "low");
    assert_eq!(json["throughput"]["tokens"]["total"], 2_001_000);
    assert!(json["timestamp_seconds"].as_f64().unwrap() > 1.6e9);
    let idle: serde_json::Value =
        serde_json::from_str(&MetricsCollector::new().render_json()).unwrap();
    assert!(idle["mode"].is_null());
}

#[test]
fn many_threads_render_while_others_write() {
    let collector = MetricsCollector::new();
    let family = collector
        .registry()
        .counter_family("events", "By kind.", &["kind"])
        .unwrap();
    let running = AtomicBool::new(true);
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let (collector, family, running) = (&collector, &family, &running);
            scope.spawn(move || {
                for i in (0..).take_while(|_| running.load(SeqCst)) {
                    collector.record_latency(Duration::from_nanos(i % 1_000_000));
                    collector.record_batch_size(i % 50);
                    collector.record_throughput(1, 1);
                    family
                        .with(&[&format!("{writer} {}", i % 200)])
                        .unwrap()
                        .inc();
                }
            });
        }
        let readers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut last = 0.0;
                    for _ in 0..60 {
                        let families = parse(&collector.render_prometheus());
                        let count = value(&families, "server_request_latency_seconds_count", &[]);
                        assert!(count >= last, "{count} after {last}");
                        last = count;
                        serde_json::from_str::<serde_json::Value>(&collector.render_json())
                            .unwrap();
                        serde_json::from_str::<serde_json::Value>(
                            &collector.registry().render_json(),
                        )
                        .unwrap();
                    }
                })
            })
            .collect();
        let ends: Vec<_> = readers.into_iter().map(|reader| reader.join()).collect();
        // Also when one has failed: otherwise the writers would go on, and the failure never be reported.
        running.store(false, SeqCst);
        ends.into_iter().for_each(|end| end.unwrap());
    });
}

/// serde_json reads floats to within one unit in the last place; JSON has no word for what is not finite.
fn check_float(read: &serde_json::Value, expected: f64) {
    if !expected.is_finite() {
        return assert!(read.is_null());
    }
    let read = read.as_f64().unwrap();
    assert!(
        (read - expected).abs() <= expected.abs() * 1e-15 || expected.is_subnormal(),
        "{read} for {expected}"
    );
}
