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

/// Values up to this one count as zero: 2^-128, as in Prometheus' own client libraries. Of all values but zero the smallest is
/// 10^-15.
const ZERO_THRESHOLD: f64 = 0.5 / (1_u128 << 127) as f64;

/// So many empty buckets between two others are written as zeros; a new span would take more bytes.
const MAX_GAP: i32 = 2;

/// Adds the native buckets.
pub(super) fn add_buckets(snapshot: &HistogramSnapshot, out: &mut Histogram) {
    out.schema = if snapshot.digits == 1 { 3 } else { 5 };
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

/// The bucket of a value above zero.
fn index(value: f64, schema: i32) -> i32 {
    let per_octave = f64::from(1 << schema);
    let upper = |index: i32| (f64::from(index) / per_octave).exp2();
    let estimate = (value.log2() * per_octave).ceil() as i32;
    // The logarithm of a value at a bound may be rounded to the wrong side of it.
    if value > upper(estimate) {
        estimate + 1
    } else if value <= upper(estimate - 1) {
        estimate - 1
    } else {
        estimate
    }
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
