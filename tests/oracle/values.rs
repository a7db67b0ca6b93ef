//! Values of every size, and for histograms of every range.

use proptest::prelude::*;

/// Numbers of every size alike.
pub(crate) fn any_size() -> impl Strategy<Value = u64> {
    (0_u32..=64, any::<u64>()).prop_map(|(bits, n)| n.checked_shr(64 - bits).unwrap_or(0))
}

/// Ends of every size alike.
pub(crate) fn any_range() -> impl Strategy<Value = (u64, u64)> {
    (any_size(), any_size()).prop_map(|(a, b)| (a.min(b), a.max(b)))
}

/// A value for a histogram, whatever its range.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pick {
    /// So much above the least, modulo the range.
    Within(u64),
    Least,
    Most,
    /// Beside the ends, or anywhere.
    BelowLeast,
    AboveMost,
    Any(u64),
}

impl Pick {
    pub(crate) fn of(self, (min, max): (u64, u64)) -> u64 {
        match self {
            Self::Within(n) => (max - min).checked_add(1).map_or(n, |span| min + n % span),
            Self::Least => min,
            Self::Most => max,
            Self::BelowLeast => min.wrapping_sub(1),
            Self::AboveMost => max.wrapping_add(1),
            Self::Any(n) => n,
        }
    }
}

pub(crate) fn pick() -> impl Strategy<Value = Pick> {
    prop_oneof![
        8 => any_size().prop_map(Pick::Within),
        1 => Just(Pick::Least),
        1 => Just(Pick::Most),
        1 => Just(Pick::BelowLeast),
        1 => Just(Pick::AboveMost),
        2 => any_size().prop_map(Pick::Any),
    ]
}

/// Samples around what queues hold and folds remember.
pub(crate) fn burst_len() -> impl Strategy<Value = usize> {
    prop_oneof![
        1_usize..40,
        250_usize..260,
        505_usize..520,
        1020_usize..1030,
        600_usize..2500
    ]
}
