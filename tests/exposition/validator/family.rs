//! What the samples of one family must be to each other.

use super::fault::{Fault, Rule, ensure};
use super::number::is_canonical;
use super::{Family, Labels, Sample, Syntax, number};
use std::collections::{BTreeMap, HashSet};

/// Bound or quantile, and value.
type Points = Vec<(f64, f64)>;

/// The suffixes that samples of a family have, and those that its name reserves.
pub(super) fn suffixes(kind: &str, syntax: Syntax) -> &'static [&'static str] {
    match (kind, syntax.open_metrics) {
        ("counter", true) => &["_total", "_created"],
        ("histogram", true) => &["_bucket", "_sum", "_count", "_created"],
        ("histogram", false) => &["_bucket", "_sum", "_count"],
        ("summary", true) => &["", "_sum", "_count", "_created"],
        ("summary", false) => &["", "_sum", "_count"],
        _ => &[""],
    }
}

/// The samples of one series, by suffix.
#[derive(Default)]
struct Series<'a>(BTreeMap<&'a str, Points>);

/// Checks a family that is complete.
pub(super) fn check(name: &str, family: &Family, syntax: Syntax) -> Result<(), Fault> {
    let mut seen = HashSet::new();
    let mut closed = HashSet::new();
    let mut all: Vec<(Labels, Series<'_>)> = Vec::new();
    for sample in &family.samples {
        let place = &*format!("{} {:?}", sample.name, sample.labels);
        // To a server a label without a value is no label.
        let mut labels = sample.labels.clone();
        labels.retain(|_, value| !value.is_empty());
        let fresh = seen.insert((&*sample.name, labels.clone()));
        ensure(fresh, Rule::DuplicateSeries, place)?;
        let suffix = sample.name.strip_prefix(name).unwrap_or_default();
        let bound = own_label(family, suffix, &mut labels, place)?;
        check_value(family, suffix, sample, place)?;
        if all.last().is_none_or(|(last, _)| *last != labels) {
            ensure(closed.insert(labels.clone()), Rule::ScatteredSeries, place)?;
            all.push((labels, Series::default()));
        }
        if let Some((_, series)) = all.last_mut() {
            let points = series.0.entry(suffix).or_default();
            points.push((bound, sample.value));
        }
    }
    for (labels, series) in &all {
        let place = &*format!("{name} {labels:?}");
        match &*family.kind {
            "histogram" => series.check_histogram(syntax, place)?,
            "summary" => series.check_summary(place)?,
            "counter" => ensure(
                !syntax.open_metrics || series.0.contains_key("_total"),
                Rule::MissingTotals,
                place,
            )?,
            _ => {}
        }
    }
    Ok(())
}

/// Takes the label away that the format itself adds, and returns its value.
fn own_label(
    family: &Family,
    suffix: &str,
    labels: &mut Labels,
    place: &str,
) -> Result<f64, Fault> {
    let (label, missing) = match (&*family.kind, suffix) {
        ("histogram", "_bucket") => ("le", Rule::MissingBound),
        ("summary", "") => ("quantile", Rule::MissingQuantile),
        _ => return Ok(f64::NAN),
    };
    let text = labels.remove(label);
    ensure(text.is_some(), missing, place)?;
    let text = text.unwrap_or_default();
    ensure(is_canonical(&text), Rule::NotCanonical, place)?;
    Ok(number(&text).unwrap_or(f64::NAN))
}

fn check_value(family: &Family, suffix: &str, sample: &Sample, place: &str) -> Result<(), Fault> {
    let value = sample.value;
    // Neither negative nor NaN.
    let counts = value >= 0.0;
    match (&*family.kind, suffix) {
        ("counter", _) => ensure(counts, Rule::NegativeCounter, place)?,
        ("histogram" | "summary", "_bucket" | "_count") => {
            let whole = counts && value.is_finite() && value.fract() == 0.0;
            ensure(whole, Rule::NotAnInteger, place)?;
        }
        ("histogram" | "summary", "_sum") => ensure(!value.is_nan(), Rule::ImpossibleSum, place)?,
        _ => {}
    }
    let allowed = matches!(
        (&*family.kind, suffix),
        ("counter", "_total") | ("histogram", "_bucket")
    );
    let fits = sample.exemplar.is_none() || allowed;
    ensure(fits, Rule::ExemplarMisplaced, place)
}

impl Series<'_> {
    fn points(&self, suffix: &str) -> &[(f64, f64)] {
        self.0.get(suffix).map_or(&[], Vec::as_slice)
    }

    fn one(&self, suffix: &str) -> Option<f64> {
        self.points(suffix).first().map(|(_, value)| *value)
    }

    /// `_count` and `_sum`, both or, in OpenMetrics, neither.
    fn check_totals(&self, both: bool, place: &str) -> Result<(), Fault> {
        let (count, sum) = (self.one("_count"), self.one("_sum"));
        ensure(
            count.is_some() == sum.is_some(),
            Rule::CountWithoutSum,
            place,
        )?;
        ensure(!both || count.is_some(), Rule::MissingTotals, place)
    }

    fn check_histogram(&self, syntax: Syntax, place: &str) -> Result<(), Fault> {
        let buckets = self.points("_bucket");
        let rises = buckets.windows(2).all(|pair| pair[0].0 < pair[1].0);
        ensure(rises, Rule::Unsorted, place)?;
        let counts = buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1);
        ensure(counts, Rule::NotMonotone, place)?;
        let last = buckets.last().filter(|(bound, _)| *bound == f64::INFINITY);
        ensure(last.is_some(), Rule::MissingInfinity, place)?;
        self.check_totals(!syntax.open_metrics, place)?;
        let count = self.one("_count");
        let equal = count.is_none() || count == last.map(|(_, count)| *count);
        ensure(equal, Rule::InfinityIsNotTheCount, place)?;
        // What is below zero would be in the first bucket.
        let negative = buckets.first().is_some_and(|(bound, _)| *bound < 0.0);
        let sum = self.one("_sum").unwrap_or(0.0);
        ensure(negative || sum >= 0.0, Rule::ImpossibleSum, place)
    }

    fn check_summary(&self, place: &str) -> Result<(), Fault> {
        let quantiles = self.points("");
        let inside = quantiles.iter().all(|(q, _)| (0.0..=1.0).contains(q));
        ensure(inside, Rule::QuantileOutOfRange, place)?;
        let sorted = quantiles.windows(2).all(|pair| pair[0].0 < pair[1].0);
        ensure(sorted, Rule::Unsorted, place)?;
        // Without samples all quantiles are NaN.
        let rises = |low: f64, high: f64| low <= high || (low.is_nan() && high.is_nan());
        let rises = quantiles.windows(2).all(|pair| rises(pair[0].1, pair[1].1));
        ensure(rises, Rule::NotMonotone, place)?;
        self.check_totals(true, place)
    }
}
