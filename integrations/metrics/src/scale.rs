//! How floating-point values become whole numbers: how many decimal places they keep, by the unit.

use metrics::Unit;

/// How many decimal places the values of a histogram keep unless it is said otherwise: to the nanosecond, to the byte.
pub(crate) fn places(unit: Option<Unit>) -> u8 {
    match unit {
        None | Some(Unit::Seconds | Unit::Percent) => 9,
        Some(Unit::Milliseconds | Unit::Mebibytes | Unit::MegabitsPerSecond) => 6,
        Some(
            Unit::Microseconds
            | Unit::Kibibytes
            | Unit::KilobitsPerSecond
            | Unit::Count
            | Unit::CountPerSecond,
        ) => 3,
        Some(Unit::Nanoseconds | Unit::Bytes | Unit::BitsPerSecond) => 0,
        Some(
            Unit::Gibibytes | Unit::Tebibytes | Unit::GigabitsPerSecond | Unit::TerabitsPerSecond,
        ) => 9,
    }
}

/// The bucket bounds of a histogram unless it is said otherwise.
pub(crate) fn bounds(unit: Option<Unit>) -> Vec<f64> {
    let decades = match unit {
        // A microsecond to a thousand seconds.
        None | Some(Unit::Seconds) => -6..=2,
        Some(Unit::Milliseconds) => -3..=5,
        Some(Unit::Microseconds) => 0..=8,
        Some(Unit::Nanoseconds) => 2..=10,
        Some(Unit::Percent) => -3..=2,
        _ => 0..=8,
    };
    let end = 10_f64.powi(decades.end() + 1);
    let steps = decades.flat_map(|decade| {
        // A quotient of whole numbers is the float that is nearest to the decimal; a product with 0.001 is not.
        let scaled = |step: f64| match decade {
            0.. => step * 10_f64.powi(decade),
            _ => step / 10_f64.powi(-decade),
        };
        [1.0, 2.5, 5.0].map(scaled)
    });
    steps.chain([end]).collect()
}

/// Floating-point numbers as whole multiples of 10^-places.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale(f64);

impl Scale {
    pub(crate) fn new(places: u8) -> Self {
        Self(10_f64.powi(places.into()))
    }

    /// The nearest whole multiple. `None`: the value is negative, not a number, or too large for 64 bits.
    #[inline]
    pub(crate) fn whole(self, value: f64) -> Option<u64> {
        const TOO_LARGE: f64 = 18_446_744_073_709_551_616.0;
        let scaled = value * self.0;
        // False for a value that is not a number. Beyond 2^53 there are no halves, so that adding one changes nothing.
        (value >= 0.0 && scaled < TOO_LARGE).then_some((scaled + 0.5) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_rounded_to_the_nearest() {
        let nanos = Scale::new(9);
        for (value, expected) in [
            (0.0, Some(0)),
            (-0.0, Some(0)),
            (0.4e-9, Some(0)),
            (0.6e-9, Some(1)),
            (0.1 + 0.2, Some(300_000_000)),
            (18e9, Some(18_000_000_000_000_000_000)),
            (18.5e9, None),
            (-1e-300, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
        ] {
            assert_eq!(nanos.whole(value), expected, "{value}");
        }
        assert_eq!(Scale::new(0).whole(1.5), Some(2));
        assert_eq!(Scale::new(0).whole(f64::MAX), None);
    }

    /// The error that the README states.
    #[test]
    fn rounding_errs_by_half_a_step_at_most() {
        let nanos = Scale::new(9);
        let mut value = 1e-6_f64;
        while value < 1e9 {
            let kept = nanos.whole(value).unwrap() as f64 / 1e9;
            let error = (kept - value).abs() / value;
            assert!(
                error <= 0.5e-9 / value + 2.0 * f64::EPSILON,
                "{value} {error}"
            );
            value *= 1.000_37;
        }
    }

    #[test]
    fn default_bounds_are_decimal() {
        let seconds = bounds(None);
        assert_eq!((seconds.len(), seconds[0], seconds[27]), (28, 1e-6, 1e3));
        assert!(seconds.contains(&0.0025) && seconds.contains(&0.1));
        assert_eq!(bounds(Some(Unit::Bytes))[..4], [1.0, 2.5, 5.0, 10.0]);
        assert!(seconds.is_sorted());
    }
}
