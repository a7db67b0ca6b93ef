//! What several servers counted together, and how far from it an answer may be.

use crate::process::Counted;
use std::collections::BTreeMap;

pub(crate) const LATENCY: &str = "server_request_latency_seconds";
pub(crate) const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];

/// What is counted of a histogram may lie on the other side of a bound that is as near (`HistogramOptions::export_bounds`).
const NEAR_A_BOUND: f64 = 0.005;
/// By how much a quantile of native buckets may be off (`Format::Protobuf`, two significant digits).
const NATIVE: f64 = 0.026;
/// Half of the last digit in which answers name their latency, in seconds.
const DIGIT: f64 = 0.5e-6;

/// Several processes, or processes one after the other at one address, taken together.
pub(crate) struct Truth {
    /// In seconds, rising.
    latencies: Vec<f64>,
    pub(crate) tokens: f64,
    /// By the text of the bound.
    pub(crate) buckets: BTreeMap<String, f64>,
    pub(crate) latency_sum: f64,
    /// Finite ones, rising.
    bounds: Vec<f64>,
}

impl Truth {
    pub(crate) fn of<'a>(counted: impl IntoIterator<Item = &'a Counted>) -> Self {
        let mut truth = Self {
            latencies: Vec::new(),
            tokens: 0.0,
            buckets: BTreeMap::new(),
            latency_sum: 0.0,
            bounds: Vec::new(),
        };
        for counted in counted {
            let seconds = counted.latencies.iter().map(|&nanos| nanos as f64 / 1e9);
            truth.latencies.extend(seconds);
            truth.tokens += counted.tokens as f64;
            for sample in &counted.page[LATENCY].samples {
                if let Some(le) = sample.labels.get("le") {
                    *truth.buckets.entry(le.clone()).or_default() += sample.value;
                } else if sample.name.ends_with("_sum") {
                    truth.latency_sum += sample.value;
                }
            }
        }
        truth.latencies.sort_by(f64::total_cmp);
        let bounds = truth.buckets.keys().map(|le| le.parse().expect("a number"));
        truth.bounds = bounds.filter(|bound: &f64| bound.is_finite()).collect();
        truth.bounds.sort_by(f64::total_cmp);
        truth
    }

    pub(crate) fn requests(&self) -> f64 {
        self.latencies.len() as f64
    }

    /// The smallest latency that has at least this part of all at or below it.
    fn quantile(&self, q: f64) -> f64 {
        let rank = (q.clamp(0.0, 1.0) * self.requests()).ceil() as usize;
        self.latencies[rank.max(1) - 1]
    }

    /// A quantile of classic buckets lies in the exported bucket of the truth, whose rank may be off by `part` of all.
    pub(crate) fn check_classic(&self, answer: f64, q: f64, part: f64) {
        let least = self.quantile(q - part) * (1.0 - NEAR_A_BOUND) - DIGIT;
        let most = self.quantile(q + part) * (1.0 + NEAR_A_BOUND) + DIGIT;
        let bounds = || self.bounds.iter().copied();
        let low = bounds().rev().find(|&bound| bound < least).unwrap_or(0.0);
        let last = self.bounds[self.bounds.len() - 1];
        let high = bounds().find(|&bound| bound >= most).unwrap_or(last);
        // Prometheus computes with floats.
        let range = low * (1.0 - 1e-9)..=high * (1.0 + 1e-9);
        assert!(range.contains(&answer), "{q}: {answer}, not in {range:?}");
    }

    /// A quantile of native buckets is near the truth, whose rank may be off by `part` of all.
    pub(crate) fn check_native(&self, answer: f64, q: f64, part: f64) {
        let least = self.quantile(q - part) * (1.0 - NATIVE) - DIGIT;
        let most = self.quantile(q + part) * (1.0 + NATIVE) + DIGIT;
        let range = least..=most;
        assert!(range.contains(&answer), "{q}: {answer}, not in {range:?}");
    }
}

/// Whether two numbers are the same but for rounding.
pub(crate) fn assert_near(found: f64, expected: f64, what: &str) {
    let off = (found - expected).abs();
    assert!(
        off <= expected.abs() * 1e-9,
        "{what} is {found}, not {expected}"
    );
}

/// A number that Prometheus extrapolated: the truth, or more by at most `part` of it.
pub(crate) fn assert_extrapolated(found: f64, truth: f64, part: f64, what: &str) {
    let range = truth * (1.0 - 1e-9)..=truth * (1.0 + part + 1e-9);
    assert!(
        range.contains(&found),
        "{what} is {found}, not in {range:?}"
    );
}
