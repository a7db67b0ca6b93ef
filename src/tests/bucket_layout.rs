//! The layout of buckets, against HdrHistogram's own.

use crate::engine::histogram::bucket_layout::{BucketLayout, MAX_OCTAVES};
use hdrhistogram::Histogram;
use proptest::prelude::*;
use std::sync::LazyLock;

/// HdrHistogram's own buckets of all values, by digits.
static HDR: LazyLock<Vec<Histogram<u64>>> = LazyLock::new(|| {
    (1..=5)
        .map(|digits| Histogram::new_with_bounds(1, u64::MAX, digits).unwrap())
        .collect()
});

/// The ends of the bucket that HdrHistogram puts a value into, except that it saturates one too early in the last one.
fn ends(digits: u8, value: u64) -> (u64, u64) {
    let hdr = &HDR[usize::from(digits) - 1];
    let high = match hdr.highest_equivalent(value) {
        high if high == u64::MAX - 1 => u64::MAX,
        high => high,
    };
    (hdr.lowest_equivalent(value), high)
}

/// Walks over every used bucket of the values up to `max`, with the values next to each boundary.
fn walk(digits: u8, max: u64) {
    let layout = BucketLayout::new(0, max, digits);
    let (mut low, mut below) = (0, None);
    loop {
        let bucket = layout.bucket(low);
        assert!(bucket < layout.buckets(), "{low} beyond the last bucket");
        let high = layout.high(bucket);
        assert_eq!(
            (layout.low(bucket), high),
            ends(digits, low),
            "the bucket of {low} at {digits} digits"
        );
        assert_eq!(layout.bucket(high), bucket, "{high} at {digits} digits");
        assert!(below < Some(bucket), "buckets fall at {low}");
        if low > 0 {
            assert_eq!(
                Some(layout.bucket(low - 1)),
                below,
                "{} at {digits} digits",
                low - 1
            );
        }
        for unused in below.map_or(0, |below| below + 1)..bucket {
            assert_ne!(
                layout.bucket(layout.low(unused)),
                unused,
                "a bucket without values is another one's"
            );
        }
        if high >= max {
            break;
        }
        (low, below) = (high + 1, Some(bucket));
    }
    assert_eq!(
        layout.octave(layout.bucket(max)),
        layout.octaves() - 1,
        "no octave too many"
    );
}

#[test]
fn every_boundary_is_hdrhistograms() {
    for digits in 1..=5 {
        walk(digits, u64::MAX);
    }
    for max in [
        0,
        1,
        2,
        127,
        128,
        255,
        256,
        257,
        1000,
        1023,
        1024,
        3_600_000_000_000,
        (1 << 53) - 1,
        1 << 53,
    ] {
        walk(1, max);
        walk(2, max);
    }
}

/// Values of every size alike.
fn value() -> impl Strategy<Value = u64> {
    let any_size =
        (0_u32..=64, any::<u64>()).prop_map(|(bits, n)| n.checked_shr(64 - bits).unwrap_or(0));
    let near_powers = (0_u32..64, 0_u64..3)
        .prop_map(|(bits, by)| (1_u64 << bits).wrapping_sub(1).wrapping_add(by));
    prop_oneof![4 => any_size, 1 => near_powers]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn larger_values_fall_into_no_lower_bucket(
        (a, b) in prop_oneof![(value(), value()), value().prop_map(|a| (a, a.saturating_add(1)))],
        digits in 1_u8..=5,
    ) {
        let layout = BucketLayout::new(0, u64::MAX, digits);
        prop_assert!(layout.bucket(a.min(b)) <= layout.bucket(a.max(b)));
    }

    #[test]
    fn a_bucket_holds_its_values_to_the_stated_error(value in value(), digits in 1_u8..=5) {
        let layout = BucketLayout::new(0, u64::MAX, digits);
        let bucket = layout.bucket(value);
        let (low, high) = (layout.low(bucket), layout.high(bucket));
        prop_assert!(low <= value && value <= high);
        let error = value / 10_u64.pow(u32::from(digits));
        prop_assert!(high - value <= error && value - low <= error, "{low} to {high}");
        prop_assert_eq!((low, high), ends(digits, value));
        prop_assert_eq!((layout.bucket(low), layout.bucket(high)), (bucket, bucket));
        // Neighbours begin where this one ends: they are others, and nothing lies between.
        if low > 0 {
            let below = layout.bucket(low - 1);
            prop_assert!(below < bucket);
            prop_assert_eq!(layout.high(below), low - 1);
        }
        if high < u64::MAX {
            let above = layout.bucket(high + 1);
            prop_assert!(above > bucket);
            prop_assert_eq!(layout.low(above), high + 1);
        }
        let (octave, place) = (layout.octave(bucket), layout.index_in_octave(bucket));
        prop_assert!(octave < MAX_OCTAVES && place < layout.octave_len());
        prop_assert_eq!(octave * layout.octave_len() + place, bucket);
        prop_assert_eq!(octave, value.checked_ilog2().map_or(0, |exponent| exponent as usize + 1));
    }

    #[test]
    fn a_range_has_room_for_its_values_and_for_no_others(
        (a, b, value) in (value(), value(), value()),
        digits in 1_u8..=5,
    ) {
        let (min, max) = (a.min(b), a.max(b));
        let layout = BucketLayout::new(min, max, digits);
        prop_assert_eq!(layout.range(), (min, max));
        prop_assert_eq!(layout.contains(value), min <= value && value <= max);
        prop_assert!(layout.contains(min) && layout.contains(max));
        prop_assert!(layout.bucket(max) < layout.buckets());
        prop_assert_eq!(layout.octave(layout.bucket(max)) + 1, layout.octaves(), "no octave too many");
        // The buckets are the same whatever the range.
        prop_assert_eq!(layout.bucket(value), BucketLayout::new(0, u64::MAX, digits).bucket(value));
        let octave = layout.octave(layout.bucket(value));
        if value > 0 && layout.has_fast_path(octave) {
            let float = (value as f64).to_bits() >> layout.mantissa_shift();
            prop_assert!(layout.contains(value));
            prop_assert_eq!(float as usize - layout.bias(), layout.bucket(value));
        }
    }
}

#[test]
fn boundaries_are_those_of_hdrhistogram() {
    for (max, digits) in [
        (3_600_000_000_000, 2),
        (1 << 40, 3),
        (1000, 1),
        (1 << 20, 1),
        (u64::MAX, 3),
        (1 << 55, 2),
        (2, 5),
    ] {
        let layout = BucketLayout::new(0, max, digits);
        let hdr = Histogram::<u64>::new_with_bounds(1, max, digits).unwrap();
        let mut value = 0_u64;
        let mut last = None;
        while value <= max {
            for near in [
                value.saturating_sub(1),
                value,
                value.saturating_add(1).min(max),
            ] {
                let bucket = layout.bucket(near);
                assert!(bucket < layout.buckets(), "{near} beyond the last bucket");
                assert_eq!(
                    layout.low(bucket),
                    hdr.lowest_equivalent(near),
                    "low of {near} at {digits} digits"
                );
                assert_eq!(
                    layout.high(bucket),
                    hdr.highest_equivalent(near),
                    "high of {near} at {digits} digits"
                );
            }
            let bucket = layout.bucket(value);
            assert!(
                last.is_none_or(|last| last <= bucket),
                "buckets fall at {value}"
            );
            last = Some(bucket);
            let step = value / 97 + 1;
            if u64::MAX - value < step {
                break;
            }
            value += step;
        }
        assert_eq!(
            layout.octave(layout.bucket(max)),
            layout.octaves() - 1,
            "no octave too many"
        );
    }
}

#[test]
fn every_used_bucket_begins_where_the_one_before_ends() {
    let layout = BucketLayout::new(0, 3_600_000_000_000, 2);
    let mut end = 0;
    for bucket in 1..layout.buckets() {
        if layout.bucket(layout.low(bucket)) == bucket {
            assert_eq!(layout.low(bucket), end + 1);
            assert_eq!(layout.bucket(layout.high(bucket)), bucket);
            end = layout.high(bucket);
        }
    }
    assert!(end >= 3_600_000_000_000);
}
