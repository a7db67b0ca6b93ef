//! The bounds that a histogram exports as `le`: which ones by default, and which values count as at or below each.

use crate::engine::histogram::bucket_layout::BucketLayout;
use crate::kind::Unit;
use crate::sample::bound::Bound;
use crate::sample::number::GoFloat;
use std::time::Duration;

/// The default bounds of durations: 1 µs to 1,000 s, as 1, 2.5 and 5 in each decade.
pub(super) const fn of_durations() -> [Duration; 28] {
    let mut bounds = [Duration::ZERO; 28];
    let mut i = 0;
    while i < bounds.len() {
        let tenths = [10, 25, 50][i % 3] * 10_u64.pow(i as u32 / 3);
        bounds[i] = Duration::from_nanos(100 * tenths);
        i += 1;
    }
    bounds
}

/// The default bounds of other values: 1 to 10^9, or, of decimals, 10^-6 to 10^3.
pub(super) fn of_values(unit: Unit) -> Vec<u64> {
    match unit {
        Unit::Decimal(places) => {
            let one = 10_u64.saturating_pow(places.into());
            between(unit, one.div_ceil(1_000_000), one.saturating_mul(1_000))
        }
        _ => between(unit, 1, 1_000_000_000),
    }
}

/// The default bounds of an explicit range: from the largest step at or below `min` to the smallest at or above `max`.
pub(super) fn of_range(unit: Unit, min: u64, max: u64) -> Vec<u64> {
    between(unit, min, max)
}

/// Steps of each decade, times ten.
fn steps(unit: Unit) -> [u64; 3] {
    match unit {
        Unit::Seconds | Unit::Decimal(_) => [10, 25, 50],
        // Whole numbers: 2.5 is none.
        Unit::Unitless | Unit::Bytes => [10, 20, 50],
    }
}

fn between(unit: Unit, min: u64, max: u64) -> Vec<u64> {
    let mut bounds: Vec<u64> = Vec::new();
    for exponent in 0..=19 {
        for step in steps(unit) {
            // Below ten, 2.5 is not whole; above 2^64 there are no values.
            let value = u128::from(step) * 10_u128.pow(exponent);
            let (0, Ok(bound)) = (value % 10, u64::try_from(value / 10)) else {
                continue;
            };
            if bound <= min {
                bounds.clear();
            }
            bounds.push(bound);
            if bound >= max {
                return bounds;
            }
        }
    }
    bounds.push(max);
    bounds
}

/// Bounds of a layout, rising, each label once.
pub(super) fn exported(wanted: &[u64], unit: Unit, layout: &BucketLayout) -> Vec<Bound> {
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    let mut bounds: Vec<Bound> = Vec::new();
    for value in wanted {
        let le = GoFloat::label(value as f64 / unit.scale())
            .to_string()
            .into_boxed_str();
        // A float has 53 bits: beyond them, different bounds may have the same text.
        if bounds.last().is_none_or(|last| last.le != le) {
            let cut = cut(value, layout);
            bounds.push(Bound { value, cut, le });
        }
    }
    bounds
}

/// The end of a bucket that is nearest to a bound.
fn cut(bound: u64, layout: &BucketLayout) -> u64 {
    let bucket = layout.bucket(bound);
    let (low, high) = (layout.low(bucket), layout.high(bucket));
    // Zero has a bucket of its own, so `low` is not zero where it is not `high`.
    if bound - low >= high - bound {
        high
    } else {
        low - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_bounds_are_decimal_and_cover_their_range() {
        assert_eq!(
            of_durations()[..2],
            [1_000, 2_500].map(Duration::from_nanos)
        );
        assert_eq!(of_durations()[27], Duration::from_secs(1_000));
        assert_eq!(of_range(Unit::Unitless, 0, 1000)[..4], [1, 2, 5, 10]);
        assert_eq!(of_range(Unit::Unitless, 0, 1000).last(), Some(&1000));
        assert_eq!(of_range(Unit::Unitless, 7, 7), [5, 10]);
        assert_eq!(of_range(Unit::Unitless, 0, 0), [1]);
        assert_eq!(of_range(Unit::Seconds, 30, 260), [25, 50, 100, 250, 500]);
        assert_eq!(of_values(Unit::Decimal(0))[..4], [1, 5, 10, 25]);
        let decimals = of_values(Unit::Decimal(9));
        assert_eq!(
            decimals,
            of_durations().map(|bound| bound.as_nanos() as u64)
        );
        let all = of_range(Unit::Bytes, 0, u64::MAX);
        assert_eq!(all[all.len() - 2..], [10_000_000_000_000_000_000, u64::MAX]);
    }
}
