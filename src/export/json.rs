//! JSON: one object, an entry for each family; numbers in the unit of the metric's name.

use crate::export::number::InUnit;
use crate::metric::options::Unit;
use crate::registry::MetricKind;
use crate::snapshot::histogram::HistogramSnapshot;
use crate::snapshot::registry::{FamilySnapshot, RegistrySnapshot, Value};
use crate::snapshot::throughput::ThroughputSnapshot;
use std::fmt::{Display, Write};

/// Writes one value; objects and arrays nest by closures.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    out: String,
    /// A value precedes in the same object or array.
    more: bool,
}

impl Writer {
    /// An object, or an array, by its brackets.
    pub(crate) fn nested(&mut self, brackets: [char; 2], fill: impl FnOnce(&mut Self)) {
        self.out.push(brackets[0]);
        self.more = false;
        fill(self);
        self.out.push(brackets[1]);
        self.more = true;
    }

    pub(crate) fn object(&mut self, fill: impl FnOnce(&mut Self)) {
        self.nested(['{', '}'], fill);
    }

    pub(crate) fn array(&mut self, fill: impl FnOnce(&mut Self)) {
        self.nested(['[', ']'], fill);
    }

    /// Begins an array's next element.
    pub(crate) fn next(&mut self) {
        if self.more {
            self.out.push(',');
        }
    }

    /// Begins an object's next entry.
    pub(crate) fn key(&mut self, key: &str) -> &mut Self {
        self.next();
        self.string(key);
        self.out.push(':');
        self
    }

    /// A number that JSON can write as it displays.
    pub(crate) fn number(&mut self, value: impl Display) {
        // Writing to a String cannot fail; neither here nor below.
        let _ = write!(self.out, "{value}");
        self.more = true;
    }

    /// A float; `null` where JSON has no number for it.
    pub(crate) fn float(&mut self, value: f64) {
        if value.is_finite() { self.number(value) } else { self.number("null") }
    }

    pub(crate) fn string(&mut self, text: &str) {
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

    pub(crate) fn finish(self) -> String {
        self.out
    }
}

/// A whole registry.
pub(crate) fn render(snapshot: &RegistrySnapshot) -> String {
    let mut writer = Writer::default();
    writer.object(|writer| {
        for family in snapshot.families() {
            writer.key(family.name()).object(|writer| write_family(writer, family));
        }
    });
    writer.finish()
}

fn write_family(writer: &mut Writer, family: FamilySnapshot<'_>) {
    writer.key("type").string(match family.kind() {
        MetricKind::Counter => "counter",
        MetricKind::Gauge | MetricKind::FloatGauge => "gauge",
        MetricKind::Histogram => "histogram",
        MetricKind::Throughput => "throughput",
    });
    writer.key("help").string(family.help());
    writer.key("series").array(|writer| {
        for series in family.series() {
            writer.next();
            writer.object(|writer| {
                writer.key("labels").object(|writer| {
                    for (name, value) in series.labels() {
                        writer.key(name).string(value);
                    }
                });
                writer.key("value");
                write_value(writer, family.unit(), series.value());
            });
        }
    });
}

fn write_value(writer: &mut Writer, unit: Unit, value: Value<'_>) {
    match value {
        Value::Counter(value) => writer.number(value),
        Value::Gauge(value) => writer.number(value),
        Value::FloatGauge(value) => writer.float(value),
        Value::Histogram(value) => writer.object(|writer| write_histogram(writer, unit, value)),
        Value::Throughput(value) => write_throughput(writer, value),
    }
}

/// A throughput's total and rates.
pub(crate) fn write_throughput(writer: &mut Writer, throughput: &ThroughputSnapshot) {
    writer.object(|writer| {
        writer.key("total").number(throughput.total());
        writer.key("per_second").object(|writer| {
            for rate in throughput.rates() {
                writer.key(&format!("{}s", rate.window.as_secs())).float(rate.per_second);
            }
        });
    });
}

/// A histogram's count, sum and quantiles, in the unit of its name.
pub(crate) fn write_histogram(writer: &mut Writer, unit: Unit, histogram: &HistogramSnapshot) {
    writer.key("count").number(histogram.count());
    writer.key("rejected").number(histogram.rejected());
    writer.key("sum").number(InUnit(histogram.sum(), unit));
    let mean = histogram.mean() / if unit == Unit::Seconds { 1e9 } else { 1.0 };
    writer.key("mean").float(mean);
    writer.key("min").number(InUnit(histogram.min(), unit));
    writer.key("max").number(InUnit(histogram.max(), unit));
    for (key, quantile) in [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999)] {
        writer.key(key).number(InUnit(histogram.quantile(quantile), unit));
    }
}
