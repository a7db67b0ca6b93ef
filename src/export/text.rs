//! The text formats: Prometheus' 0.0.4 and 1.0.0 (<https://prometheus.io/docs/instrumenting/exposition_formats/>), and OpenMetrics 1.0
//! (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).
//!
//! | | Prometheus' | OpenMetrics |
//! |---|---|---|
//! | a counter's family | `jobs_total` | `jobs`; its sample is `jobs_total` |
//! | exemplars | | behind buckets that have one |
//! | the time of creation, if pages tell it | | `jobs_created` |
//! | the unit | | a line, which says what the name ends in |
//! | quotes in a help text | as they are | escaped |
//! | the end | | `# EOF` |
//!
//! Version 1.0.0 differs from 0.0.4 in that names may be quoted, as they may in OpenMetrics where the scraper allows it.

use crate::kind::{MetricKind, Unit};
use crate::sample::Encoder;
use crate::sample::description::FamilyDescription;
use crate::sample::escaping::{Escaping, is_legacy_label, is_legacy_name};
use crate::sample::labels::LabelSet;
use crate::sample::number::{GoFloat, Scaled, overwrite_integer};
use crate::sample::value::{Summary, Value};
use crate::snapshot::exemplar::Exemplar;
use crate::snapshot::histogram::HistogramSnapshot;
use std::fmt::Display;
use std::io::Write;
use std::time::Duration;

/// A text format, and the scheme by which names are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text {
    pub(super) open_metrics: bool,
    pub(super) escaping: Escaping,
}

impl Encoder for Text {
    fn cache(&self) -> usize {
        self.escaping.cache(usize::from(self.open_metrics))
    }

    fn begin_family(&self, family: &FamilyDescription, _: usize, out: &mut Vec<u8>) {
        let mut name = self.family_name(family);
        if self.open_metrics && family.kind == MetricKind::Counter {
            name.truncate(name.len() - TOTAL.len());
        }
        if !is_legacy_name(&name) {
            let mut quoted = Vec::new();
            push_quoted(&name, &mut quoted);
            name = String::from_utf8(quoted).unwrap_or_default();
        }
        // Writing to a Vec cannot fail, neither here nor below.
        let _ = write!(out, "# HELP {name} ");
        escape(&family.help, self.open_metrics, out);
        let _ = write!(out, "\n# TYPE {name} {}\n", family.kind);
        // A unit must be what the name ends in; those of counters say nothing.
        let unit = family.unit.suffix().filter(|_| self.open_metrics);
        if let Some(unit) = unit.filter(|_| family.kind != MetricKind::Counter) {
            let _ = writeln!(out, "# UNIT {name} {unit}");
        }
    }

    fn series(
        &self,
        family: &FamilyDescription,
        labels: LabelSet<'_>,
        value: &Value,
        created: Option<Duration>,
        out: &mut Vec<u8>,
    ) {
        let mut series = SeriesWriter {
            format: self,
            family,
            labels,
            out,
        };
        match value {
            Value::Counter(value) => series.integer("", None, *value),
            Value::Gauge(value) => series.integer("", None, *value),
            Value::FloatCounter(value) | Value::FloatGauge(value) => {
                series.sample("", None, GoFloat::new(*value));
            }
            Value::Histogram(histogram) => series.histogram(histogram),
            Value::Summary(summary) => series.summary(summary),
        }
        let created = created.filter(|_| self.open_metrics && family.kind != MetricKind::Gauge);
        if let Some(created) = created {
            let seconds = Scaled(created.as_nanos(), Unit::Seconds);
            series.sample(CREATED, None, seconds);
        }
    }

    fn overwrite(
        &self,
        family: &FamilyDescription,
        (from, to): (&Value, &Value),
        series: &mut [u8],
    ) -> bool {
        let (from, to) = match (from, to) {
            (Value::Counter(from), Value::Counter(to)) => (*from, *to),
            (Value::Gauge(from), Value::Gauge(to)) if (*from < 0) == (*to < 0) => {
                (from.unsigned_abs(), to.unsigned_abs())
            }
            _ => return false,
        };
        // The time of creation is in a second line.
        let line = if self.open_metrics && family.unix_origin.is_some() {
            series.split_mut(|byte| *byte == b'\n').next()
        } else {
            series.split_last_mut().map(|(_, line)| line)
        };
        line.is_some_and(|line| overwrite_integer(line, from, to))
    }

    fn end(&self) -> &'static [u8] {
        if self.open_metrics { b"# EOF\n" } else { b"" }
    }
}

/// What every format adds to a counter's name.
const TOTAL: &str = "_total";

/// What the name of a time of creation ends in, instead of `_total`.
const CREATED: &str = "_created";

/// What the name of a sample has behind that of a family's description.
fn suffix(kind: MetricKind, added: &str) -> &'static str {
    match kind {
        MetricKind::Counter if added != CREATED => TOTAL,
        _ => "",
    }
}

impl Text {
    /// Prometheus' text format 0.0.4.
    pub(super) const PROMETHEUS: Self = Self {
        open_metrics: false,
        escaping: Escaping::Underscores,
    };

    /// OpenMetrics for scrapers that ask for no scheme.
    pub(super) const OPEN_METRICS: Self = Self {
        open_metrics: true,
        escaping: Escaping::Underscores,
    };

    /// Whether all names of the family are written as they are.
    fn is_plain(&self, family: &FamilyDescription) -> bool {
        !family.utf8 && self.escaping != Escaping::Dots
    }

    /// The name of a sample, escaped, without what is added.
    fn name(&self, family: &FamilyDescription, added: &str) -> String {
        let name = format!("{}{}", family.name, suffix(family.kind, added));
        self.escaping.name(&name).into_owned()
    }

    /// The family's name with the suffix of a counter, escaped.
    fn family_name(&self, family: &FamilyDescription) -> String {
        self.name(family, "")
    }
}

/// Without `Display`, which takes half of a counter's time.
fn push_integer(value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Ends a line with an integer.
fn end_with_integer(value: impl itoa::Integer, out: &mut Vec<u8>) {
    push_integer(value, out);
    out.push(b'\n');
}

/// Ends a line with an exemplar, whose label names need no quotes.
fn push_exemplar(exemplar: &Exemplar, unit: Unit, out: &mut Vec<u8>) {
    out.extend_from_slice(b" # {");
    for (number, (name, value)) in exemplar.labels().enumerate() {
        let separator = if number == 0 { "" } else { "," };
        let _ = write!(out, "{separator}{name}=");
        push_quoted(value, out);
    }
    let _ = write!(out, "}} {}", Scaled(exemplar.value().into(), unit));
    if let Some(time) = exemplar.time() {
        let _ = write!(out, " {}", Scaled(time.as_nanos(), Unit::Seconds));
    }
    out.push(b'\n');
}

/// Writes the samples of one series.
struct SeriesWriter<'a> {
    format: &'a Text,
    family: &'a FamilyDescription,
    labels: LabelSet<'a>,
    out: &'a mut Vec<u8>,
}

/// A label that the format itself adds.
type Added<'a> = (&'a str, &'a dyn Display);

impl SeriesWriter<'_> {
    /// `suffix`: what the sample's name has besides the family's.
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
        let mut separator = self.own_labels(suffix);
        if let Some((name, value)) = added {
            let _ = write!(self.out, "{}{name}=\"{value}\"", char::from(separator));
            separator = b',';
        }
        if separator == b',' {
            self.out.push(b'}');
        }
        self.out.push(b' ');
    }

    /// The name and the series' own labels. Returns what stands before one more.
    fn own_labels(&mut self, added: &str) -> u8 {
        let plain = self.format.is_plain(self.family);
        let out = &mut *self.out;
        let mut separator = b'{';
        if plain {
            out.extend_from_slice(self.family.name.as_bytes());
            out.extend_from_slice(suffix(self.family.kind, added).as_bytes());
            out.extend_from_slice(added.as_bytes());
        } else {
            let name = self.format.name(self.family, added) + added;
            if is_legacy_name(&name) {
                out.extend_from_slice(name.as_bytes());
            } else {
                out.push(b'{');
                push_quoted(&name, out);
                separator = b',';
            }
        }
        for (name, value) in self.labels.iter() {
            out.push(separator);
            if plain {
                out.extend_from_slice(name.as_bytes());
            } else {
                push_label_name(&self.format.escaping.label(name), out);
            }
            out.push(b'=');
            push_quoted(value, out);
            separator = b',';
        }
        separator
    }

    fn histogram(&mut self, histogram: &HistogramSnapshot) {
        let bounds = &self.family.bounds;
        let counts = histogram.cumulative(bounds.iter().map(|bound| bound.cut));
        let bounds = bounds.iter().map(Some).chain([None]);
        // One for each bucket at most, in the same order.
        let exemplars = histogram.exemplars();
        let mut exemplars = exemplars.filter(|_| self.format.open_metrics).peekable();
        // All buckets begin with the same bytes as the first one.
        let start = self.out.len();
        let separator = self.own_labels("_bucket");
        self.out.push(separator);
        self.out.extend_from_slice(b"le=\"");
        let beginning = start..self.out.len();
        let counts = counts.chain([histogram.count()]);
        for (number, (bound, count)) in bounds.zip(counts).enumerate() {
            if number > 0 {
                self.out.extend_from_within(beginning.clone());
            }
            let le = bound.map_or("+Inf", |bound| &bound.le);
            self.out.extend_from_slice(le.as_bytes());
            self.out.extend_from_slice(b"\"} ");
            let fits = |it: &&Exemplar| bound.is_none_or(|bound| it.value() <= bound.value);
            if let Some(exemplar) = exemplars.next_if(fits) {
                push_integer(count, self.out);
                push_exemplar(exemplar, self.family.unit, self.out);
            } else {
                end_with_integer(count, self.out);
            }
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

fn push_label_name(name: &str, out: &mut Vec<u8>) {
    if is_legacy_label(name) {
        out.extend_from_slice(name.as_bytes());
    } else {
        push_quoted(name, out);
    }
}

/// The text in quotes, with backslashes, quotes and newlines escaped.
fn push_quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escape(text, true, out);
    out.push(b'"');
}

/// The text with backslashes and newlines escaped, and quotes if it says so.
fn escape(text: &str, quotes: bool, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    let special = |byte: &u8| matches!(byte, b'\\' | b'\n') || (quotes && *byte == b'"');
    // What lies between two special characters is copied as a whole.
    while let Some(at) = rest.iter().position(special) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(match rest[at] {
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            _ => b"\\\"",
        });
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}
