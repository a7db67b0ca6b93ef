//! What the page polls: every metric, and the buckets of the histograms that it draws.

use epoch_metrics::{HistogramSnapshot, MetricKind, Page, Unit, Value};
use percent_encoding::percent_decode_str;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The histograms that one request may ask for. The page asks for two.
const MAX_HISTOGRAMS: usize = 8;

/// Each octave of values is sent as `2^SUB_BITS` buckets, so a bound is at most one part in 16 above a value.
const SUB_BITS: u32 = 4;

/// The JSON that the page polls: all metrics of `page`, and the buckets of the histograms that `query` asks for.
///
/// `query` is the query of the request's URL, without the question mark; empty if there is none. Each `histogram=NAME` in it, up to
/// the eighth, asks for the buckets of one family of histograms, all series added up. NAME is percent-encoded, and is the family's
/// name in [`Page::render_json`]. Everything else in it is ignored, so any query that a client sends is answered.
///
/// ```json
/// {
///   "histograms": [{"places": 9, "buckets": [[983040, 1015807, 3]]}],
///   "metrics": {}
/// }
/// ```
///
/// `histograms` has an entry for each that was asked for, in the same order, and `null` for one that is not there. Its buckets are
/// those that are not empty, rising: the lowest value, the highest, and how many values there were. Values are those that were recorded;
/// divided by 10 to the power of `places` they are in the unit of the family's name. `metrics` is what `Page::render_json` renders.
///
/// ```
/// use epoch_metrics::{HistogramOptions, Registry};
///
/// let registry = Registry::new();
/// let sizes = registry.histogram("batch", "Requests in a batch.", HistogramOptions::values(0, 1_000))?;
/// [4, 4, 7].into_iter().for_each(|size| sizes.record(size));
/// let data = epoch_metrics_page::render_data(&registry.page(), "histogram=batch");
/// assert!(data.starts_with(r#"{"histograms":[{"places":0,"buckets":[[4,4,2],[7,7,1]]}],"metrics":{"batch":"#));
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
pub fn render_data(page: &Page, query: &str) -> String {
    let mut out = String::from("{\"histograms\":[");
    let names = query
        .split('&')
        .filter_map(|part| part.strip_prefix("histogram="));
    for (at, name) in names.take(MAX_HISTOGRAMS).enumerate() {
        if at > 0 {
            out.push(',');
        }
        let name = percent_decode_str(name).decode_utf8_lossy();
        write_histogram(&mut out, page, &name);
    }
    out.push_str("],\"metrics\":");
    out.push_str(&page.render_json());
    out.push('}');
    out
}

/// The buckets of the family `name`, or `null`.
fn write_histogram(out: &mut String, page: &Page, name: &str) {
    let mut places = None;
    let mut buckets = BTreeMap::new();
    let families = page.snapshots().filter_map(|held| held.family(name));
    for family in families.filter(|family| family.kind() == MetricKind::Histogram) {
        places = Some(decimal_places(family.unit()));
        for series in family.series() {
            if let Value::Histogram(histogram) = series.value() {
                add(&mut buckets, &histogram);
            }
        }
    }
    let Some(places) = places else {
        return out.push_str("null");
    };
    // Writing to a String cannot fail.
    let _ = write!(out, "{{\"places\":{places},\"buckets\":[");
    for (at, (low, count)) in buckets.into_iter().enumerate() {
        let high = bounds(low).1;
        let comma = if at > 0 { "," } else { "" };
        let _ = write!(out, "{comma}[{low},{high},{count}]");
    }
    out.push_str("]}");
}

/// Adds a histogram's counts to buckets by their lowest value. Its own buckets are narrower, or as wide.
fn add(buckets: &mut BTreeMap<u64, u64>, histogram: &HistogramSnapshot) {
    for bucket in histogram.buckets() {
        let count = buckets.entry(bounds(bucket.low).0).or_insert(0);
        *count = count.wrapping_add(bucket.count);
    }
}

/// The lowest and the highest value of the bucket that a value falls into: `2^SUB_BITS` buckets of one width in each octave.
fn bounds(value: u64) -> (u64, u64) {
    let octave = u64::BITS - value.leading_zeros();
    let width_bits = octave.saturating_sub(SUB_BITS + 1);
    let low = value >> width_bits << width_bits;
    (low, low + ((1 << width_bits) - 1))
}

/// How many decimal places of the recorded whole numbers are behind the decimal point of the exported ones.
fn decimal_places(unit: Unit) -> u8 {
    match unit {
        Unit::Seconds => 9,
        Unit::Decimal(places) => places,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::bounds;

    #[test]
    fn buckets_cover_every_value_without_a_gap() {
        assert_eq!(bounds(0), (0, 0));
        assert_eq!(bounds(31), (31, 31));
        assert_eq!(bounds(32), (32, 33));
        assert_eq!(bounds(1_000_000), (983_040, 1_015_807));
        assert_eq!(bounds(u64::MAX).1, u64::MAX);
        let mut next = 0_u64;
        let mut buckets = 0;
        loop {
            let (low, high) = bounds(next);
            assert_eq!((low, bounds(high)), (next, (low, high)));
            assert!(high - low <= low / 16, "{low} to {high}");
            buckets += 1;
            match high.checked_add(1) {
                Some(above) => next = above,
                None => break,
            }
        }
        assert_eq!(buckets, 32 + 59 * 16);
    }
}
