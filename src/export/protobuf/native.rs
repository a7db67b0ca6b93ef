//! Native histograms: the fine buckets of a histogram as Prometheus' sparse exponential ones.
//!
//! With schema `s`, bucket `i` holds the values above 2^((i-1)/2^s) and up to 2^(i/2^s), in the unit of the family's name; zero has
//! a bucket of its own. Each fine bucket is counted where its middle falls, so a value within half a fine bucket of a native bound
//! may count on the other side of it. A quantile that a server computes is off by no more than the width of a native bucket and
//! half of a fine one together: [`Format::Protobuf`](crate::Format::Protobuf) has the figures.
//!
//! Narrower buckets would cost the server more than they tell: latencies over ten octaves take up to 320 buckets of schema 5.

use super::messages::{Histogram, Span};
use crate::snapshot::histogram::HistogramSnapshot;
use crate::sync::LazyLock;
use std::array;

/// Values up to this one count as zero: 2^-128, as in Prometheus' own client libraries. Of all values but zero the smallest is
/// 10^-15.
const ZERO_THRESHOLD: f64 = 0.5 / (1_u128 << 127) as f64;

/// So many empty buckets between two others are written as zeros; a new span would take more bytes.
const MAX_GAP: i32 = 2;

/// Adds the native buckets.
pub(super) fn add_buckets(snapshot: &HistogramSnapshot, out: &mut Histogram) {
    out.schema = if snapshot.digits == 1 { 3 } else { FINEST };
    out.zero_threshold = ZERO_THRESHOLD;
    let mut counts: Vec<(i32, u64)> = Vec::new();
    for bucket in snapshot.buckets() {
        if bucket.high == 0 {
            out.zero_count = bucket.count;
            continue;
        }
        let middle = bucket.low as f64 + (bucket.high - bucket.low) as f64 / 2.0;
        let index = index(middle / snapshot.unit.scale(), out.schema);
        match counts.last_mut().filter(|(last, _)| *last == index) {
            Some((_, count)) => *count = count.wrapping_add(bucket.count),
            None => counts.push((index, bucket.count)),
        }
    }
    // One past the last bucket that was written.
    let (mut end, mut before) = (0, 0);
    for (index, count) in counts {
        let gap = index - end;
        match out.spans.last_mut().filter(|_| gap <= MAX_GAP) {
            Some(span) => {
                for _ in 0..gap {
                    push_count(&mut out.deltas, &mut before, 0);
                }
                span.length += gap.unsigned_abs() + 1;
            }
            None => out.spans.push(Span {
                offset: gap,
                length: 1,
            }),
        }
        push_count(&mut out.deltas, &mut before, count);
        end = index + 1;
    }
}

fn push_count(deltas: &mut Vec<i64>, before: &mut u64, count: u64) {
    deltas.push(count.wrapping_sub(*before) as i64);
    *before = count;
}

/// The largest schema that is used.
const FINEST: i32 = 5;

/// The bounds in the octave from 1 to 2, of the finest schema.
static BOUNDS: LazyLock<[f64; 1 << FINEST]> =
    LazyLock::new(|| array::from_fn(|i| (i as f64 / f64::from(1 << FINEST)).exp2()));

/// The bucket of a value above zero.
fn index(value: f64, schema: i32) -> i32 {
    // A float is its mantissa, from 1 to 2, times a power of two.
    const MANTISSA: u64 = (1 << (f64::MANTISSA_DIGITS - 1)) - 1;
    let bits = value.to_bits();
    let mantissa = f64::from_bits(bits & MANTISSA | 1_f64.to_bits());
    let exponent = (bits >> (f64::MANTISSA_DIGITS - 1)) as i32 - (f64::MAX_EXP - 1);
    let below = BOUNDS.partition_point(|bound| *bound < mantissa);
    let finest = (exponent << FINEST) + below as i32;
    // Buckets of a coarser schema are so many of the finest, up to the same bound: this rounds up.
    let coarser = FINEST - schema;
    (finest + (1 << coarser) - 1) >> coarser
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_belong_to_the_bucket_below() {
        for schema in [3, 5] {
            let per_octave = 1 << schema;
            for index_of_bound in -40 * per_octave..=64 * per_octave {
                let bound = (f64::from(index_of_bound) / f64::from(per_octave)).exp2();
                assert_eq!(index(bound, schema), index_of_bound);
                assert_eq!(index(bound.next_up(), schema), index_of_bound + 1);
            }
        }
        assert_eq!(ZERO_THRESHOLD, 2_f64.powi(-128));
    }
}
