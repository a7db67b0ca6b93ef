//! Prometheus' protobuf exposition: a `MetricFamily` for each family, each after its length. Histograms have their exported bounds
//! as classic buckets, and native buckets besides ([`native`]).

mod messages;
mod native;

use crate::kind::{MetricKind, Unit};
use crate::sample::Encoder;
use crate::sample::description::FamilyDescription;
use crate::sample::escaping::Escaping;
use crate::sample::labels::LabelSet;
use crate::sample::value::{Summary, Value};
use crate::snapshot::exemplar::Exemplar;
use crate::snapshot::histogram::HistogramSnapshot;
use messages::{Bucket, Histogram, Label, Metric, MetricFamily, Quantile, Scalar, Timestamp};
use prost::{Message, decode_length_delimiter, encode_length_delimiter};
use std::time::Duration;

/// The format, with the scheme by which names are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Protobuf(pub(super) Escaping);

impl Encoder for Protobuf {
    fn cache(&self) -> usize {
        self.0.cache(2)
    }

    fn begin_family(&self, family: &FamilyDescription, body: usize, out: &mut Vec<u8>) {
        let (suffix, kind) = match family.kind {
            MetricKind::Counter => ("_total", 0),
            MetricKind::Gauge => ("", 1),
            MetricKind::Summary => ("", 2),
            MetricKind::Histogram => ("", 4),
        };
        let head = MetricFamily {
            name: self
                .0
                .name(&format!("{}{suffix}", family.name))
                .into_owned(),
            help: family.help.clone(),
            kind,
            unit: family.unit.to_string(),
            metrics: Vec::new(),
        };
        // A Vec has room for everything, here and below.
        let _ = encode_length_delimiter(head.encoded_len() + body, out);
        let _ = head.encode(out);
    }

    fn series(
        &self,
        family: &FamilyDescription,
        labels: LabelSet<'_>,
        value: &Value,
        created: Option<Duration>,
        out: &mut Vec<u8>,
    ) {
        let labels = labels.iter().map(|(name, value)| Label {
            name: self.0.label(name).into_owned(),
            value: value.to_owned(),
        });
        let mut metric = Metric {
            labels: labels.collect(),
            ..Metric::default()
        };
        let created = created.map(timestamp);
        let counter = |value| Some(Scalar { value, created });
        let gauge = |value| {
            let created = None;
            Some(Scalar { value, created })
        };
        match value {
            Value::Counter(value) => metric.counter = counter(*value as f64),
            Value::FloatCounter(value) => metric.counter = counter(*value),
            Value::Gauge(value) => metric.gauge = gauge(*value as f64),
            Value::FloatGauge(value) => metric.gauge = gauge(*value),
            Value::Histogram(snapshot) => {
                metric.histogram = Some(Histogram {
                    created,
                    ..histogram(family, snapshot)
                });
            }
            Value::Summary(summary) => {
                metric.summary = Some(messages::Summary {
                    created,
                    ..quantiles(family.unit, summary)
                });
            }
        }
        let part = MetricFamily {
            metrics: vec![metric],
            ..MetricFamily::default()
        };
        let _ = part.encode(out);
    }

    fn overwrite(
        &self,
        _: &FamilyDescription,
        (_, value): (&Value, &Value),
        series: &mut [u8],
    ) -> bool {
        let value = match value {
            Value::Counter(value) => *value as f64,
            Value::Gauge(value) => *value as f64,
            Value::FloatCounter(value) | Value::FloatGauge(value) => *value,
            Value::Histogram(_) | Value::Summary(_) => return false,
        };
        // A zero is left out.
        let place = scalar_place(series).filter(|_| value != 0.0);
        let Some(place) = place.and_then(|start| series.get_mut(start..start + 8)) else {
            return false;
        };
        place.copy_from_slice(&value.to_le_bytes());
        true
    }
}

/// Where the number of a counter or a gauge stands in the bytes of its series; `None` if it was left out.
fn scalar_place(series: &[u8]) -> Option<usize> {
    /// Each is a field's number and the type of what follows.
    const METRIC: u8 = 0x22;
    const LABEL: u8 = 0x0A;
    const GAUGE: u8 = 0x12;
    const COUNTER: u8 = 0x1A;
    const VALUE: u8 = 0x09;
    let mut rest = series;
    let length_after = |keys: &[u8], rest: &mut &[u8]| {
        let (key, mut behind) = rest.split_first()?;
        let length = decode_length_delimiter(&mut behind).ok();
        let length = length.filter(|_| keys.contains(key))?;
        *rest = behind;
        Some(length)
    };
    length_after(&[METRIC], &mut rest)?;
    while let Some(length) = length_after(&[LABEL], &mut rest) {
        rest = rest.get(length..)?;
    }
    length_after(&[GAUGE, COUNTER], &mut rest)?;
    let (key, value) = rest.split_first()?;
    (*key == VALUE).then_some(series.len() - value.len())
}

fn histogram(family: &FamilyDescription, snapshot: &HistogramSnapshot) -> Histogram {
    let scale = family.unit.scale();
    let counts = snapshot.cumulative(family.bounds.iter().map(|bound| bound.cut));
    let mut exemplars = snapshot.exemplars().peekable();
    let bounds = family.bounds.iter().map(|bound| bound.value);
    let buckets = bounds.zip(counts).map(|(bound, cumulative_count)| {
        let exemplar = exemplars.next_if(|exemplar| exemplar.value() <= bound);
        Bucket {
            cumulative_count,
            upper_bound: bound as f64 / scale,
            exemplar: exemplar.map(|it| message(it, scale)),
        }
    });
    let mut buckets: Vec<_> = buckets.collect();
    // Beyond the last bound. Without an exemplar, readers add this bucket themselves.
    buckets.extend(exemplars.next().map(|exemplar| Bucket {
        cumulative_count: snapshot.count(),
        upper_bound: f64::INFINITY,
        exemplar: Some(message(exemplar, scale)),
    }));
    let timed = snapshot.exemplars().filter(|it| it.time().is_some());
    let mut histogram = Histogram {
        count: snapshot.count(),
        sum: snapshot.sum() as f64 / scale,
        buckets,
        exemplars: timed.map(|it| message(it, scale)).collect(),
        ..Histogram::default()
    };
    native::add_buckets(snapshot, &mut histogram);
    histogram
}

fn message(exemplar: &Exemplar, scale: f64) -> messages::Exemplar {
    let label = |(name, value): (&str, &str)| Label {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    messages::Exemplar {
        labels: exemplar.labels().map(label).collect(),
        value: exemplar.value() as f64 / scale,
        time: exemplar.time().map(timestamp),
    }
}

fn timestamp(time: Duration) -> Timestamp {
    Timestamp {
        seconds: time.as_secs() as i64,
        nanos: time.subsec_nanos() as i32,
    }
}

fn quantiles(unit: Unit, summary: &Summary) -> messages::Summary {
    let scaled = |value: f64| value / unit.scale();
    let quantile = |(quantile, value): &(f64, Option<u64>)| Quantile {
        quantile: *quantile,
        value: value.map_or(f64::NAN, |value| scaled(value as f64)),
    };
    messages::Summary {
        count: summary.count(),
        sum: scaled(summary.sum() as f64),
        quantiles: summary.quantiles().iter().map(quantile).collect(),
        created: None,
    }
}
