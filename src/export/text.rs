//! Prometheus' text format, version 0.0.4: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use crate::kind::MetricKind;
use crate::sample::Encoder;
use crate::sample::description::FamilyDescription;
use crate::sample::labels::LabelSet;
use crate::sample::number::{GoFloat, Scaled};
use crate::sample::value::{Summary, Value};
use crate::snapshot::histogram::HistogramSnapshot;
use std::fmt::Display;
use std::io::Write;

/// See the module's header.
#[derive(Debug)]
pub(super) struct TextEncoder;

impl Encoder for TextEncoder {
    fn cache(&self) -> usize {
        0
    }

    fn begin_family(&self, family: &FamilyDescription, _body: usize, out: &mut Vec<u8>) {
        let (name, suffix) = (&family.name, suffix(family.kind));
        // Writing to a Vec cannot fail, neither here nor below.
        let _ = write!(out, "# HELP {name}{suffix} ");
        escape(&family.help, false, out);
        let _ = write!(out, "\n# TYPE {name}{suffix} {}\n", family.kind);
    }

    fn series(
        &self,
        family: &FamilyDescription,
        labels: LabelSet<'_>,
        value: &Value,
        out: &mut Vec<u8>,
    ) {
        let mut series = SeriesWriter {
            family,
            labels,
            out,
        };
        let suffix = suffix(family.kind);
        match value {
            Value::Counter(value) => series.integer(suffix, None, *value),
            Value::Gauge(value) => series.integer(suffix, None, *value),
            Value::FloatCounter(value) | Value::FloatGauge(value) => {
                series.sample(suffix, None, GoFloat::new(*value));
            }
            Value::Histogram(histogram) => series.histogram(histogram),
            Value::Summary(summary) => series.summary(summary),
        }
    }

    fn overwrite(&self, value: &Value, series: &mut [u8]) -> bool {
        let mut digits = itoa::Buffer::new();
        let digits = match value {
            Value::Counter(value) => digits.format(*value),
            Value::Gauge(value) => digits.format(*value),
            _ => return false,
        };
        // A space, the value, a newline.
        let Some(start) = series.len().checked_sub(digits.len() + 2) else {
            return false;
        };
        let place = &mut series[start..];
        if place.iter().rposition(|byte| *byte == b' ') != Some(0) {
            return false;
        }
        place[1..=digits.len()].copy_from_slice(digits.as_bytes());
        true
    }
}

/// What the format adds to a family's name.
fn suffix(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Counter => "_total",
        MetricKind::Gauge | MetricKind::Histogram | MetricKind::Summary => "",
    }
}

/// Ends a line with an integer, without `Display`, which takes half of a counter's time.
fn end_with_integer(value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    out.push(b'\n');
}

/// Writes the text with backslashes and newlines escaped, and quotes if it is a label's value.
fn escape(text: &str, quotes: bool, out: &mut Vec<u8>) {
    let mut text = text.as_bytes();
    let special = |byte: &u8| matches!(byte, b'\\' | b'\n') || (quotes && *byte == b'"');
    // What lies between two special characters is copied as a whole.
    while let Some(at) = text.iter().position(special) {
        out.extend_from_slice(&text[..at]);
        out.extend_from_slice(match text[at] {
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            _ => b"\\\"",
        });
        text = &text[at + 1..];
    }
    out.extend_from_slice(text);
}

/// Writes the samples of one series.
struct SeriesWriter<'a> {
    family: &'a FamilyDescription,
    labels: LabelSet<'a>,
    out: &'a mut Vec<u8>,
}

/// A label that the format itself adds.
type Added<'a> = (&'a str, &'a dyn Display);

impl SeriesWriter<'_> {
    fn sample(&mut self, suffix: &str, added: Option<Added<'_>>, value: impl Display) {
        self.name(suffix, added);
        let _ = writeln!(self.out, "{value}");
    }

    fn integer(&mut self, suffix: &str, added: Option<Added<'_>>, value: impl itoa::Integer) {
        self.name(suffix, added);
        end_with_integer(value, self.out);
    }

    /// The name and the labels, and the space behind them.
    fn name(&mut self, suffix: &str, added: Option<Added<'_>>) {
        self.out.extend_from_slice(self.family.name.as_bytes());
        self.out.extend_from_slice(suffix.as_bytes());
        let mut separator = self.labels();
        if let Some((name, value)) = added {
            let _ = write!(self.out, "{}{name}=\"{value}\"", char::from(separator));
            separator = b',';
        }
        if separator == b',' {
            self.out.push(b'}');
        }
        self.out.push(b' ');
    }

    /// The series' own labels. Returns what stands before one more.
    fn labels(&mut self) -> u8 {
        let mut separator = b'{';
        for (name, value) in self.labels.iter() {
            self.out.push(separator);
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(b"=\"");
            escape(value, true, self.out);
            self.out.push(b'"');
            separator = b',';
        }
        separator
    }

    fn histogram(&mut self, histogram: &HistogramSnapshot) {
        let bounds = &self.family.bounds;
        let counts = histogram.cumulative(bounds.iter().map(|bound| bound.cut));
        let les = bounds.iter().map(|bound| &*bound.le).chain(["+Inf"]);
        // All buckets begin with the same bytes as the first one.
        let start = self.out.len();
        self.out.extend_from_slice(self.family.name.as_bytes());
        self.out.extend_from_slice(b"_bucket");
        let separator = self.labels();
        self.out.push(separator);
        self.out.extend_from_slice(b"le=\"");
        let beginning = start..self.out.len();
        for (number, (le, count)) in les.zip(counts.chain([histogram.count()])).enumerate() {
            if number > 0 {
                self.out.extend_from_within(beginning.clone());
            }
            self.out.extend_from_slice(le.as_bytes());
            self.out.extend_from_slice(b"\"} ");
            end_with_integer(count, self.out);
        }
        self.totals(histogram.sum(), histogram.count());
    }

    fn summary(&mut self, summary: &Summary) {
        for (q, value) in summary.quantiles() {
            let q = GoFloat::label(*q);
            let added: Option<Added<'_>> = Some(("quantile", &q));
            match value {
                Some(value) => {
                    let value = Scaled((*value).into(), self.family.unit);
                    self.sample("", added, value);
                }
                None => self.sample("", added, GoFloat::new(f64::NAN)),
            }
        }
        self.totals(summary.sum(), summary.count());
    }

    fn totals(&mut self, sum: u128, count: u64) {
        self.sample("_sum", None, Scaled(sum, self.family.unit));
        self.integer("_count", None, count);
    }
}
