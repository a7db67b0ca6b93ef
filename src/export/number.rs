//! Numbers as the expositions want them.

use crate::metric::options::Unit;
use std::fmt;

/// A value in its unit, exactly: nanoseconds become seconds by moving the decimal point.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InUnit(pub(crate) u64, pub(crate) Unit);

const NANOS: u64 = 1_000_000_000;

impl fmt::Display for InUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value, unit) = *self;
        if unit != Unit::Seconds {
            return write!(f, "{value}");
        }
        let (seconds, mut nanos) = (value / NANOS, value % NANOS);
        if nanos == 0 {
            return write!(f, "{seconds}");
        }
        let mut digits = 9;
        while nanos % 10 == 0 {
            nanos /= 10;
            digits -= 1;
        }
        write!(f, "{seconds}.{nanos:0digits$}")
    }
}

impl InUnit {
    /// The value for a label: a `le` or a `quantile`.
    pub(crate) fn canonical(self) -> Canonical {
        let scale = if self.1 == Unit::Seconds { NANOS as f64 } else { 1.0 };
        Canonical(self.0 as f64 / scale)
    }
}

/// A float as Go's `%g` writes it, since that is what scrapers compare label values with, and `.0` where it would have
/// neither point nor exponent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Canonical(pub(crate) f64);

impl fmt::Display for Canonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Float(self.0).to_string();
        let whole = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        f.write_str(&text)?;
        if whole { f.write_str(".0") } else { Ok(()) }
    }
}

/// A float as Go's `%g` writes it: the shortest digits that read back the same, an exponent below 10^-4 and from 10^6 on
/// (10^21 for values, where only a reader's eye is at stake, would save nothing).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Float(pub(crate) f64);

impl fmt::Display for Float {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        if value.is_nan() {
            return f.write_str("NaN");
        }
        if value.is_infinite() {
            return f.write_str(if value > 0.0 { "+Inf" } else { "-Inf" });
        }
        let scientific = format!("{value:e}");
        let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        if (-4..6).contains(&exponent) {
            return write!(f, "{value}");
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(f, "{digits}e{sign}{:02}", exponent.abs())
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
            assert_eq!(Float(value).to_string(), expected);
        }
    }

    #[test]
    fn label_values_are_canonical() {
        assert_eq!(Canonical(1.0).to_string(), "1.0");
        assert_eq!(Canonical(0.99).to_string(), "0.99");
        assert_eq!(Canonical(1e6).to_string(), "1e+06");
        assert_eq!(Canonical(f64::INFINITY).to_string(), "+Inf");
        assert_eq!(InUnit(2_500_000_000, Unit::Seconds).canonical().to_string(), "2.5");
    }

    #[test]
    fn nanoseconds_become_seconds_exactly() {
        for (nanos, expected) in [
            (0, "0"),
            (1, "0.000000001"),
            (1_000_000_000, "1"),
            (1_500_000_000, "1.5"),
            (u64::MAX, "18446744073.709551615"),
        ] {
            assert_eq!(InUnit(nanos, Unit::Seconds).to_string(), expected);
        }
        assert_eq!(InUnit(1_500_000_000, Unit::Bytes).to_string(), "1500000000");
    }
}
