//! `le` as a label: it selects, and it adds up over builds that differ in their digits.

use crate::endpoint::Endpoint;
use crate::monitor::Prometheus;
use crate::quantiles::check_sum;
use epoch_metrics::{DurationOptions, HistogramOptions, Registry};
use std::collections::BTreeSet;
use std::time::Duration;

/// A registry with one histogram, `latency_seconds`.
fn endpoint(options: DurationOptions, samples: &[Duration]) -> Endpoint {
    let registry = Registry::new();
    let latency = registry.histogram("latency", "", options).unwrap();
    samples
        .iter()
        .for_each(|&sample| latency.record_duration(sample));
    Endpoint::serving(move || registry.render_prometheus())
}

pub(crate) fn select_one_series_of_each_target() {
    let bounds = [5, 10, 25, 50, 100, 250].map(Duration::from_millis);
    // None so near to a bound that it could count on its other side, with one digit.
    let samples = [1, 2, 7, 20, 20, 40, 80, 200, 200, 240, 300, 2_000].map(Duration::from_millis);
    let endpoints = [1, 2, 3].map(|digits| {
        let options = HistogramOptions::durations().export_bounds(&bounds);
        endpoint(options.significant_digits(digits), &samples)
    });
    let endpoints = endpoints.each_ref();
    let prometheus = Prometheus::scraping(&endpoints);
    let moment = prometheus.scraped(&endpoints);
    let instances = BTreeSet::from(endpoints.map(Endpoint::instance));
    for (le, count) in [
        ("0.005", 2.0),
        ("0.01", 3.0),
        ("0.025", 5.0),
        ("0.05", 6.0),
        ("0.1", 7.0),
        ("0.25", 10.0),
        ("+Inf", 12.0),
    ] {
        let query = format!("latency_seconds_bucket{{le=\"{le}\"}}");
        let answer = moment.query(&query);
        let found: Vec<f64> = answer.iter().map(|series| series.value).collect();
        assert_eq!(found, [count; 3], "{query}");
        let by = answer.iter().map(|it| it.label("instance").to_owned());
        assert_eq!(BTreeSet::from_iter(by), instances, "{query}");
    }
    // There is no other series.
    assert_eq!(moment.value("count(latency_seconds_bucket)"), 21.0);
}

pub(crate) fn of_builds_with_different_digits_add_up() {
    let samples = [spread(0.618_034), spread(0.414_214)];
    let options = [2, 3].map(|digits| HistogramOptions::durations().significant_digits(digits));
    let [two, three] = options;
    let endpoints = [endpoint(two, &samples[0]), endpoint(three, &samples[1])];
    let endpoints = endpoints.each_ref();
    let prometheus = Prometheus::scraping(&endpoints);
    let moment = prometheus.scraped(&endpoints);
    let all: Vec<Duration> = samples.concat();

    // Both builds have each bound.
    let bounds = DurationOptions::DEFAULT_BOUNDS;
    let builds = moment.query("count by (le) (latency_seconds_bucket)");
    assert_eq!(builds.len(), bounds.len() + 1);
    assert!(builds.iter().all(|it| it.value == 2.0), "{builds:?}");

    let sums = moment.query("sum by (le) (latency_seconds_bucket)");
    let mut sums: Vec<(f64, f64)> = sums
        .iter()
        .map(|series| (series.label("le").parse().unwrap(), series.value))
        .collect();
    sums.sort_by(|one, other| one.0.total_cmp(&other.0));
    assert!(
        sums.is_sorted_by_key(|&(_, count)| count as u64),
        "{sums:?}"
    );
    let total = (f64::INFINITY, all.len() as f64);
    assert_eq!(sums.pop(), Some(total));
    assert_eq!(moment.value("sum(latency_seconds_count)"), total.1);
    for (bound, (le, count)) in bounds.iter().zip(sums) {
        assert_eq!(le, bound.as_secs_f64());
        // Within half a percent of the bound a sample may count on either side.
        let below = |part| all.iter().filter(|it| **it <= bound.mul_f64(part)).count() as f64;
        assert!(
            (below(0.995)..=below(1.005)).contains(&count),
            "{count} up to {le}"
        );
    }
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap();
    let all = all.into_iter().map(nanos).collect();
    check_sum("latency_seconds", all, &bounds.map(nanos), 1e9, &moment);
}

/// Durations from 0.3 µs to 3,000 s, evenly by their logarithm, in no order.
fn spread(stride: f64) -> Vec<Duration> {
    (0..5_000)
        .map(|i| {
            Duration::from_secs_f64(3e-7 * 10_f64.powf(10.0 * (f64::from(i) * stride).fract()))
        })
        .collect()
}
