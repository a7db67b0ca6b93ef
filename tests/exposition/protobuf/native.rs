//! Native buckets: none is lost, and quantiles are within the stated error.

use super::messages::Histogram;
use super::{families, histograms, subjects};
use epoch_metrics::{HistogramOptions, Registry};
use proptest::prelude::*;

/// The numbers of the buckets and their counts, as a server reads them.
pub(super) fn buckets(histogram: &Histogram) -> Vec<(i32, u64)> {
    let (mut index, mut count) = (0, 0_i64);
    let mut deltas = histogram.positive_delta.iter();
    let mut buckets = Vec::new();
    for span in &histogram.positive_span {
        index += span.offset();
        assert!(span.length() > 0, "an empty span");
        for _ in 0..span.length() {
            count += deltas.next().expect("a delta for each bucket");
            buckets.push((index, u64::try_from(count).expect("no count is negative")));
            index += 1;
        }
    }
    assert_eq!(deltas.next(), None, "a bucket for each delta");
    buckets
}

#[test]
fn every_sample_is_in_a_bucket() {
    for page in subjects() {
        for (metric, histogram) in histograms(&families(&page)) {
            let buckets = buckets(histogram);
            let counted: u64 = buckets.iter().map(|(_, count)| count).sum();
            let total = counted + histogram.zero_count();
            assert_eq!(total, histogram.sample_count(), "{:?}", metric.label);
            // A server takes a histogram without native buckets for a classic one, unless it has this.
            assert!(histogram.zero_threshold() > 0.0 && histogram.zero_threshold() < 1e-30);
            assert!(buckets.is_sorted_by_key(|(index, _)| *index));
            assert!((-4..=8).contains(&histogram.schema()));
        }
    }
}

/// The bounds of the bucket that has the sample of this rank.
fn bucket_of(histogram: &Histogram, rank: u64) -> (f64, f64) {
    let mut before = histogram.zero_count();
    if rank <= before {
        return (0.0, 0.0);
    }
    let per_octave = f64::from(1 << histogram.schema());
    for (index, count) in buckets(histogram) {
        before += count;
        if rank <= before {
            let bound = |index: i32| (f64::from(index) / per_octave).exp2();
            return (bound(index - 1), bound(index));
        }
    }
    panic!("fewer samples than {rank}")
}

/// Within what a quantile is, by significant digits: as the documentation of `Format::Protobuf` says.
fn stated_error(digits: u8) -> f64 {
    match digits {
        1 => 0.13,
        2 => 0.026,
        _ => 0.023,
    }
}

fn any_value() -> impl Strategy<Value = u64> {
    (0_u32..=64, any::<u64>()).prop_map(|(bits, n)| n.checked_shr(64 - bits).unwrap_or(0))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn quantiles_are_within_the_stated_error(
        mut values in proptest::collection::vec(any_value(), 1..200),
        digits in 1_u8..=5,
        durations in any::<bool>(),
    ) {
        let registry = Registry::builder().without_own_metrics().build();
        let options = match durations {
            true => HistogramOptions::durations().into(),
            false => HistogramOptions::values(0, u64::MAX),
        };
        let options = options.significant_digits(digits);
        let subject = registry.histogram("subject", "", options).unwrap();
        values.iter().for_each(|value| subject.record(*value));
        values.sort_unstable();
        let families = families(&registry.page());
        let (_, histogram) = histograms(&families).next().expect("a histogram");
        let scale = if durations { 1e9 } else { 1.0 };
        let error = stated_error(digits);
        for rank in 1..=values.len() {
            let truth = values[rank - 1] as f64 / scale;
            // Whatever a server says lies between these.
            let (low, high) = bucket_of(histogram, rank as u64);
            prop_assert!(
                truth * (1.0 - error) <= low && high <= truth * (1.0 + error),
                "{truth} is in the bucket from {low} to {high}"
            );
        }
        let zeroes = values.iter().filter(|value| **value == 0).count() as u64;
        prop_assert_eq!(histogram.zero_count(), zeroes);
    }
}
