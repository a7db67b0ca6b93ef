//! What the recorder does beyond what metrics-exporter-prometheus does.

mod page;

use epoch_metrics::{HistogramOptions, Registry, Unit};
use epoch_metrics_facade::{BuildError, Matcher, PrometheusBuilder, PrometheusRecorder};
use metrics::with_local_recorder;
use metrics::{counter, describe_counter, describe_histogram, gauge, histogram};
use page::samples;
use std::thread;

fn recorder() -> PrometheusRecorder {
    PrometheusBuilder::new().build_recorder().unwrap()
}

/// The value of a sample.
fn value(recorder: &PrometheusRecorder, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let owned = |(name, value): &(&str, &str)| (String::from(*name), String::from(*value));
    let mut labels: Vec<_> = labels.iter().map(owned).collect();
    labels.sort();
    let samples = samples(&recorder.handle().render());
    samples.get(&(name.to_owned(), labels)).copied()
}

fn refused(recorder: &PrometheusRecorder, metric: &str, reason: &str) -> Option<f64> {
    let labels = [("metric", metric), ("reason", reason)];
    value(recorder, "metrics_facade_refused_operations_total", &labels)
}

#[test]
fn values_that_are_no_amounts_are_counted_as_rejected() {
    let recorder = recorder();
    with_local_recorder(&recorder, || {
        let latency = histogram!("latency", "route" => "/");
        for value in [f64::NAN, -0.5, f64::INFINITY, f64::NEG_INFINITY, 2e10] {
            latency.record(value);
        }
        latency.record(0.5);
    });
    let labels = [("route", "/")];
    assert_eq!(value(&recorder, "latency_count", &labels), Some(1.0));
    assert_eq!(value(&recorder, "latency_sum", &labels), Some(0.5));
    let rejected = value(
        &recorder,
        "epoch_metrics_rejected_values_total",
        &[("metric", "latency"), ("route", "/")],
    );
    assert_eq!(rejected, Some(5.0));
}

#[test]
fn one_name_of_two_kinds_is_refused_and_counted() {
    let recorder = recorder();
    with_local_recorder(&recorder, || {
        counter!("jobs", "queue" => "a").increment(2);
        for _ in 0..2 {
            gauge!("jobs").set(1.0);
            gauge!("jobs").increment(1.0);
            gauge!("jobs").decrement(1.0);
        }
        histogram!("jobs", "queue" => "b").record_many(1.0, 3);
        gauge!("depth").set(4.0);
        counter!("depth").increment(1);
        counter!("depth").absolute(1);
        counter!("").increment(1);
    });
    assert_eq!(value(&recorder, "jobs", &[("queue", "a")]), Some(2.0));
    assert_eq!(value(&recorder, "depth", &[]), Some(4.0));
    assert_eq!(refused(&recorder, "jobs", "name_taken"), Some(9.0));
    assert_eq!(refused(&recorder, "depth", "name_taken"), Some(2.0));
    assert_eq!(refused(&recorder, "", "invalid_name"), Some(1.0));
}

#[test]
fn labels_that_clash_are_renamed() {
    let registry = Registry::builder().constant_label("region", "eu").unwrap();
    let registry = registry.build();
    let recorder = PrometheusBuilder::new()
        .registry(&registry)
        .build_recorder()
        .unwrap();
    with_local_recorder(&recorder, || {
        histogram!("latency", "le" => "x", "exported_le" => "y").record(1.0);
        counter!("jobs", "region" => "us", "__name" => "a", "" => "b").increment(1);
        // Equal once they are legal: the last one counts.
        counter!("jobs", "a.b" => "1", "a-b" => "2").increment(5);
    });
    let labels = [
        ("region", "eu"),
        ("exported_exported_le", "x"),
        ("exported_le", "y"),
    ];
    assert_eq!(value(&recorder, "latency_count", &labels), Some(1.0));
    let labels = [
        ("region", "eu"),
        ("exported_region", "us"),
        ("exported___name", "a"),
        ("exported_", "b"),
    ];
    assert_eq!(value(&recorder, "jobs", &labels), Some(1.0));
    let labels = [("region", "eu"), ("a_b", "2")];
    assert_eq!(value(&recorder, "jobs", &labels), Some(5.0));
}

#[test]
fn names_that_become_equal_share_a_series() {
    let recorder = recorder();
    with_local_recorder(&recorder, || {
        counter!("http.requests", "a.b" => "x").increment(1);
        counter!("http-requests", "a-b" => "x").increment(2);
    });
    let labels = [("a_b", "x")];
    let total = value(&recorder, "http_requests", &labels);
    assert_eq!(total, Some(3.0));
}

#[test]
fn descriptions_come_before_or_after() {
    let recorder = recorder();
    with_local_recorder(&recorder, || {
        describe_counter!("early", "Comes early.");
        counter!("early").increment(1);
        counter!("late").increment(1);
        describe_counter!("late", "Comes late.");
        describe_counter!("late", "Comes too late.");
    });
    let page = recorder.handle().render();
    assert!(page.contains("# HELP early Comes early.\n"), "{page}");
    assert!(page.contains("# HELP late Comes late.\n"), "{page}");
}

/// The unit decides how far values reach, and what the default bounds are.
#[test]
fn units_scale_values() {
    let recorder = recorder();
    with_local_recorder(&recorder, || {
        describe_histogram!("file_size", metrics::Unit::Bytes, "Sizes.");
        histogram!("file_size").record(1e18);
        describe_histogram!("wait", metrics::Unit::Milliseconds, "Time in the queue.");
        histogram!("wait").record(0.25);
        histogram!("undescribed").record(1e-9);
    });
    assert_eq!(value(&recorder, "file_size_sum", &[]), Some(1e18));
    assert_eq!(value(&recorder, "wait_sum", &[]), Some(0.25));
    assert_eq!(value(&recorder, "undescribed_sum", &[]), Some(1e-9));
    for (name, bound, count) in [
        ("wait_bucket", "0.1", 0.0),
        ("wait_bucket", "1000.0", 1.0),
        ("file_size_bucket", "1e+09", 0.0),
        ("undescribed_bucket", "1e-06", 1.0),
    ] {
        assert_eq!(
            value(&recorder, name, &[("le", bound)]),
            Some(count),
            "{name} {bound}"
        );
    }
}

/// The README's statement: a quantile is off by 10^-digits and half a step of the decimal places, at most.
#[test]
fn quantiles_err_as_stated() {
    for digits in 1..=4 {
        let recorder = PrometheusBuilder::new().significant_digits(digits);
        let recorder = recorder.build_recorder().unwrap();
        let mut values: Vec<f64> = (0..1_000).map(|i| 1e-7 * 1.0231_f64.powi(i)).collect();
        with_local_recorder(&recorder, || {
            let latency = histogram!("latency");
            values.iter().for_each(|value| latency.record(*value));
        });
        let snapshot = recorder.handle().registry().snapshot();
        let family = snapshot.family("latency").unwrap();
        let series = family.series().next().unwrap();
        let epoch_metrics::Value::Histogram(held) = series.value() else {
            panic!("{series:?}")
        };
        assert_eq!(held.unit(), Unit::Decimal(9));
        values.sort_by(f64::total_cmp);
        for rank in 1..=1_000 {
            let exact = values[rank - 1];
            let quantile = held.quantile(rank as f64 / 1_000.0).unwrap() as f64 / 1e9;
            let allowed = 10_f64.powi(-i32::from(digits)) + 1e-9 / exact;
            let error = (quantile - exact).abs() / exact;
            assert!(error <= allowed, "{digits} {exact} {quantile}");
        }
    }
}

#[test]
fn series_beyond_the_cap_overflow() {
    let builder = PrometheusBuilder::new().max_series(2);
    let recorder = builder.build_recorder().unwrap();
    with_local_recorder(&recorder, || {
        for round in 0..3 {
            for user in ["a", "b", "c", "d"] {
                counter!("requests", "user" => user).increment(1);
                gauge!("sessions", "user" => user).set(f64::from(round));
            }
        }
    });
    assert_eq!(value(&recorder, "requests", &[("user", "a")]), Some(3.0));
    assert_eq!(
        value(&recorder, "requests", &[("overflow", "overflow")]),
        Some(6.0)
    );
    // Handles of what overflows are not kept: each of these look-ups came to the family.
    let overflowed = value(
        &recorder,
        "epoch_metrics_overflowed_lookups_total",
        &[("metric", "requests")],
    );
    assert_eq!(overflowed, Some(6.0));
    assert_eq!(value(&recorder, "sessions", &[("user", "b")]), Some(2.0));
    assert_eq!(refused(&recorder, "sessions", "too_many_series"), Some(6.0));
}

#[test]
fn metrics_arrive_in_the_registry_that_was_handed_in() {
    let registry = Registry::builder().prefix("app").unwrap().build();
    let own = registry.counter("own", "").unwrap();
    let taken = registry.histogram("taken", "", HistogramOptions::default());
    let recorder = PrometheusBuilder::new()
        .registry(&registry)
        .build_recorder()
        .unwrap();
    with_local_recorder(&recorder, || {
        counter!("jobs").increment(1);
        describe_counter!("jobs", "Jobs.");
        histogram!("taken").record(1.0);
    });
    own.inc();
    let page = registry.render_prometheus();
    assert!(page.contains("# HELP app_jobs_total Jobs.\n"), "{page}");
    assert!(page.contains("app_jobs_total 1\n") && page.contains("app_own_total 1\n"));
    assert_eq!(taken.unwrap().snapshot().count(), 0);
    assert!(page.contains("refused_operations_total{metric=\"taken\",reason=\"name_taken\"} 1\n"));
}

/// Held handles and look-ups on several threads, while another one renders without pause: every total is exact, and no page goes back.
#[test]
fn nothing_is_lost_under_a_scrape() {
    const EACH: u64 = 400_000;
    let recorder = recorder();
    let handle = recorder.handle();
    thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|thread| {
                let recorder = &recorder;
                scope.spawn(move || {
                    with_local_recorder(recorder, || {
                        let (held, jobs) = (histogram!("latency"), counter!("jobs"));
                        for i in 0..EACH {
                            held.record(0.001);
                            jobs.increment(1);
                            if i % 100 == 0 {
                                counter!("looked_up", "thread" => thread.to_string()).increment(1);
                                gauge!("under_way").increment(1.0);
                                gauge!("under_way").decrement(1.0);
                            }
                        }
                    });
                })
            })
            .collect();
        let mut last = 0.0;
        while writers.iter().any(|writer| !writer.is_finished()) {
            let samples = samples(&handle.render());
            let count = |name: &str| {
                let found = samples.get(&(name.to_owned(), Vec::new()));
                found.copied().unwrap_or_default()
            };
            assert!(count("latency_count") >= last);
            last = count("latency_count");
        }
    });
    let total = (3 * EACH) as f64;
    assert_eq!(value(&recorder, "latency_count", &[]), Some(total));
    assert_eq!(value(&recorder, "latency_sum", &[]), Some(total / 1_000.0));
    assert_eq!(value(&recorder, "jobs", &[]), Some(total));
    assert_eq!(value(&recorder, "under_way", &[]), Some(0.0));
    for thread in ["0", "1", "2"] {
        let looked_up = value(&recorder, "looked_up", &[("thread", thread)]);
        assert_eq!(looked_up, Some((EACH / 100) as f64));
    }
}

/// Threads that use a name for the first time at the same moment get the same series.
#[test]
fn first_uses_race() {
    for round in 0..200 {
        let recorder = recorder();
        let first = |_: usize| {
            with_local_recorder(&recorder, || {
                describe_counter!("jobs", "Jobs.");
                counter!("jobs", "round" => round.to_string()).increment(1);
            });
        };
        thread::scope(|scope| (0..4).for_each(|i| drop(scope.spawn(move || first(i)))));
        let labels = [("round", &*round.to_string())];
        assert_eq!(value(&recorder, "jobs", &labels), Some(4.0));
        assert!(recorder.handle().render().contains("# HELP jobs Jobs.\n"));
    }
}

#[test]
fn impossible_options_are_refused() {
    let message = |result: Result<PrometheusBuilder, BuildError>| {
        let error = result.and_then(|builder| builder.build_recorder().map(drop));
        error.unwrap_err().to_string()
    };
    let builder = PrometheusBuilder::new;
    let all = || Matcher::Prefix(String::new());
    for (result, expected) in [
        (builder().set_buckets(&[]), "at least one"),
        (
            builder().set_buckets(&[f64::NAN]),
            "NaN is not a bucket bound",
        ),
        (
            builder().set_buckets_for_metric(all(), &[-1.0]),
            "-1 is not",
        ),
        (Ok(builder().significant_digits(6)), "choose 1 to 5"),
        (Ok(builder().decimal_places(all(), 16)), "choose 0 to 15"),
        (
            Ok(builder().add_global_label("a b", "x")),
            "not a label name",
        ),
    ] {
        let message = message(result);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_second_recorder_is_refused() {
    let handle = PrometheusBuilder::new().install_recorder().unwrap();
    let error = PrometheusBuilder::new().install_recorder().unwrap_err();
    assert_eq!(error, BuildError::AlreadyInstalled);
    counter!("installed").increment(1);
    assert!(handle.render().contains("installed 1\n"));
}
