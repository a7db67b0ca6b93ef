//! Prometheus' text format, version 0.0.4: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use crate::export::number::{Canonical, Float, InUnit};
use crate::export::{REJECTED, REJECTED_HELP};
use crate::metric::options::Unit;
use crate::registry::MetricKind;
use crate::snapshot::registry::{FamilySnapshot, RegistrySnapshot, SeriesSnapshot, Value};
use std::fmt::{Display, Write};

/// Writes families one after the other: [`Self::family`], then its samples.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    out: String,
    name: String,
}

/// No labels.
pub(crate) const NONE: [(&str, &str); 0] = [];

impl Writer {
    /// Begins a family.
    pub(crate) fn family(&mut self, name: &str, help: &str, kind: &str) {
        self.name.clear();
        self.name.push_str(name);
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        // Writing to a String cannot fail; neither here nor below.
        let _ = write!(self.out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// A sample of the current family.
    pub(crate) fn sample<'a>(
        &mut self,
        suffix: &str,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        last: Option<(&str, &dyn Display)>,
        value: impl Display,
    ) {
        self.out.push_str(&self.name);
        self.out.push_str(suffix);
        let mut separator = '{';
        for (name, value) in labels {
            self.out.push(separator);
            self.out.push_str(name);
            self.out.push_str("=\"");
            self.escaped(value);
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
        let _ = writeln!(self.out, " {value}");
    }

    fn escaped(&mut self, value: &str) {
        for c in value.chars() {
            match c {
                '\\' => self.out.push_str("\\\\"),
                '"' => self.out.push_str("\\\""),
                '\n' => self.out.push_str("\\n"),
                c => self.out.push(c),
            }
        }
    }

    pub(crate) fn finish(self) -> String {
        self.out
    }
}

/// A whole exposition.
pub(crate) fn render(snapshot: &RegistrySnapshot) -> String {
    let mut writer = Writer::default();
    write_registry(&mut writer, snapshot);
    writer.finish()
}

/// All families of a registry, and the library's own.
pub(crate) fn write_registry(writer: &mut Writer, snapshot: &RegistrySnapshot) {
    for family in snapshot.families() {
        match family.kind() {
            MetricKind::Counter => write_plain(writer, family, "_total", "counter"),
            MetricKind::Gauge | MetricKind::FloatGauge => write_plain(writer, family, "", "gauge"),
            MetricKind::Histogram => write_histograms(writer, family),
            MetricKind::Throughput => write_throughput(writer, family),
        }
    }
    write_rejected(writer, snapshot);
}

fn write_plain(writer: &mut Writer, family: FamilySnapshot<'_>, suffix: &str, kind: &str) {
    writer.family(&format!("{}{suffix}", family.name()), family.help(), kind);
    for series in family.series() {
        match series.value() {
            Value::Counter(value) => writer.sample("", series.labels(), None, value),
            Value::Gauge(value) => writer.sample("", series.labels(), None, value),
            Value::FloatGauge(value) => writer.sample("", series.labels(), None, Float(value)),
            Value::Histogram(_) | Value::Throughput(_) => unreachable!("families hold one kind"),
        }
    }
}

fn write_histograms(writer: &mut Writer, family: FamilySnapshot<'_>) {
    writer.family(family.name(), family.help(), "histogram");
    for series in family.series() {
        write_histogram(writer, family.unit(), series);
    }
}

fn write_histogram(writer: &mut Writer, unit: Unit, series: SeriesSnapshot<'_>) {
    let Value::Histogram(histogram) = series.value() else { unreachable!("families hold one kind") };
    for (bound, count) in series.cumulative() {
        writer.sample("_bucket", series.labels(), Some(("le", &InUnit(bound, unit).canonical())), count);
    }
    writer.sample("_bucket", series.labels(), Some(("le", &Canonical(f64::INFINITY))), histogram.count());
    writer.sample("_sum", series.labels(), None, InUnit(histogram.sum(), unit));
    writer.sample("_count", series.labels(), None, histogram.count());
}

fn write_throughput(writer: &mut Writer, family: FamilySnapshot<'_>) {
    let values = || {
        family.series().filter_map(|series| match series.value() {
            Value::Throughput(value) => Some((series, value)),
            _ => None,
        })
    };
    writer.family(&format!("{}_total", family.name()), family.help(), "counter");
    for (series, value) in values() {
        writer.sample("", series.labels(), None, value.total());
    }
    let separator = if family.help().is_empty() { "" } else { " " };
    let help = format!("{}{separator}By second, over the last whole seconds.", family.help());
    writer.family(&format!("{}_per_second", family.name()), &help, "gauge");
    for (series, value) in values() {
        for rate in value.rates() {
            let window = format!("{}s", rate.window.as_secs());
            writer.sample("", series.labels(), Some(("window", &window)), Float(rate.per_second));
        }
    }
}

fn write_rejected(writer: &mut Writer, snapshot: &RegistrySnapshot) {
    let mut histograms = snapshot.families().filter(|family| family.kind() == MetricKind::Histogram).peekable();
    if histograms.peek().is_none() {
        return;
    }
    writer.family(&format!("{REJECTED}_total"), REJECTED_HELP, "counter");
    for family in histograms {
        let rejected = |series: SeriesSnapshot<'_>| match series.value() {
            Value::Histogram(histogram) => histogram.rejected(),
            _ => 0,
        };
        let total: u64 = family.series().map(rejected).sum();
        writer.sample("", [("metric", family.name())], None, total);
    }
}
