//! Interval logs of HdrHistogram: a text file with a line for each histogram of each interval.

use crate::error::HdrError;
use crate::export::hdr::{divisor, failed};
use crate::snapshot::histogram::HistogramSnapshot;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogWriterBuilder, IntervalLogWriterError, Tag,
};
use std::fmt;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

/// Writes an interval log of HdrHistogram, which its tools read: `HistogramLogProcessor`, `HistogramLogAnalyzer`, and the readers of its
/// implementations in many languages. Needs the feature `hdr-log`.
///
/// Each line is one histogram of one interval: what was recorded in a [window](crate::Histogram::window), or
/// [since](HistogramSnapshot::since) the snapshot before. Lines with tags tell several histograms of one log apart. The values are
/// those that were recorded, nanoseconds for durations, with the exactness that [`HistogramSnapshot::encode_hdr`] states; the largest of an interval,
/// which stands in front of the encoded histogram for people to read, is in milliseconds for durations, and otherwise in the histogram's unit.
///
/// ```
/// use epoch_metrics::{HdrLogWriter, HistogramOptions, Registry};
/// use std::time::{Duration, SystemTime};
///
/// let latency = Registry::new().histogram("latency", "Latency.", HistogramOptions::durations())?;
/// let mut log = HdrLogWriter::new(Vec::new(), SystemTime::now())?;
/// let second = Duration::from_secs(1);
/// let mut before = latency.snapshot();
/// for number in 0..2 {
///     latency.record_duration(Duration::from_millis(5)); // a second passes
///     let now = latency.snapshot();
///     log.write(&now.since(&before)?, Some("search"), number * second, second)?;
///     before = now;
/// }
/// let text = String::from_utf8(log.into_inner())?;
/// assert!(text.starts_with("#[Histogram log format version 1.3]\n"));
/// assert!(text.lines().last().is_some_and(|line| line.starts_with("Tag=search,1.000,1.000,5.014,HISTFAAA")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct HdrLogWriter<W> {
    out: W,
    serializer: V2DeflateSerializer,
    line: Vec<u8>,
}

impl<W: Write> HdrLogWriter<W> {
    /// Begins a log: writes its head. `start` is the log's start time and its base time, from which intervals are counted.
    ///
    /// # Errors
    /// If the writer fails.
    pub fn new(mut out: W, start: SystemTime) -> io::Result<Self> {
        let mut serializer = V2DeflateSerializer::new();
        let mut head = IntervalLogWriterBuilder::new();
        head.add_comment("[Histogram log format version 1.3]");
        head.add_comment("[Written by epoch-metrics]");
        head.with_start_time(start).with_base_time(start);
        head.begin_log_with(&mut out, &mut serializer)?;
        Ok(Self {
            out,
            serializer,
            line: Vec::new(),
        })
    }

    /// Writes one interval of a histogram, as one line: it began at `from`, counted from the start of the log, and lasted for `length`. Both are
    /// written in milliseconds. Tools expect intervals in the order of their beginnings.
    ///
    /// # Errors
    /// If the tag is empty, or has a comma, a space or the end of a line; if the histogram cannot be encoded
    /// ([`HistogramSnapshot::encode_hdr`]); and if the writer fails. Unless the writer fails, nothing was written then.
    pub fn write(
        &mut self,
        snapshot: &HistogramSnapshot,
        tag: Option<&str>,
        from: Duration,
        length: Duration,
    ) -> Result<(), HdrError> {
        let invalid = |tag: &str| HdrError::InvalidTag {
            tag: tag.to_owned(),
        };
        let tag = tag.map(|tag| match Tag::new(tag) {
            Some(valid) if !tag.is_empty() => Ok(valid),
            _ => Err(invalid(tag)),
        });
        let tag = tag.transpose()?;
        let hdr = snapshot.to_signed_hdr()?;
        self.line.clear();
        let mut builder = IntervalLogWriterBuilder::new();
        builder.with_max_value_divisor(divisor(snapshot.unit));
        // A Vec takes everything.
        let mut writer = builder.begin_log_with(&mut self.line, &mut self.serializer)?;
        let written = writer.write_histogram(&hdr, from, length, tag);
        written.map_err(|error| match error {
            IntervalLogWriterError::SerializeError(error) => failed(&error),
            IntervalLogWriterError::IoError(error) => error.into(),
        })?;
        // The builder puts the divisor in front, as a line of its own, each time.
        let mut lines = self.line.split_inclusive(|byte| *byte == b'\n');
        let line = lines.next_back().unwrap_or_default();
        self.out.write_all(line)?;
        Ok(())
    }

    /// Flushes the writer.
    ///
    /// # Errors
    /// If the writer fails.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// The writer, with the log.
    pub fn into_inner(self) -> W {
        self.out
    }
}

impl<W> fmt::Debug for HdrLogWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HdrLogWriter").finish_non_exhaustive()
    }
}
