//! `histogram_quantile` over the bounds that a histogram exports by default, against the samples themselves.

use crate::endpoint::Endpoint;
use crate::monitor::{Moment, Prometheus};
use epoch_metrics::{HistogramOptions, Registry};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

pub(crate) const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];

/// A histogram family that has each spread as a series.
struct Subject {
    name: &'static str,
    options: HistogramOptions,
    range: RangeInclusive<u64>,
    /// The bounds that the documentation names, in the unit of what is recorded.
    bounds: Vec<u64>,
    /// How many of that unit make one of what is exported.
    scale: f64,
}

fn subjects() -> [Subject; 4] {
    let (first, last) = (Duration::from_micros(1), Duration::from_secs(24 * 3600));
    let mut all_of_64_bits = steps([10, 20, 50], 0, 19);
    all_of_64_bits.push(u64::MAX);
    [
        Subject {
            name: "latency_seconds",
            options: HistogramOptions::durations().into(),
            range: 0..=u64::MAX,
            bounds: steps([10, 25, 50], 3, 12),
            scale: 1e9,
        },
        Subject {
            name: "job_seconds",
            options: HistogramOptions::durations().range(first, last).into(),
            range: 1_000..=86_400_000_000_000,
            bounds: steps([10, 25, 50], 3, 14),
            scale: 1e9,
        },
        Subject {
            name: "size",
            options: HistogramOptions::default(),
            range: 0..=u64::MAX,
            bounds: steps([10, 20, 50], 0, 9),
            scale: 1.0,
        },
        Subject {
            name: "number",
            options: HistogramOptions::values(0, u64::MAX),
            range: 0..=u64::MAX,
            bounds: all_of_64_bits,
            scale: 1.0,
        },
    ]
}

/// Steps, in tenths, of each decade from 10^first on; the last one is 10^last.
fn steps(tenths: [u128; 3], first: u32, last: u32) -> Vec<u64> {
    let decades = (first..last).map(|exponent| 10_u128.pow(exponent));
    let steps = decades.flat_map(|decade| tenths.map(|step| (decade * step / 10) as u64));
    steps.chain([10_u64.pow(last)]).collect()
}

/// For each decade of 64 bits: values on a bound and between bounds, each alone; values over the whole decade; and nine values
/// in ten within it, the tenth a thousand times as large. By name, each rising.
pub(crate) fn spreads(range: &RangeInclusive<u64>) -> BTreeMap<String, Vec<u64>> {
    let mut spreads = BTreeMap::from([("zero".to_owned(), within(range, [0]))]);
    for exponent in 0..20 {
        let decade = 10_u128.pow(exponent);
        for tenths in [10, 17, 22, 31, 50] {
            spreads.insert(
                format!("{tenths}e{exponent}"),
                within(range, [decade * tenths / 10]),
            );
        }
        let whole = (0..1000).map(|i| decade + 9 * decade * i / 1000);
        spreads.insert(format!("decade {exponent}"), within(range, whole));
        let most = (1..=90).map(|i| decade + decade * i / 100);
        let rest = (1..=10).map(|i| 1000 * (decade + decade * i / 100));
        spreads.insert(format!("tail {exponent}"), within(range, most.chain(rest)));
    }
    spreads.retain(|_, samples| !samples.is_empty());
    spreads
}

fn within(range: &RangeInclusive<u64>, values: impl IntoIterator<Item = u128>) -> Vec<u64> {
    let values = values.into_iter().filter_map(|value| value.try_into().ok());
    values.filter(|value| range.contains(value)).collect()
}

pub(crate) fn lie_in_the_bucket_of_the_truth() {
    let registry = Registry::new();
    let subjects = subjects();
    for subject in &subjects {
        let family = registry
            .histogram_family(subject.name, "", subject.options.clone(), &["spread"])
            .unwrap();
        for (name, samples) in spreads(&subject.range) {
            let series = family.with(&[&name]).unwrap();
            samples.into_iter().for_each(|sample| series.record(sample));
        }
    }
    let endpoint = Endpoint::serving(move || registry.render_prometheus());
    let prometheus = Prometheus::scraping(&[&endpoint]);
    let moment = prometheus.scraped(&[&endpoint]);
    for subject in &subjects {
        check_bounds(subject, &moment);
        check_each(subject, &moment);
        let samples = spreads(&subject.range).into_values().flatten();
        check_sum(
            subject.name,
            samples.collect(),
            &subject.bounds,
            subject.scale,
            &moment,
        );
    }
}

/// What is exported are the bounds that the documentation names.
fn check_bounds(subject: &Subject, moment: &Moment<'_>) {
    let exported = moment.query(&format!("count by (le) ({}_bucket)", subject.name));
    let mut exported: Vec<f64> = exported
        .iter()
        .map(|series| series.label("le").parse().expect("a number"))
        .collect();
    exported.sort_by(f64::total_cmp);
    let bounds = subject.bounds.iter();
    let bounds = bounds.map(|&bound| bound as f64 / subject.scale);
    let bounds: Vec<f64> = bounds.chain([f64::INFINITY]).collect();
    assert_eq!(exported, bounds, "{}", subject.name);
}

/// Quantiles of each series.
fn check_each(subject: &Subject, moment: &Moment<'_>) {
    let spreads = spreads(&subject.range);
    for q in QUANTILES {
        let query = format!("histogram_quantile({q}, {}_bucket)", subject.name);
        let answers = moment.query(&query);
        assert_eq!(answers.len(), spreads.len(), "{query}");
        for series in answers {
            let spread = series.label("spread");
            let truth = quantile(&spreads[spread], q);
            let what = format!("{query} of {spread}");
            check(series.value * subject.scale, truth, &subject.bounds, &what);
        }
    }
}

/// Quantiles of all series of a histogram together.
pub(crate) fn check_sum(
    name: &str,
    mut samples: Vec<u64>,
    bounds: &[u64],
    scale: f64,
    moment: &Moment<'_>,
) {
    samples.sort_unstable();
    for q in QUANTILES {
        let query = format!("histogram_quantile({q}, sum by (le) ({name}_bucket))");
        let answer = moment.value(&query) * scale;
        check(answer, quantile(&samples, q), bounds, &query);
    }
}

/// The smallest sample that has at least this part of all at or below it.
pub(crate) fn quantile(rising: &[u64], q: f64) -> u64 {
    rising[(q * rising.len() as f64).ceil() as usize - 1]
}

/// The answer lies in the exported bucket of the truth. Beyond the last finite bound it is that bound: Prometheus knows no
/// more. Within half a percent of a bound the truth may count on the other side of it (`HistogramOptions::export_bounds`), so
/// the answer may lie in either bucket; up to 200 it may not.
fn check(answer: f64, truth: u64, bounds: &[u64], what: &str) {
    let slack = if truth <= 200 { 0.0 } else { 0.005 };
    let (least, most) = (truth as f64 * (1.0 - slack), truth as f64 * (1.0 + slack));
    let bounds = || bounds.iter().map(|&bound| bound as f64);
    let last = bounds().next_back().expect("there are bounds");
    let low = bounds().rev().find(|&bound| bound < least).unwrap_or(0.0);
    let high = bounds().find(|&bound| bound >= most).unwrap_or(last);
    // Prometheus computes with floats.
    let rounding = 1e-12;
    assert!(
        low * (1.0 - rounding) <= answer && answer <= high * (1.0 + rounding),
        "{what} is {answer}, not from {low} to {high}, where {truth} is"
    );
}
