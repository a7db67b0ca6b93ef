//! Histograms in the formats of [HdrHistogram](https://hdrhistogram.github.io/HdrHistogram/): its binary encodings, and the text of its
//! percentile distribution. `hdr_log.rs` writes logs of them.
//!
//! A histogram here has the buckets that HdrHistogram has for the same number of digits, so each bucket becomes one bucket, whole.

use crate::error::HdrError;
use crate::kind::Unit;
use crate::snapshot::histogram::HistogramSnapshot;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer, V2Serializer};
use std::io::{self, Write};

/// The largest number that HdrHistogram has, whose numbers are signed in Java.
const MAX: u64 = i64::MAX as u64;

/// Lines for each half of the distance to 100 %, as in HdrHistogram's own tools.
const TICKS: u32 = 5;

impl HistogramSnapshot {
    /// Encodes the histogram as HdrHistogram does (V2, not compressed); needs the feature `hdr-log`.
    ///
    /// The mapping is exact: every bucket becomes the bucket of HdrHistogram that covers the same values, with as many significant digits. Counts and
    /// [`max`](Self::max) are the same in a reader, and a quantile is the same or that of a neighbouring sample, since HdrHistogram computes
    /// ranks in floating point. The values are those that were recorded: nanoseconds for durations. The sum and what was rejected are
    /// left out; HdrHistogram computes means from buckets. A reader allocates the counters of the whole range up to 2^63 - 1 that the histogram was
    /// registered with: 58 KB with two digits, 0.5 MB with three.
    ///
    /// # Errors
    /// If a value of 2^63 or more was recorded, or 2^63 values or more are in one bucket.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let sizes = Registry::new().histogram("sizes", "Sizes.", HistogramOptions::values(0, 1_000_000))?;
    /// (1..=1_000).for_each(|size| sizes.record(size));
    /// let snapshot = sizes.snapshot();
    /// let encoded = snapshot.encode_hdr()?;
    /// assert_eq!(encoded[..4], [0x1c, 0x84, 0x93, 0x13]); // the cookie of V2
    /// assert!(snapshot.encode_hdr_compressed()?.len() < encoded.len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn encode_hdr(&self) -> Result<Vec<u8>, HdrError> {
        self.encode(V2Serializer::new())
    }

    /// [`Self::encode_hdr`], compressed by zlib: what stands in logs, in base64.
    ///
    /// # Errors
    /// As [`Self::encode_hdr`].
    pub fn encode_hdr_compressed(&self) -> Result<Vec<u8>, HdrError> {
        self.encode(V2DeflateSerializer::new())
    }

    fn encode<S: Serializer>(&self, mut serializer: S) -> Result<Vec<u8>, HdrError> {
        let mut encoded = Vec::new();
        let encoding = serializer.serialize(&self.to_signed_hdr()?, &mut encoded);
        encoding.map_err(|error| failed(&error))?;
        Ok(encoded)
    }

    /// Writes the percentile distribution as HdrHistogram's `outputPercentileDistribution` does: the text of `.hgrm` files, which the plotter at
    /// <https://hdrhistogram.github.io/HdrHistogram/plotFiles.html> draws. Needs the feature `hdr-log`.
    ///
    /// Durations are in milliseconds, as in HdrHistogram's tools, and decimals in their own unit. The mean is exact; the standard deviation is that of the
    /// buckets' middles.
    ///
    /// # Errors
    /// As [`Self::encode_hdr`], and if the writer fails.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    /// use std::time::Duration;
    ///
    /// let latency = Registry::new().histogram("latency", "Latency.", HistogramOptions::durations())?;
    /// (1..=100).for_each(|ms| latency.record_duration(Duration::from_millis(ms)));
    /// let mut text = Vec::new();
    /// latency.snapshot().write_hgrm(&mut text)?;
    /// let text = String::from_utf8(text)?;
    /// assert!(text.starts_with("       Value     Percentile TotalCount 1/(1-Percentile)\n\n"));
    /// assert!(text.contains("#[Mean    =        50.50,"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_hgrm(&self, mut out: impl Write) -> Result<(), HdrError> {
        let hdr = self.to_signed_hdr()?;
        let (one, digits) = (divisor(self.unit), usize::from(self.digits));
        let scaled = |value: f64| format!("{:12.digits$}", value / one);
        writeln!(
            out,
            "{:>12} {:>14} {:>10} {:>14}\n",
            "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
        )?;
        let mut before = 0;
        for step in hdr.iter_quantiles(TICKS) {
            before += step.count_since_last_iteration();
            let (value, quantile) = (
                scaled(step.value_iterated_to() as f64),
                step.quantile_iterated_to(),
            );
            write!(out, "{value} {quantile:1.12} {before:10}")?;
            match quantile < 1.0 {
                true => writeln!(out, " {:14.2}", 1.0 / (1.0 - quantile))?,
                false => writeln!(out)?,
            }
        }
        let (mean, deviation) = (scaled(self.mean().unwrap_or_default()), scaled(hdr.stdev()));
        let (max, count) = (scaled(self.max().unwrap_or_default() as f64), self.count);
        let (buckets, sub_buckets) = (hdr.buckets(), 2 * self.layout.octave_len());
        writeln!(out, "#[Mean    = {mean}, StdDeviation   = {deviation}]")?;
        writeln!(out, "#[Max     = {max}, Total count    = {count:12}]")?;
        writeln!(
            out,
            "#[Buckets = {buckets:12}, SubBuckets     = {sub_buckets:12}]"
        )?;
        Ok(())
    }

    /// The same counts in HdrHistogram's own type, within the numbers that all its implementations have.
    pub(super) fn to_signed_hdr(&self) -> Result<Histogram<u64>, HdrError> {
        let highest = self.layout.high(self.layout.buckets() - 1);
        let hdr = Histogram::new_with_bounds(1, highest.clamp(2, MAX), self.digits);
        let mut hdr = hdr.map_err(|error| failed(&error))?;
        for bucket in self.buckets() {
            if bucket.high > MAX {
                return Err(HdrError::ValueTooLarge { value: bucket.high });
            }
            if bucket.count > MAX {
                return Err(HdrError::CountTooLarge {
                    count: bucket.count,
                });
            }
            let recorded = hdr.record_n(bucket.low, bucket.count);
            recorded.map_err(|error| failed(&error))?;
        }
        Ok(hdr)
    }
}

/// What HdrHistogram's tools divide recorded values by: nanoseconds become milliseconds.
pub(super) fn divisor(unit: Unit) -> f64 {
    match unit {
        Unit::Seconds => 1e6,
        unit => unit.scale(),
    }
}

/// What else can go wrong: the digits and values are in range, and memory is there.
pub(super) fn failed(error: &impl std::fmt::Debug) -> HdrError {
    HdrError::Write {
        error: io::Error::other(format!("{error:?}")),
    }
}
