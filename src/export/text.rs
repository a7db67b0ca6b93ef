//! Prometheus' text format, version 0.0.4: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use crate::kind::MetricKind;
use crate::sample::Encoder;
use crate::sample::description::FamilyDescription;
use crate::sample::labels::LabelSet;
use crate::sample::number::{GoFloat, Scaled};
use crate::sample::value::{Summary, Value};
use crate::snapshot::histogram::HistogramSnapshot;
use std::fmt::{Display, Write};

/// Writes families one after the other.
#[derive(Debug, Default)]
pub(super) struct TextEncoder {
    out: String,
}

impl Encoder for TextEncoder {
    fn begin_family(&mut self, family: &FamilyDescription) {
        let (name, suffix) = (&family.name, suffix(family.kind));
        // Writing to a String cannot fail, neither here nor below.
        let _ = write!(self.out, "# HELP {name}{suffix} ");
        self.escaped(&family.help, false);
        let _ = write!(self.out, "\n# TYPE {name}{suffix} {}\n", family.kind);
    }

    fn series(&mut self, family: &FamilyDescription, labels: LabelSet<'_>, value: &Value) {
        let suffix = suffix(family.kind);
        match value {
            Value::Counter(value) => self.integer(family, suffix, labels, None, *value),
            Value::Gauge(value) => self.integer(family, suffix, labels, None, *value),
            Value::FloatCounter(value) | Value::FloatGauge(value) => {
                self.sample(family, suffix, labels, None, GoFloat::new(*value))
            }
            Value::Histogram(histogram) => self.histogram(family, labels, histogram),
            Value::Summary(summary) => self.summary(family, labels, summary),
        }
    }

    fn end_family(&mut self) {}
}

/// What the format adds to a family's name.
fn suffix(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Counter => "_total",
        MetricKind::Gauge | MetricKind::Histogram | MetricKind::Summary => "",
    }
}

impl TextEncoder {
    pub(super) fn finish(self) -> String {
        self.out
    }

    /// A sample. `last`: the label that the format itself adds.
    fn sample(
        &mut self,
        family: &FamilyDescription,
        suffix: &str,
        labels: LabelSet<'_>,
        last: Option<(&str, &dyn Display)>,
        value: impl Display,
    ) {
        self.series_name(family, suffix, labels, last);
        let _ = writeln!(self.out, " {value}");
    }

    /// [`Self::sample`] for an integer, without `Display`, which takes half of a counter's time.
    fn integer(
        &mut self,
        family: &FamilyDescription,
        suffix: &str,
        labels: LabelSet<'_>,
        last: Option<(&str, &dyn Display)>,
        value: impl itoa::Integer,
    ) {
        self.series_name(family, suffix, labels, last);
        self.out.push(' ');
        self.out.push_str(itoa::Buffer::new().format(value));
        self.out.push('\n');
    }

    fn series_name(
        &mut self,
        family: &FamilyDescription,
        suffix: &str,
        labels: LabelSet<'_>,
        last: Option<(&str, &dyn Display)>,
    ) {
        self.out.push_str(&family.name);
        self.out.push_str(suffix);
        let mut separator = '{';
        for (name, value) in labels.iter() {
            self.out.push(separator);
            self.out.push_str(name);
            self.out.push_str("=\"");
            self.escaped(value, true);
            self.out.push('"');
            separator = ',';
        }
        if let Some((name, value)) = last {
            let _ = write!(self.out, "{separator}{name}=\"{value}\"");
            separator = ',';
        }
        if separator == ',' {
            self.out.push('}');
        }
    }

    /// The text with backslashes and newlines escaped, and quotes if it is a label's value.
    fn escaped(&mut self, mut text: &str, quotes: bool) {
        let special = |byte: u8| matches!(byte, b'\\' | b'\n') || (quotes && byte == b'"');
        // What lies between two special characters is copied as a whole. They are all ASCII, so text is cut between
        // characters.
        while let Some(at) = text.bytes().position(special) {
            self.out.push_str(&text[..at]);
            self.out.push_str(match text.as_bytes()[at] {
                b'\\' => "\\\\",
                b'\n' => "\\n",
                _ => "\\\"",
            });
            text = &text[at + 1..];
        }
        self.out.push_str(text);
    }

    fn histogram(
        &mut self,
        family: &FamilyDescription,
        labels: LabelSet<'_>,
        histogram: &HistogramSnapshot,
    ) {
        let counts = histogram.cumulative(family.bounds.iter().map(|bound| bound.cut));
        for (bound, count) in family.bounds.iter().zip(counts) {
            self.integer(family, "_bucket", labels, Some(("le", &bound.le)), count);
        }
        let last = Some(("le", &"+Inf" as &dyn Display));
        self.integer(family, "_bucket", labels, last, histogram.count());
        self.totals(family, labels, histogram.sum(), histogram.count());
    }

    fn summary(&mut self, family: &FamilyDescription, labels: LabelSet<'_>, summary: &Summary) {
        for (q, value) in summary.quantiles() {
            let q = GoFloat::label(*q);
            let last = Some(("quantile", &q as &dyn Display));
            match value {
                Some(value) => {
                    let value = Scaled((*value).into(), family.unit);
                    self.sample(family, "", labels, last, value);
                }
                None => self.sample(family, "", labels, last, GoFloat::new(f64::NAN)),
            }
        }
        self.totals(family, labels, summary.sum(), summary.count());
    }

    fn totals(&mut self, family: &FamilyDescription, labels: LabelSet<'_>, sum: u128, count: u64) {
        self.sample(family, "_sum", labels, None, Scaled(sum, family.unit));
        self.integer(family, "_count", labels, None, count);
    }
}
