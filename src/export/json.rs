//! JSON: one object, with an entry for each family; numbers in the unit of the family's name.
//!
//! Written by hand: `serde_json` would be a dependency of every user for three hundred bytes of escaping, and has no exact decimal
//! numbers such as nanoseconds in seconds.

use crate::kind::Unit;
use crate::registry::Page;
use crate::sample::Encoder;
use crate::sample::description::FamilyDescription;
use crate::sample::labels::LabelSet;
use crate::sample::number::Scaled;
use crate::sample::value::{Summary, Value};
use crate::snapshot::histogram::HistogramSnapshot;
use std::fmt::{Display, Write};

/// Writes one JSON document, value by value.
#[derive(Debug, Default)]
pub(super) struct JsonWriter {
    out: String,
    /// A value precedes in the same object or array.
    more: bool,
}

impl JsonWriter {
    pub(super) fn open(&mut self, bracket: char) {
        self.out.push(bracket);
        self.more = false;
    }

    pub(super) fn close(&mut self, bracket: char) {
        self.out.push(bracket);
        self.more = true;
    }

    pub(super) fn object(&mut self, fill: impl FnOnce(&mut Self)) {
        self.open('{');
        fill(self);
        self.close('}');
    }

    pub(super) fn array(&mut self, fill: impl FnOnce(&mut Self)) {
        self.open('[');
        fill(self);
        self.close(']');
    }

    /// Begins the next element of an array.
    pub(super) fn next(&mut self) -> &mut Self {
        if self.more {
            self.out.push(',');
        }
        self
    }

    /// Begins the next entry of an object.
    pub(super) fn key(&mut self, key: &str) -> &mut Self {
        self.next().string(key);
        self.out.push(':');
        self
    }

    /// A number whose `Display` is JSON.
    pub(super) fn number(&mut self, value: impl Display) {
        // Writing to a String cannot fail, neither here nor below.
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
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                c if c < ' ' => {
                    let _ = write!(self.out, "\\u{:04x}", u32::from(c));
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
        self.more = true;
    }

    /// The object that holds every family of a page.
    pub(super) fn page(&mut self, page: &Page) {
        self.object(|writer| page.encode(writer));
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    /// Count, sum and quantiles, in the unit of the family's name; `null` for what an empty histogram does not have.
    pub(super) fn histogram(&mut self, unit: Unit, histogram: &HistogramSnapshot) {
        self.object(|writer| {
            writer.key("count").number(histogram.count());
            writer.key("rejected").number(histogram.rejected());
            writer.key("sum").number(Scaled(histogram.sum(), unit));
            let filled = !histogram.is_empty();
            let mean = if filled { histogram.mean() } else { f64::NAN };
            writer.key("mean").float(mean / unit.scale());
            let in_unit = |value: u64| filled.then_some(Scaled(value.into(), unit));
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

impl Encoder for JsonWriter {
    fn begin_family(&mut self, family: &FamilyDescription) {
        self.key(&family.name).open('{');
        // A kind displays as a bare word.
        let _ = write!(self.key("type").out, "\"{}\"", family.kind);
        self.more = true;
        self.key("help").string(&family.help);
        self.key("series").open('[');
    }

    fn series(&mut self, family: &FamilyDescription, labels: LabelSet<'_>, value: &Value) {
        self.next().object(|writer| {
            writer.key("labels").object(|writer| {
                labels
                    .iter()
                    .for_each(|(name, value)| writer.key(name).string(value));
            });
            let writer = writer.key("value");
            match value {
                Value::Counter(value) => writer.number(value),
                Value::Gauge(value) => writer.number(value),
                Value::FloatCounter(value) | Value::FloatGauge(value) => writer.float(*value),
                Value::Histogram(histogram) => writer.histogram(family.unit, histogram),
                Value::Summary(summary) => writer.summary(family.unit, summary),
            }
        });
    }

    fn end_family(&mut self) {
        self.close(']');
        self.close('}');
    }
}
