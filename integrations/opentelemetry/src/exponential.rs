//! Exponential histograms: the fine buckets of a snapshot, counted in buckets whose bounds are powers of one base.
//!
//! At scale `s` the base is 2^(2^-s), and bucket `i` holds the values above base^i and up to base^(i+1), in the unit that is exported. The
//! scale is the largest at which all values lie within [`MAX_SIZE`] buckets, and at which no bucket is narrower than the fine
//! buckets are. Each fine bucket is counted where its middle falls, so a value within half a fine bucket of a bound may count on
//! the other side of it.

use epoch_metrics::HistogramSnapshot;

/// The most buckets of one data point, as in OpenTelemetry's SDKs.
pub(crate) const MAX_SIZE: i32 = 160;

/// The largest scale, as in OpenTelemetry's SDKs.
const MAX_SCALE: i32 = 20;

/// The buckets of one data point. Values are not negative, so that one range is enough.
#[derive(Debug, PartialEq)]
pub(crate) struct Exponential {
    pub(crate) scale: i32,
    pub(crate) zero_count: u64,
    /// The number of the first bucket.
    pub(crate) offset: i32,
    pub(crate) counts: Vec<u64>,
}

impl Exponential {
    /// `one`: what a recorded value is divided by.
    pub(crate) fn new(snapshot: &HistogramSnapshot, one: f64) -> Self {
        let (mut zero_count, mut finest) = (0, MAX_SCALE);
        // By the number of the bucket at the largest scale.
        let mut found: Vec<(i32, u64)> = Vec::new();
        for bucket in snapshot.buckets() {
            if bucket.high == 0 {
                zero_count = bucket.count;
                continue;
            }
            let further = bucket.high - bucket.low;
            if further > 0 {
                // The number of fine buckets in an octave. The first ones are the widest relative to their values.
                let per_octave = (bucket.low / (further + 1)).max(1).ilog2();
                finest = finest.min(per_octave as i32 - 1);
            }
            let middle = bucket.low as f64 + further as f64 / 2.0;
            found.push((index(middle / one), bucket.count));
        }
        let (Some((first, _)), Some((last, _))) = (found.first(), found.last()) else {
            return Self {
                scale: MAX_SCALE,
                zero_count,
                offset: 0,
                counts: Vec::new(),
            };
        };
        // Two neighbours become one with each step to a coarser scale.
        let mut coarser = MAX_SCALE - finest;
        while (last >> coarser) - (first >> coarser) >= MAX_SIZE {
            coarser += 1;
        }
        let offset = first >> coarser;
        let mut counts = vec![0; ((last >> coarser) - offset) as usize + 1];
        for (index, count) in found {
            if let Some(sum) = counts.get_mut(((index >> coarser) - offset) as usize) {
                *sum += count;
            }
        }
        Self {
            scale: MAX_SCALE - coarser,
            zero_count,
            offset,
            counts,
        }
    }
}

/// The number of the bucket of a value above zero, at the largest scale.
///
/// Exact for powers of two; otherwise a value may count in the neighbouring bucket if it is within 10^-8 of a bucket's width of a bound.
fn index(value: f64) -> i32 {
    // A float is its mantissa, from 1 to 2, times a power of two.
    const MANTISSA: u64 = (1 << (f64::MANTISSA_DIGITS - 1)) - 1;
    let bits = value.to_bits();
    let exponent = (bits >> (f64::MANTISSA_DIGITS - 1)) as i32 - (f64::MAX_EXP - 1);
    let octave = exponent << MAX_SCALE;
    if bits & MANTISSA == 0 {
        // A bound belongs to the bucket below.
        return octave - 1;
    }
    let mantissa = f64::from_bits(bits & MANTISSA | 1_f64.to_bits());
    let within = (mantissa.log2() * f64::from(1 << MAX_SCALE)).ceil() as i32;
    octave + within.clamp(1, 1 << MAX_SCALE) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use epoch_metrics::{HistogramOptions, Registry};

    fn of(values: &[u64], digits: u8, one: f64) -> Exponential {
        let options = HistogramOptions::default().significant_digits(digits);
        let histogram = Registry::new().histogram("values", "Values.", options);
        let histogram = histogram.unwrap();
        values.iter().for_each(|value| histogram.record(*value));
        Exponential::new(&histogram.snapshot(), one)
    }

    #[test]
    fn bounds_belong_to_the_bucket_below() {
        for exponent in -60..64 {
            let power = f64::from(exponent).exp2();
            assert_eq!(index(power), (exponent << MAX_SCALE) - 1);
            assert_eq!(index(power.next_up()), exponent << MAX_SCALE);
            assert_eq!(
                index(power * 2.0_f64.next_down()),
                ((exponent + 1) << MAX_SCALE) - 1
            );
            // The middle of an octave's buckets.
            assert_eq!(
                index(power * 2_f64.sqrt() * 1.000_000_1),
                (exponent << MAX_SCALE) + (1 << (MAX_SCALE - 1))
            );
        }
    }

    #[test]
    fn the_scale_is_the_largest_that_fits() {
        let one = of(&[7], 2, 1.0);
        assert_eq!(
            (one.scale, one.counts.len(), one.zero_count),
            (MAX_SCALE, 1, 0)
        );
        // 64 octaves: two buckets for each are 128, and four would be 256.
        let all = of(&[0, 1, u64::MAX], 2, 1.0);
        assert_eq!((all.scale, all.zero_count, all.offset), (1, 1, -1));
        assert_eq!(
            (all.counts.len(), all.counts[0], all.counts[128]),
            (129, 1, 1)
        );
        // Fine buckets of two digits are no narrower than 1/256, and no wider than 1/128: scale 6 has 64 for each octave.
        assert_eq!(of(&[1_000_000, 1_100_000], 2, 1e9).scale, 6);
        assert_eq!(of(&[1_000_000, 1_100_000], 1, 1e9).scale, 3);
        assert_eq!(of(&[], 2, 1.0).counts, []);
    }

    #[test]
    fn each_value_is_within_its_bucket_and_half_a_fine_one() {
        for digits in 1..=4 {
            let mut value = 1_u64;
            while value < u64::MAX / 3 {
                for one in [1.0, 1e3, 1e9] {
                    let found = of(&[value, value.saturating_mul(2)], digits, one);
                    let bound = |index: i32| {
                        (f64::from(index) / f64::from(found.scale).exp2()).exp2() * one
                    };
                    let half = 1.0 + 0.5 / 10_f64.powi(digits.into());
                    let (low, high) = (bound(found.offset), bound(found.offset + 1));
                    let exact = value as f64;
                    assert!(
                        low / half <= exact * (1.0 + 1e-12) && exact <= high * half * (1.0 + 1e-12),
                        "{value} {found:?}"
                    );
                    assert_eq!(found.counts.iter().sum::<u64>(), 2);
                }
                value = value * 3 + 1;
            }
        }
    }
}
