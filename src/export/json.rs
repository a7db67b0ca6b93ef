//! JSON: one object, with an entry for each family; numbers in the unit of the family's name.
//!
//! Written by hand: `serde_json` would be a dependency of every user for three hundred bytes of escaping, and has no exact decimal
//! numbers such as nanoseconds in seconds.

use crate::kind::Unit;
use crate::registry::Page;
use crate::sample::description::FamilyDescription;
use crate::sample::labels::LabelSet;
use crate::sample::number::Scaled;
use crate::sample::value::{Summary, Value};
use crate::sample::{CACHES, Encoder};
use crate::snapshot::exemplar::Exemplar;
use crate::snapshot::histogram::HistogramSnapshot;
use std::fmt::Display;
use std::io::Write;
use std::mem;
use std::time::Duration;

/// Writes one JSON document, value by value.
#[derive(Debug, Default)]
pub(super) struct JsonWriter {
    out: Vec<u8>,
    /// A value precedes in the same object or array.
    more: bool,
}

impl JsonWriter {
    /// Writes behind what `out` holds already.
    fn append(out: &mut Vec<u8>, write: impl FnOnce(&mut Self)) {
        let mut writer = Self {
            out: mem::take(out),
            more: false,
        };
        write(&mut writer);
        *out = writer.out;
    }

    fn open(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.more = false;
    }

    fn close(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.more = true;
    }

    pub(super) fn object(&mut self, fill: impl FnOnce(&mut Self)) {
        self.open(b'{');
        fill(self);
        self.close(b'}');
    }

    pub(super) fn array(&mut self, fill: impl FnOnce(&mut Self)) {
        self.open(b'[');
        fill(self);
        self.close(b']');
    }

    /// Begins the next element of an array.
    pub(super) fn next(&mut self) -> &mut Self {
        if self.more {
            self.out.push(b',');
        }
        self
    }

    /// Begins the next entry of an object.
    pub(super) fn key(&mut self, key: &str) -> &mut Self {
        self.next().string(key);
        self.out.push(b':');
        self
    }

    /// A number whose `Display` is JSON.
    pub(super) fn number(&mut self, value: impl Display) {
        // Writing to a Vec cannot fail, neither here nor below.
        let _ = write!(self.out, "{value}");
        self.more = true;
    }

    /// A float; `null` if JSON has no number for it.
    pub(super) fn float(&mut self, value: f64) {
        if value.is_finite() {
            self.number(value)
        } else {
            self.null()
        }
    }

    /// A number; `null` if there is none.
    pub(super) fn optional(&mut self, value: Option<impl Display>) {
        match value {
            Some(value) => self.number(value),
            None => self.null(),
        }
    }

    pub(super) fn null(&mut self) {
        self.number("null");
    }

    /// A string, escaped.
    pub(super) fn string(&mut self, text: &str) {
        self.out.push(b'"');
        for byte in text.bytes() {
            match byte {
                b'"' => self.out.extend_from_slice(b"\\\""),
                b'\\' => self.out.extend_from_slice(b"\\\\"),
                byte if byte < b' ' => {
                    let _ = write!(self.out, "\\u{byte:04x}");
                }
                byte => self.out.push(byte),
            }
        }
        self.out.push(b'"');
        self.more = true;
    }

    /// The object that holds every family of a page.
    pub(super) fn page(&mut self, page: &Page) {
        let rendered = page.render_with(&JsonEncoder);
        rendered
            .chunks()
            .for_each(|chunk| self.out.extend_from_slice(&chunk));
        self.more = true;
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.out
    }

    /// Count, sum and quantiles, in the unit of the family's name; `null` for what an empty histogram does not have.
    pub(super) fn histogram(&mut self, unit: Unit, histogram: &HistogramSnapshot) {
        self.object(|writer| {
            writer.key("count").number(histogram.count());
            writer.key("rejected").number(histogram.rejected());
            writer.key("sum").number(Scaled(histogram.sum(), unit));
            let mean = histogram.mean().unwrap_or(f64::NAN);
            writer.key("mean").float(mean / unit.scale());
            let in_unit = |value: Option<u64>| Some(Scaled(value?.into(), unit));
            writer.key("min").optional(in_unit(histogram.min()));
            writer.key("max").optional(in_unit(histogram.max()));
            for (key, quantile) in [
                ("p50", 0.5),
                ("p90", 0.9),
                ("p95", 0.95),
                ("p99", 0.99),
                ("p999", 0.999),
            ] {
                writer
                    .key(key)
                    .optional(in_unit(histogram.quantile(quantile)));
            }
            if histogram.exemplars().len() > 0 {
                writer.key("exemplars").array(|writer| {
                    for exemplar in histogram.exemplars() {
                        writer.next().exemplar(unit, exemplar);
                    }
                });
            }
        });
    }

    fn labels<'a>(&mut self, labels: impl Iterator<Item = (&'a str, &'a str)>) {
        self.key("labels").object(|writer| {
            labels.for_each(|(name, value)| writer.key(name).string(value));
        });
    }

    fn exemplar(&mut self, unit: Unit, exemplar: &Exemplar) {
        self.object(|writer| {
            writer.labels(exemplar.labels());
            let value = Scaled(exemplar.value().into(), unit);
            writer.key("value").number(value);
            let seconds = |time: Duration| Scaled(time.as_nanos(), Unit::Seconds);
            writer.key("time").optional(exemplar.time().map(seconds));
        });
    }

    fn summary(&mut self, unit: Unit, summary: &Summary) {
        self.object(|writer| {
            writer.key("count").number(summary.count());
            writer.key("sum").number(Scaled(summary.sum(), unit));
            writer.key("quantiles").array(|writer| {
                for (q, value) in summary.quantiles() {
                    writer.next().array(|writer| {
                        writer.next().float(*q);
                        writer
                            .next()
                            .optional(value.map(|value| Scaled(value.into(), unit)));
                    });
                }
            });
        });
    }
}

/// See the module's header.
#[derive(Debug)]
pub(super) struct JsonEncoder;

impl Encoder for JsonEncoder {
    fn cache(&self) -> usize {
        CACHES - 1
    }

    fn begin(&self) -> &'static [u8] {
        b"{"
    }

    fn end(&self) -> &'static [u8] {
        b"}"
    }

    fn separator(&self) -> &'static [u8] {
        b","
    }

    fn begin_family(&self, family: &FamilyDescription, _body: usize, out: &mut Vec<u8>) {
        JsonWriter::append(out, |writer| {
            writer.key(&family.name).open(b'{');
            // A kind displays as a bare word.
            let _ = write!(writer.key("type").out, "\"{}\"", family.kind);
            writer.more = true;
            writer.key("help").string(&family.help);
            writer.key("series").open(b'[');
        });
    }

    fn end_family(&self) -> &'static [u8] {
        b"]}"
    }

    fn series(
        &self,
        family: &FamilyDescription,
        labels: LabelSet<'_>,
        value: &Value,
        _created: Option<Duration>,
        out: &mut Vec<u8>,
    ) {
        JsonWriter::append(out, |writer| {
            writer.object(|writer| {
                writer.labels(labels.iter());
                let writer = writer.key("value");
                match value {
                    Value::Counter(value) => writer.number(value),
                    Value::Gauge(value) => writer.number(value),
                    Value::FloatCounter(value) | Value::FloatGauge(value) => writer.float(*value),
                    Value::Histogram(histogram) => writer.histogram(family.unit, histogram),
                    Value::Summary(summary) => writer.summary(family.unit, summary),
                }
            });
        });
    }
}
