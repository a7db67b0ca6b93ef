//! Which bucket a value falls into: the log-linear layout of HdrHistogram (Gil Tene), with the boundaries that the
//! `hdrhistogram` crate has for the same number of digits (a test compares the two).
//!
//! ```text
//! value          0 | 1 | 2 3 | 4 … 7 | 8 … 15 | …
//! octave         0 | 1 |  2  |   3   |    4   | …      octave e + 1 covers 2^e to 2^(e+1) - 1
//! buckets        2^sub_bucket_bits in each octave, of equal width
//! ```
//!
//! The exponent and the leading mantissa bits of a float are a log-linear scale already, so a bucket's number is read off the
//! value as an `f64`. That takes fewer instructions than counting leading zeros, which is slow on x86-64 without `lzcnt`. The
//! low octaves have fewer values than buckets and leave some buckets unused. There are no atomics here, only arithmetic.

use crate::tuning::LARGE_BITS;

/// Whether a value is [large](LARGE_BITS).
pub(crate) fn is_large(value: u64) -> bool {
    value >> LARGE_BITS != 0
}

/// The layout of one histogram's buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BucketLayout {
    /// log2 of the number of buckets in an octave.
    sub_bucket_bits: u32,
    octaves: u32,
    min: u64,
    max: u64,
}

/// One for zero, and one for each exponent of a 64-bit value.
pub(crate) const MAX_OCTAVES: usize = 65;

/// Explicit bits of an `f64`'s mantissa.
pub(crate) const MANTISSA_BITS: u32 = 52;

/// The exponent field of 1.0, less one octave for zero.
pub(crate) const EXPONENT_BIAS: usize = 1022;

impl BucketLayout {
    /// Keeps `digits` significant decimal digits (at most 5) of the values from `min` to `max`.
    pub(crate) fn new(min: u64, max: u64, digits: u8) -> Self {
        let single_units = 2 * 10_u64.pow(u32::from(digits));
        let sub_bucket_bits = single_units.next_power_of_two().ilog2() - 1;
        let octaves = max.checked_ilog2().map_or(1, |exponent| exponent + 2);
        Self {
            sub_bucket_bits,
            octaves,
            min,
            max,
        }
    }

    /// Whether the value is within the range.
    #[inline]
    pub(crate) fn contains(&self, value: u64) -> bool {
        (self.min..=self.max).contains(&value)
    }

    pub(crate) fn range(&self) -> (u64, u64) {
        (self.min, self.max)
    }

    /// The bucket of a value. `BlockWriter::try_record` computes the same inline for octaves with a fast path: change both.
    pub(crate) fn bucket(&self, value: u64) -> usize {
        // A float keeps 53 bits; of a longer value only the leading ones are needed, unrounded.
        const EXCESS_BITS: u32 = u64::BITS - MANTISSA_BITS - 1;
        if value == 0 {
            0
        } else if value >> (MANTISSA_BITS + 1) != 0 {
            self.bucket(value >> EXCESS_BITS) + ((EXCESS_BITS as usize) << self.sub_bucket_bits)
        } else {
            ((value as f64).to_bits() >> self.mantissa_shift()) as usize - self.bias()
        }
    }

    /// Whether every value of an octave is within the range, not large, and short enough for its bucket to be its leading bits
    /// as a float, less [`Self::bias`].
    pub(crate) fn has_fast_path(&self, octave: usize) -> bool {
        let exponent = octave as u32 - 1;
        exponent < LARGE_BITS.min(MANTISSA_BITS + 1)
            && self.contains(1 << exponent)
            && self.contains((2 << exponent) - 1)
    }

    /// How far a float's bits are shifted to drop the mantissa bits that do not matter to the bucket.
    pub(crate) fn mantissa_shift(&self) -> u32 {
        MANTISSA_BITS - self.sub_bucket_bits
    }

    /// The leading bits of a float, less its bucket.
    pub(crate) fn bias(&self) -> usize {
        EXPONENT_BIAS << self.sub_bucket_bits
    }

    /// The octave of a bucket.
    #[inline]
    pub(crate) fn octave(&self, bucket: usize) -> usize {
        bucket >> self.sub_bucket_bits
    }

    /// The number of a bucket within its octave.
    #[inline]
    pub(crate) fn index_in_octave(&self, bucket: usize) -> usize {
        bucket & (self.octave_len() - 1)
    }

    /// The lowest value of a bucket; of an unused bucket, that of the used one below.
    pub(crate) fn low(&self, bucket: usize) -> u64 {
        let Some(exponent) = self.octave(bucket).checked_sub(1) else {
            return 0;
        };
        let leading = (self.octave_len() + self.index_in_octave(bucket)) as u64;
        if exponent as u32 >= self.sub_bucket_bits {
            leading << (exponent as u32 - self.sub_bucket_bits)
        } else {
            leading >> (self.sub_bucket_bits - exponent as u32)
        }
    }

    /// The highest value of a bucket.
    pub(crate) fn high(&self, bucket: usize) -> u64 {
        let exponent = (self.octave(bucket) as u32).saturating_sub(1);
        let width_bits = exponent.saturating_sub(self.sub_bucket_bits);
        self.low(bucket) + ((1 << width_bits) - 1)
    }

    /// Buckets in an octave: a power of two.
    #[inline]
    pub(crate) fn octave_len(&self) -> usize {
        1 << self.sub_bucket_bits
    }

    pub(crate) fn octaves(&self) -> usize {
        self.octaves as usize
    }

    pub(crate) fn buckets(&self) -> usize {
        self.octaves() << self.sub_bucket_bits
    }
}
