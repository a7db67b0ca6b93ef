//! Quantiles as exact decimals: 0.07 of 100 values is the 7th, though the float nearest to 0.07 is larger than 0.07.

use crate::sample::number::decimal;

/// The fraction that a quantile between 0 and 1 stands for: the shortest decimal that reads back as the same float.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fraction {
    numerator: u128,
    denominator: u128,
}

impl Fraction {
    /// `q` is clamped to 0 to 1; NaN counts as 0.
    pub(super) fn new(q: f64) -> Self {
        const MILLION: f64 = 1e6;
        let q = if q.is_nan() { 0.0 } else { q.clamp(0.0, 1.0) };
        // Up to six digits, without formatting: division is correctly rounded, so the quotient is the float of that decimal.
        let millionths = (q * MILLION).round();
        let (numerator, denominator) = if millionths / MILLION == q {
            (millionths as u128, 1_000_000)
        } else {
            decimal(q)
        };
        Self {
            numerator,
            denominator,
        }
    }

    /// ⌈q·n⌉, at least 1: the nearest rank among `n` values.
    pub(super) fn nearest_rank(self, n: u64) -> u64 {
        // At most 17 digits by 20, so there is no overflow; the quotient is at most `n`.
        let product = self.numerator * u128::from(n);
        // A division of 64 bits is several times as fast, and nearly always enough.
        match (u64::try_from(product), u64::try_from(self.denominator)) {
            (Ok(product), Ok(denominator)) => product.div_ceil(denominator).max(1),
            _ => (product.div_ceil(self.denominator) as u64).max(1),
        }
    }

    /// q·(n − 1), as a whole rank and the rest: the closest ranks of linear interpolation.
    pub(super) fn interpolated_rank(self, n: usize) -> (usize, f64) {
        let product = self.numerator * n.saturating_sub(1) as u128;
        let rest = (product % self.denominator) as f64 / self.denominator as f64;
        ((product / self.denominator) as usize, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        assert_eq!(Fraction::new(0.07).nearest_rank(100), 7);
        assert_eq!(
            Fraction::new(0.99).nearest_rank(u64::MAX),
            18_262_276_632_972_456_099
        );
        assert_eq!(
            Fraction::new(0.123_456_789).nearest_rank(1_000_000_000),
            123_456_789
        );
        assert_eq!(Fraction::new(f64::MIN_POSITIVE).nearest_rank(u64::MAX), 1);
        assert_eq!(Fraction::new(f64::NAN).nearest_rank(7), 1);
        assert_eq!(Fraction::new(2.0).nearest_rank(7), 7);
        assert_eq!(Fraction::new(0.5).interpolated_rank(4), (1, 0.5));
    }

    /// Decimals of up to 15 digits, of any number of values.
    #[test]
    fn ranks_are_those_of_whole_numbers() {
        let mut random = 0x9E37_79B9_7F4A_7C15_u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        for _ in 0..100_000 {
            let denominator = 10_u128.pow((next() % 15) as u32 + 1);
            let (numerator, n) = (
                u128::from(next()) % (denominator + 1),
                next() >> (next() % 64),
            );
            let q: f64 = format!("{numerator}e-{}", denominator.ilog10())
                .parse()
                .unwrap();
            let expected = (numerator * u128::from(n)).div_ceil(denominator).max(1);
            assert_eq!(
                u128::from(Fraction::new(q).nearest_rank(n)),
                expected,
                "{q} of {n}"
            );
        }
    }
}
