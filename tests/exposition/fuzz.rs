//! Whatever is accepted reads back: registrations of every kind, what was written to them, and how it must be shown.

use crate::check_float;
use crate::openmetrics::samples;
use crate::validator::{Families, Labels, OPEN_METRICS, TEXT, number, valid};
use crate::wish::{Handle, Kind, Wish, wish};
use epoch_metrics::{ManualClock, RegisterError, Registry, Unit};
use proptest::prelude::*;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

proptest! {
    // A registration that fails is made smaller for so long only.
    #![proptest_config(ProptestConfig { max_shrink_time: 20_000, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn whatever_is_accepted_reads_back(wishes in proptest::collection::vec(wish(), 1..8)) {
        let clock = Arc::new(ManualClock::new());
        let registry = Registry::builder().clock(clock.clone()).build();
        let accepted = fulfil(&registry, wishes);
        clock.advance(Duration::from_secs(1));

        let mut families = valid(&registry.render_prometheus(), TEXT);
        let open = valid(&registry.render_openmetrics(), OPEN_METRICS);
        prop_assert_eq!(samples(&open), samples(&families));
        accepted.iter().for_each(|accepted| accepted.check_text(&mut families));
        let rejected = families.remove("epoch_metrics_rejected_values_total").map_or(Vec::new(), |family| family.samples);
        let rejected = rejected.into_iter().map(|sample| (sample.labels, sample.value));
        let expected: Vec<(Labels, usize)> = accepted.iter().flat_map(Accepted::rejected).collect();
        let in_text = expected.iter().map(|(labels, count)| (labels.clone(), *count as f64));
        prop_assert_eq!(rejected.collect::<Vec<_>>(), in_text.collect::<Vec<_>>());
        // What threads own depends on them, and is none of this test's business.
        let owned = |name: &str| name.starts_with("epoch_metrics_owned_");
        families.retain(|name, _| !owned(name));
        prop_assert!(families.is_empty(), "nobody registered {families:?}");

        let json: serde_json::Value = serde_json::from_str(&registry.render_json()).unwrap();
        let families = |accepted: &Accepted| if accepted.wish.kind == Kind::Throughput { 2 } else { 1 };
        let own = usize::from(!expected.is_empty());
        let all = accepted.iter().map(families).sum::<usize>() + own;
        let shown = json.as_object().unwrap().keys().filter(|name| !owned(name));
        prop_assert_eq!(shown.count(), all, "the library's own metric included");
        let rejected = json.get("epoch_metrics_rejected_values").map_or(Vec::new(), |family| {
            let series = family["series"].as_array().unwrap().iter();
            series.map(|series| (series["labels"].clone(), series["value"].clone())).collect()
        });
        let expected = expected.into_iter().map(|(labels, count)| (serde_json::json!(labels), count.into()));
        prop_assert_eq!(rejected, expected.collect::<Vec<_>>());
        for accepted in &accepted {
            accepted.check_json(&json[&accepted.wish.base()]);
            if accepted.wish.kind == Kind::Throughput {
                accepted.check_json_rates(&json[&(accepted.wish.base() + "_per_second")]);
            }
        }
    }
}

/// Registers what can be, and writes to it.
fn fulfil(registry: &Registry, wishes: Vec<Wish>) -> Vec<Accepted> {
    let reserved = [
        "epoch_metrics_rejected_values",
        "epoch_metrics_callback_panics",
        "epoch_metrics_overflowed_lookups",
        "epoch_metrics_owned_cells_refused",
    ];
    let gauges = ["epoch_metrics_owned_cells", "epoch_metrics_owned_bytes"];
    let counters = reserved
        .iter()
        .flat_map(|name| ["", "_total", "_created"].map(|suffix| format!("{name}{suffix}")));
    let mut taken: HashSet<String> = counters.chain(gauges.map(str::to_owned)).collect();
    let mut accepted = Vec::new();
    for wish in wishes {
        // What was refused has not taken its name: something with fewer faults can still have it.
        let plain = Wish {
            kind: Kind::Gauge,
            labels: None,
            ..wish.clone()
        };
        for wish in [wish, plain] {
            let faults = wish.faults(&taken);
            let handle = match wish.register(registry) {
                Ok(handle) => handle,
                Err(mut error) => {
                    if let RegisterError::Duplicate { differs, .. } = &mut error {
                        *differs = None;
                        let same = |other: &Accepted| wish.is_the_same(&other.wish);
                        assert!(!accepted.iter().any(same), "refused: {wish:?}");
                    }
                    assert!(
                        faults.contains(&error),
                        "{error:?}, where {faults:?} would be right"
                    );
                    assert!(
                        !error.to_string().contains('\n'),
                        "a message of one line: {error}"
                    );
                    continue;
                }
            };
            if accepted
                .iter()
                .any(|other: &Accepted| wish.is_the_same(&other.wish))
            {
                break;
            }
            assert!(faults.is_empty(), "accepted in spite of {faults:?}");
            taken.extend(wish.names());
            accepted.push(write(&handle, wish));
            break;
        }
    }
    accepted
}

fn write(handle: &Handle, wish: Wish) -> Accepted {
    let mut series: Vec<(Vec<String>, Vec<u64>)> = Vec::new();
    let of_member =
        |member: &[String; 4]| member[..wish.labels.as_ref().map_or(0, Vec::len)].to_vec();
    let members = match &wish.labels {
        Some(_) => wish.members.iter().map(of_member).collect(),
        None => vec![Vec::new()],
    };
    for (i, member) in members.into_iter().enumerate() {
        let labels: Vec<&str> = member.iter().map(String::as_str).collect();
        handle.touch(&labels);
        let values = &wish.values[i.min(wish.values.len())..];
        values
            .iter()
            .for_each(|value| handle.write(&labels, *value));
        match series.iter_mut().find(|(labels, _)| *labels == member) {
            Some((_, before)) => before.extend(values),
            None => series.push((member, values.to_vec())),
        }
    }
    Accepted { wish, series }
}

/// What was accepted, and everything that was written to each of its series.
struct Accepted {
    wish: Wish,
    series: Vec<(Vec<String>, Vec<u64>)>,
}

impl Accepted {
    fn labels(&self, values: &[String]) -> Labels {
        self.wish
            .labels
            .iter()
            .flatten()
            .cloned()
            .zip(values.iter().cloned())
            .collect()
    }

    fn in_range(&self, values: &[u64]) -> Vec<u64> {
        let (min, max) = self.wish.range;
        values
            .iter()
            .copied()
            .filter(|value| min <= *value && *value <= max)
            .collect()
    }

    /// What each series of a histogram rejected: its labels, those that get into the way of `metric` renamed.
    fn rejected(&self) -> Vec<(Labels, usize)> {
        let of_series = |(values, written): &(Vec<String>, Vec<u64>)| {
            let mut labels = self.labels(values);
            let moved = labels.remove("metric");
            let free = if labels.contains_key("exported_metric") {
                "exported_exported_metric"
            } else {
                "exported_metric"
            };
            labels.extend(moved.map(|value| (free.to_owned(), value)));
            labels.insert("metric".to_owned(), self.wish.base());
            (labels, written.len() - self.in_range(written).len())
        };
        let histogram = self.wish.kind == Kind::Histogram;
        let series = self.series.iter().filter(|_| histogram);
        series.map(of_series).collect()
    }

    fn total(values: &[u64]) -> u64 {
        values.iter().copied().fold(0, u64::wrapping_add)
    }

    /// What all of it comes to in the second that it was finished in.
    fn rate(values: &[u64]) -> f64 {
        values.iter().fold(0_u64, |sum, value| {
            sum.saturating_add(*value).min((1 << 36) - 1)
        }) as f64
    }

    /// Its families in the text, in order.
    fn expected(&self) -> Vec<ExpectedFamily> {
        let (wish, base) = (&self.wish, self.wish.base());
        let each = |shown: &dyn Fn(&[u64]) -> Vec<Expected>| {
            let of_series = |(labels, values): &(Vec<String>, Vec<u64>)| {
                let labels = self.labels(labels);
                shown(values)
                    .into_iter()
                    .map(move |expected| (labels.clone(), expected))
            };
            self.series.iter().flat_map(of_series).collect::<Vec<_>>()
        };
        let total = |values: &[u64]| vec![("", None, Shown::Whole(Self::total(values).into()))];
        let last = |values: &[u64]| values.last().copied().unwrap_or(0);
        let help = wish.help.clone();
        match wish.kind {
            Kind::Counter => vec![(base + "_total", help, "counter", each(&total))],
            Kind::Gauge => {
                let shown =
                    |values: &[u64]| vec![("", None, Shown::Whole((last(values) as i64).into()))];
                vec![(base, help, "gauge", each(&shown))]
            }
            Kind::FloatGauge => {
                let shown =
                    |values: &[u64]| vec![("", None, Shown::Float(f64::from_bits(last(values))))];
                vec![(base, help, "gauge", each(&shown))]
            }
            Kind::Histogram => vec![(
                base,
                help,
                "histogram",
                each(&|values| self.buckets(values)),
            )],
            Kind::Throughput => {
                let rates = |values: &[u64]| {
                    let added =
                        |window: &Duration| Some(("window", format!("{}s", window.as_secs())));
                    wish.windows
                        .iter()
                        .map(|w| ("", added(w), Shown::Float(Self::rate(values))))
                        .collect()
                };
                let separator = if help.is_empty() { "" } else { " " };
                let by_second =
                    format!("{help}{separator}Per-second rate over the last whole seconds.");
                vec![
                    (base.clone() + "_total", help, "counter", each(&total)),
                    (base + "_per_second", by_second, "gauge", each(&rates)),
                ]
            }
        }
    }

    fn buckets(&self, values: &[u64]) -> Vec<Expected> {
        let values = self.in_range(values);
        let count =
            |end: u64| Shown::Whole(values.iter().filter(|value| **value <= end).count() as i128);
        let bucket = |(bound, cut)| ("_bucket", Some(("le", self.wish.le(bound))), count(cut));
        let mut shown: Vec<_> = self.wish.bounds().into_iter().map(bucket).collect();
        shown.push((
            "_bucket",
            Some(("le", f64::INFINITY.to_string())),
            count(u64::MAX),
        ));
        shown.push((
            "_sum",
            None,
            Shown::in_unit(values.iter().copied().map(u128::from).sum(), self.wish.unit),
        ));
        shown.push(("_count", None, count(u64::MAX)));
        shown
    }

    fn check_text(&self, families: &mut Families) {
        for (name, help, kind, samples) in self.expected() {
            let family = families
                .remove(&name)
                .unwrap_or_else(|| panic!("no {name}"));
            assert_eq!((family.help, &*family.kind), (help, kind), "{name}");
            assert_eq!(family.samples.len(), samples.len(), "{name}");
            for (sample, (labels, (suffix, added, shown))) in
                family.samples.into_iter().zip(samples)
            {
                let mut read = sample.labels;
                match added {
                    Some(("le", bound)) => {
                        let written =
                            number(&read.remove("le").expect("a bucket's bound")).unwrap();
                        assert_eq!(written, bound.parse::<f64>().unwrap(), "{name}");
                    }
                    Some((label, value)) => assert_eq!(read.remove(label), Some(value), "{name}"),
                    None => {}
                }
                assert_eq!((sample.name, read), (format!("{name}{suffix}"), labels));
                shown.check(&sample.text);
            }
        }
    }

    fn check_json(&self, family: &serde_json::Value) {
        let wish = &self.wish;
        let kind = match wish.kind {
            // A throughput's total; its rates are a family of their own.
            Kind::Counter | Kind::Throughput => "counter",
            Kind::Gauge | Kind::FloatGauge => "gauge",
            Kind::Histogram => "histogram",
        };
        assert_eq!(
            (&family["type"], &family["help"]),
            (&kind.into(), &(&*wish.help).into())
        );
        let series = family["series"].as_array().unwrap();
        assert_eq!(series.len(), self.series.len());
        for (series, (labels, values)) in series.iter().zip(&self.series) {
            assert_eq!(
                series["labels"],
                serde_json::Value::Object(self.json_labels(labels))
            );
            let (value, last) = (&series["value"], values.last().copied().unwrap_or(0));
            match wish.kind {
                Kind::Counter | Kind::Throughput => {
                    assert_eq!(value.as_u64(), Some(Self::total(values)))
                }
                Kind::Gauge => assert_eq!(value.as_i64(), Some(last as i64)),
                Kind::FloatGauge => check_float(value, f64::from_bits(last)),
                Kind::Histogram => self.check_json_histogram(value, values),
            }
        }
    }

    /// The family of the rates.
    fn check_json_rates(&self, family: &serde_json::Value) {
        let help = &self.wish.help;
        let separator = if help.is_empty() { "" } else { " " };
        let help = format!("{help}{separator}Per-second rate over the last whole seconds.");
        assert_eq!(
            (&family["type"], &family["help"]),
            (&"gauge".into(), &help.into())
        );
        let mut series = family["series"].as_array().unwrap().iter();
        for (labels, values) in &self.series {
            for window in &self.wish.windows {
                let series = series.next().expect("a series for each window");
                let mut labels = self.json_labels(labels);
                labels.insert("window".to_owned(), format!("{}s", window.as_secs()).into());
                assert_eq!(series["labels"], serde_json::Value::Object(labels));
                check_float(&series["value"], Self::rate(values));
            }
        }
        assert_eq!(series.next(), None);
    }

    fn json_labels(&self, labels: &[String]) -> serde_json::Map<String, serde_json::Value> {
        self.labels(labels)
            .into_iter()
            .map(|(k, v)| (k, v.into()))
            .collect()
    }

    fn check_json_histogram(&self, value: &serde_json::Value, values: &[u64]) {
        let (scale, mut inside) = (
            if self.wish.unit == Unit::Seconds {
                1e9
            } else {
                1.0
            },
            self.in_range(values),
        );
        inside.sort_unstable();
        let (count, rejected) = (inside.len(), values.len() - inside.len());
        assert_eq!(
            (&value["count"], &value["rejected"]),
            (&count.into(), &rejected.into())
        );
        let sum: u128 = inside.iter().copied().map(u128::from).sum();
        check_float(&value["sum"], sum as f64 / scale);
        let error = 1.0 + 1.0 / 10_f64.powi(self.wish.digits.into()) + 1e-12;
        let keys = [
            ("p50", 500),
            ("p90", 900),
            ("p95", 950),
            ("p99", 990),
            ("p999", 999),
            ("max", 1000),
            ("min", 0),
        ];
        for (key, per_mille) in keys {
            if inside.is_empty() {
                assert!(value[key].is_null(), "{key} of nothing");
                continue;
            }
            let rank = (per_mille * count).div_ceil(1000).max(1);
            let exact = inside[rank - 1] as f64 / scale;
            let shown = value[key].as_f64().unwrap();
            assert!(
                exact / error <= shown && shown <= exact * error,
                "{key}: {shown} for {exact}"
            );
        }
    }
}

/// A family as it must read back: name, help, type, samples with their series' labels.
type ExpectedFamily = (String, String, &'static str, Vec<(Labels, Expected)>);

/// A sample as it must read back, its series' labels aside: its name's suffix, the label that the exposition adds, its value.
type Expected = (&'static str, Added, Shown);

/// A label that the exposition adds, and its value.
type Added = Option<(&'static str, String)>;

/// A value as it must read back.
#[derive(Debug)]
enum Shown {
    Whole(i128),
    Float(f64),
    /// Nanoseconds, written as seconds.
    Nanos(u128),
}

impl Shown {
    fn in_unit(value: u128, unit: Unit) -> Self {
        if unit == Unit::Seconds {
            Self::Nanos(value)
        } else {
            Self::Whole(value as i128)
        }
    }

    fn check(&self, text: &str) {
        match self {
            Self::Whole(n) => assert_eq!(text, n.to_string()),
            Self::Float(x) if x.is_nan() => assert_eq!(text, "NaN"),
            Self::Float(x) => assert_eq!(number(text).unwrap().to_bits(), x.to_bits(), "{text}"),
            Self::Nanos(n) => {
                let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
                assert!(fraction.len() <= 9 && !fraction.ends_with('0'), "{text}");
                let nanos = format!("{whole}{fraction:0<9}");
                assert_eq!(nanos.parse(), Ok(*n), "{text}");
            }
        }
    }
}
