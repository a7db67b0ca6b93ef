//! Which bucket a value falls into: the log-linear layout of HdrHistogram (Gil Tene), with the same boundaries as the
//! `hdrhistogram` crate for the same digits (a test holds the two together).
//!
//! Exponent and leading mantissa bits of a float are a log-linear scale already, so a bucket's number is read off the value
//! as an `f64`: fewer instructions than counting leading zeros, which is slow on x86-64 without `lzcnt`. Octave 0 is for
//! zero alone; octave `e + 1` covers 2^e to 2^(e+1) - 1 with `octave_len` buckets, of which the low octaves, with fewer
//! values than buckets, leave some unused. No atomics here, only arithmetic.

/// The layout of one histogram's buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// log2 of the number of buckets in an octave.
    magnitude: u32,
    octaves: u32,
    min: u64,
    max: u64,
}

/// Zero's, and one for each exponent of a 64-bit value.
pub(crate) const MAX_OCTAVES: usize = 65;

/// Explicit bits of an `f64`'s mantissa.
pub(crate) const MANTISSA: u32 = 52;

/// The exponent field of 1.0, less one octave for zero.
const BIAS: usize = 1022;

impl Layout {
    /// Keeps `digits` significant decimal digits (at most 5) of the values from `min` to `max`.
    pub(crate) fn new(min: u64, max: u64, digits: u8) -> Self {
        let single_units = 2 * 10_u64.pow(u32::from(digits));
        let magnitude = single_units.next_power_of_two().ilog2() - 1;
        let octaves = max.checked_ilog2().map_or(1, |exponent| exponent + 2);
        Self { magnitude, octaves, min, max }
    }

    /// Whether values of this size are to be recorded.
    #[inline]
    pub(crate) fn contains(&self, value: u64) -> bool {
        (self.min..=self.max).contains(&value)
    }

    pub(crate) fn range(&self) -> (u64, u64) {
        (self.min, self.max)
    }

    /// The bucket of a value.
    pub(crate) fn bucket(&self, value: u64) -> usize {
        // A float keeps 53 bits; of a longer value only the leading ones are wanted, unrounded.
        const TOO_LONG: u32 = u64::BITS - MANTISSA - 1;
        if value == 0 {
            0
        } else if value >> (MANTISSA + 1) != 0 {
            self.bucket(value >> TOO_LONG) + ((TOO_LONG as usize) << self.magnitude)
        } else {
            ((value as f64).to_bits() >> self.ignored()) as usize - self.bias()
        }
    }

    /// Whether all values of an octave are to be recorded, and are short enough for their bucket to be their leading bits
    /// as a float, less [`Self::bias`].
    pub(crate) fn is_plain(&self, octave: usize) -> bool {
        let exponent = octave as u32 - 1;
        exponent <= MANTISSA && self.contains(1 << exponent) && self.contains((2 << exponent) - 1)
    }

    /// Bits of a float's mantissa that do not matter to the bucket.
    pub(crate) fn ignored(&self) -> u32 {
        MANTISSA - self.magnitude
    }

    /// How much more the leading bits of a float are than its bucket.
    pub(crate) fn bias(&self) -> usize {
        BIAS << self.magnitude
    }

    /// The octave of a bucket, and its place in it.
    #[inline]
    pub(crate) fn split(&self, bucket: usize) -> (usize, usize) {
        (bucket >> self.magnitude, bucket & (self.octave_len() - 1))
    }

    /// The lowest value of a bucket; of an unused one, of the used one below.
    pub(crate) fn low(&self, bucket: usize) -> u64 {
        let (octave, place) = self.split(bucket);
        let Some(exponent) = octave.checked_sub(1) else {
            return 0;
        };
        let leading = ((1 << self.magnitude) + place) as u64;
        if exponent as u32 >= self.magnitude {
            leading << (exponent as u32 - self.magnitude)
        } else {
            leading >> (self.magnitude - exponent as u32)
        }
    }

    /// The highest value of a bucket.
    pub(crate) fn high(&self, bucket: usize) -> u64 {
        let (octave, _) = self.split(bucket);
        let doublings = (octave as u32).saturating_sub(1).saturating_sub(self.magnitude);
        self.low(bucket) + ((1 << doublings) - 1)
    }

    /// Buckets in an octave: a power of two.
    #[inline]
    pub(crate) fn octave_len(&self) -> usize {
        1 << self.magnitude
    }

    pub(crate) fn octaves(&self) -> usize {
        self.octaves as usize
    }

    pub(crate) fn buckets(&self) -> usize {
        self.octaves() << self.magnitude
    }
}
