//! Numbers as expositions write them, without an allocation.
//!
//! Scrapers compare label values as text, so a float must be written as Go's `%g` does. No crate does: `ryu` and `std` differ in
//! when they use an exponent, and in its form.

use crate::kind::Unit;
use std::fmt::{self, Write};

/// A value in its unit, exactly: nanoseconds become seconds, for example, by moving the decimal point.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scaled(pub(crate) u128, pub(crate) Unit);

impl fmt::Display for Scaled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value, unit) = *self;
        let mut digits = usize::from(unit.places());
        let one = 10_u128.pow(unit.places().into());
        let (whole, mut rest) = (value / one, value % one);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        while rest % 10 == 0 {
            rest /= 10;
            digits -= 1;
        }
        write!(f, "{whole}.{rest:0digits$}")
    }
}

/// A float as Go's `%g` writes it: the shortest digits that read back the same, with an exponent below 10^-4 and from 10^6 on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GoFloat {
    value: f64,
    in_label: bool,
}

impl GoFloat {
    /// A sample's value.
    pub(crate) fn new(value: f64) -> Self {
        Self {
            value,
            in_label: false,
        }
    }

    /// The value of an `le` or a `quantile`: with `.0` if there is neither point nor exponent.
    pub(crate) fn label(value: f64) -> Self {
        Self {
            value,
            in_label: true,
        }
    }
}

impl fmt::Display for GoFloat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value;
        if value.is_nan() {
            return f.write_str("NaN");
        }
        if value.is_infinite() {
            return f.write_str(if value > 0.0 { "+Inf" } else { "-Inf" });
        }
        let mut scientific = Buffer::default();
        write!(scientific, "{value:e}")?;
        let (digits, exponent) = scientific
            .as_str()
            .split_once('e')
            .unwrap_or((scientific.as_str(), "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        if (-4..6).contains(&exponent) {
            write!(f, "{value}")?;
            return if self.in_label && value.fract() == 0.0 {
                f.write_str(".0")
            } else {
                Ok(())
            };
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(f, "{digits}e{sign}{:02}", exponent.abs())
    }
}

/// Puts the digits of an integer over those of another one, `from`, in which a line ends. `false`: one of them is longer.
pub(crate) fn overwrite_integer(line: &mut [u8], mut from: u64, mut to: u64) -> bool {
    for digit in line.iter_mut().rev() {
        *digit = b'0' + (to % 10) as u8;
        (from, to) = (from / 10, to / 10);
        // The digits before this one are equal, or there are none.
        if from == to {
            return true;
        }
        if from == 0 || to == 0 {
            return false;
        }
    }
    false
}

/// The shortest decimal between 0 and 1 that reads back as the same float, as a fraction. The denominator is a power of ten, at
/// most 10^38; a decimal that needs a larger one is smaller than 10^-20, and becomes one over it, or zero.
pub(crate) fn decimal(value: f64) -> (u128, u128) {
    const MAX_EXPONENT: usize = 38;
    let mut scientific = Buffer::default();
    // It fits: see `Buffer`.
    let _ = write!(scientific, "{value:e}");
    let (digits, exponent) = scientific.as_str().split_once('e').unwrap_or(("0", "0"));
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let numerator = whole.bytes().chain(rest.bytes()).fold(0, |number, digit| {
        10 * number + u128::from(digit.wrapping_sub(b'0'))
    });
    match rest.len().checked_add_signed(-exponent as isize) {
        Some(places) if places <= MAX_EXPONENT => (numerator, 10_u128.pow(places as u32)),
        _ => (numerator.min(1), 10_u128.pow(MAX_EXPONENT as u32)),
    }
}

/// The longest float in scientific notation has 24 bytes: `-2.2250738585072014e-308`.
#[derive(Debug, Default)]
struct Buffer {
    bytes: [u8; 32],
    len: usize,
}

impl Buffer {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl fmt::Write for Buffer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let place = self
            .bytes
            .get_mut(self.len..self.len + text.len())
            .ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_go_writes_them() {
        for (value, expected) in [
            (0.0, "0"),
            (1.0, "1"),
            (0.001, "0.001"),
            (0.0001, "0.0001"),
            (0.000_016_511, "1.6511e-05"),
            (123_456.0, "123456"),
            (1e6, "1e+06"),
            (1.5e10, "1.5e+10"),
            (1e100, "1e+100"),
            (-2.5, "-2.5"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(GoFloat::new(value).to_string(), expected);
        }
    }

    #[test]
    fn label_values_are_canonical() {
        assert_eq!(GoFloat::label(1.0).to_string(), "1.0");
        assert_eq!(GoFloat::label(0.99).to_string(), "0.99");
        assert_eq!(GoFloat::label(1e6).to_string(), "1e+06");
        assert_eq!(GoFloat::label(f64::INFINITY).to_string(), "+Inf");
        assert_eq!(GoFloat::label(2.5).to_string(), "2.5");
    }

    #[test]
    fn nanoseconds_become_seconds_exactly() {
        for (nanos, expected) in [
            (0, "0"),
            (1, "0.000000001"),
            (1_000_000_000, "1"),
            (1_500_000_000, "1.5"),
            (u64::MAX.into(), "18446744073.709551615"),
        ] {
            assert_eq!(Scaled(nanos, Unit::Seconds).to_string(), expected);
        }
        assert_eq!(Scaled(1_500_000_000, Unit::Bytes).to_string(), "1500000000");
        assert_eq!(Scaled(1_500, Unit::Decimal(0)).to_string(), "1500");
        assert_eq!(Scaled(1_050, Unit::Decimal(3)).to_string(), "1.05");
        assert_eq!(
            Scaled(1, Unit::Decimal(15)).to_string(),
            "0.000000000000001"
        );
    }
}
