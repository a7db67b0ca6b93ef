//! Correction for coordinated omission, against HdrHistogram's own.

use epoch_metrics::{HistogramOptions, HistogramSnapshot, Registry};
use hdrhistogram::Histogram as Hdr;
use proptest::prelude::*;

fn snapshot(options: HistogramOptions, values: &[u64]) -> HistogramSnapshot {
    let registry = Registry::new();
    let histogram = registry.histogram("h", "", options).unwrap();
    values.iter().for_each(|value| histogram.record(*value));
    HistogramSnapshot::clone(&histogram.snapshot())
}

/// Every bucket holds what the other one holds there, and there is nothing else.
fn assert_same(ours: &HistogramSnapshot, theirs: &Hdr<u64>) -> Result<(), TestCaseError> {
    for bucket in ours.buckets() {
        prop_assert_eq!(bucket.count, theirs.count_at(bucket.low), "{:?}", bucket);
    }
    prop_assert_eq!(ours.count(), theirs.len());
    prop_assert_eq!(
        ours.buckets().map(|bucket| bucket.count).sum::<u64>(),
        theirs.len()
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// What HdrHistogram makes of a copy that is corrected, over buckets of all widths.
    #[test]
    fn a_corrected_snapshot_is_a_corrected_copy(
        digits in 1_u8..=3,
        bits in 1_u32..50,
        values in proptest::collection::vec(any::<u64>(), 1..40),
        steps in 1_u64..3_000,
    ) {
        let values: Vec<u64> = values.iter().map(|value| value >> (64 - bits)).collect();
        let interval = (values.iter().max().unwrap() / steps).max(1);
        let mut theirs = Hdr::new_with_bounds(1, 1 << 50, digits).unwrap();
        values.iter().for_each(|value| theirs.record(*value).unwrap());
        let options = HistogramOptions::values(0, 1 << 50).significant_digits(digits);
        let ours = snapshot(options, &values).corrected(interval);
        assert_same(&ours, &theirs.clone_correct(interval))?;
    }

    /// What HdrHistogram makes of values that are corrected as they are recorded, where each value has a bucket of its own; the sum as well.
    #[test]
    fn corrected_values_are_those_of_record_correct(
        values in proptest::collection::vec(0_u64..200, 1..60),
        interval in 0_u64..220,
        least in 0_u64..20,
    ) {
        let values: Vec<u64> = values.into_iter().filter(|value| *value >= least).collect();
        let mut theirs = Hdr::new_with_bounds(1, 200, 2).unwrap();
        let mut sum = 0;
        for value in &values {
            theirs.record(*value).unwrap();
            sum += *value;
            let mut missing = *value;
            while interval > 0 && missing >= 2 * interval && missing - interval >= least {
                missing -= interval;
                theirs.record(missing).unwrap();
                sum += missing;
            }
        }
        if least == 0 {
            let mut corrected = Hdr::new_with_bounds(1, 200, 2).unwrap();
            values.iter().for_each(|value| corrected.record_correct(*value, interval).unwrap());
            prop_assert_eq!(&theirs, &corrected);
        }
        let ours = snapshot(HistogramOptions::values(least, 200), &values).corrected(interval);
        assert_same(&ours, &theirs)?;
        prop_assert_eq!(ours.sum(), u128::from(sum));
    }
}

/// The shortest interval, the largest value, and both: what is added is counted by bucket, so it ends at once.
#[test]
fn an_interval_of_one_adds_every_value_below() {
    let below = snapshot(HistogramOptions::default(), &[1 << 40]).corrected(1);
    let high = below.max().unwrap();
    assert_eq!(below.count(), high);
    assert_eq!(
        below.sum(),
        u128::from(high) * (u128::from(high) - 1) / 2 + (1 << 40)
    );
    assert_eq!(below.count_up_to(127), 127);

    let all = snapshot(HistogramOptions::default(), &[u64::MAX]).corrected(1);
    let most = u128::from(u64::MAX);
    assert_eq!((all.count(), all.sum()), (u64::MAX, most * (most + 1) / 2));
}

#[test]
fn a_corrected_snapshot_keeps_the_rest() {
    let options = HistogramOptions::values(10, 1_000);
    let measured = snapshot(options, &[5, 100, 1_000]);
    let corrected = measured.corrected(50);
    assert_eq!((corrected.rejected(), corrected.recent()), (1, None));
    assert_eq!(corrected.max(), measured.max());
    // 950 to 50 below the 1,000, whose bucket reaches beyond the range, and 50 below the 100.
    assert_eq!((corrected.count(), corrected.sum()), (22, 10_650));
    assert_eq!(measured.corrected(0).count(), 2);
    assert!(corrected.since(&measured).is_err() && corrected.since(&corrected).is_err());
}
