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
                series.sample(suffix, None, GoFloat::new(*value))
            }
            Value::Histogram(histogram) => series.histogram(histogram),
            Value::Summary(summary) => series.summary(summary),
        }
    }

    fn rewrite(&self, before: &[u8], value: &Value, out: &mut Vec<u8>) -> bool {
        // A series of one sample is one line, and no value has a space in it.
        let Some(space) = before.iter().rposition(|byte| *byte == b' ') else {
            return false;
        };
        let name = &before[..=space];
        match value {
            Value::Counter(value) => {
                out.extend_from_slice(name);
                end_with_integer(*value, out);
            }
            Value::Gauge(value) => {
                out.extend_from_slice(name);
                end_with_integer(*value, out);
            }
            Value::FloatCounter(value) | Value::FloatGauge(value) => {
                out.extend_from_slice(name);
                let _ = writeln!(out, "{}", GoFloat::new(*value));
            }
            Value::Histogram(_) | Value::Summary(_) => return false,
        }
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

impl SeriesWriter<'_> {
    /// A sample. `last`: the label that the format itself adds.
    fn sample(&mut self, suffix: &str, last: Option<(&str, &dyn Display)>, value: impl Display) {
        self.name(suffix, last);
        let _ = writeln!(self.out, "{value}");
    }

    fn integer(
        &mut self,
        suffix: &str,
        last: Option<(&str, &dyn Display)>,
        value: impl itoa::Integer,
    ) {
        self.name(suffix, last);
        end_with_integer(value, self.out);
    }

    /// The name and the labels, and the space behind them.
    fn name(&mut self, suffix: &str, last: Option<(&str, &dyn Display)>) {
        let out = &mut *self.out;
        out.extend_from_slice(self.family.name.as_bytes());
        out.extend_from_slice(suffix.as_bytes());
        let mut separator = b'{';
        for (name, value) in self.labels.iter() {
            out.push(separator);
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"=\"");
            escape(value, true, out);
            out.push(b'"');
            separator = b',';
        }
        if let Some((name, value)) = last {
            out.push(separator);
            let _ = write!(out, "{name}=\"{value}\"");
            separator = b',';
        }
        if separator == b',' {
            out.push(b'}');
        }
        out.push(b' ');
    }

    fn histogram(&mut self, histogram: &HistogramSnapshot) {
        let bounds = &self.family.bounds;
        let counts = histogram.cumulative(bounds.iter().map(|bound| bound.cut));
        for (bound, count) in bounds.iter().zip(counts) {
            self.integer("_bucket", Some(("le", &bound.le)), count);
        }
        let last = Some(("le", &"+Inf" as &dyn Display));
        self.integer("_bucket", last, histogram.count());
        self.totals(histogram.sum(), histogram.count());
    }

    fn summary(&mut self, summary: &Summary) {
        for (q, value) in summary.quantiles() {
            let q = GoFloat::label(*q);
            let last = Some(("quantile", &q as &dyn Display));
            match value {
                Some(value) => {
                    let value = Scaled((*value).into(), self.family.unit);
                    self.sample("", last, value);
                }
                None => self.sample("", last, GoFloat::new(f64::NAN)),
            }
        }
        self.totals(summary.sum(), summary.count());
    }

    fn totals(&mut self, sum: u128, count: u64) {
        self.sample("_sum", None, Scaled(sum, self.family.unit));
        self.integer("_count", None, count);
    }
}
