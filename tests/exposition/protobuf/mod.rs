//! Prometheus' protobuf exposition: the samples of the text format, and native histograms that keep what was recorded.

mod messages;
mod native;
mod python;

use crate::subjects::{busy_collector, registry_with_everything, whole_process, with_everything};
use crate::validator::{OPEN_METRICS, TEXT, number, valid};
use epoch_metrics::{Format, Page, Registry};
use messages::{Histogram, Metric, MetricFamily, decode};

/// Name, labels and value of a sample.
type Line = (String, Vec<(String, String)>, f64);

fn families(page: &Page) -> Vec<MetricFamily> {
    decode(&page.render(Format::Protobuf).to_vec())
}

/// The samples of a family, native buckets aside.
fn samples(family: &MetricFamily) -> Vec<Line> {
    let mut lines = Vec::new();
    for metric in &family.metric {
        let line = |suffix: &str, added: Option<(&str, f64)>, value: f64| {
            let labels = metric.label.iter();
            let labels = labels.map(|label| (label.name().to_owned(), label.value().to_owned()));
            let added = added.map(|(name, value)| (name.to_owned(), value.to_string()));
            let mut labels: Vec<_> = labels.chain(added).collect();
            labels.sort();
            (format!("{}{suffix}", family.name()), labels, value)
        };
        let totals =
            |count: u64, sum: f64| [line("_count", None, count as f64), line("_sum", None, sum)];
        match (
            &metric.counter,
            &metric.gauge,
            &metric.summary,
            &metric.histogram,
            family.kind(),
        ) {
            (Some(value), None, None, None, 0) | (None, Some(value), None, None, 1) => {
                lines.push(line("", None, value.value()));
            }
            (None, None, Some(summary), None, 2) => {
                let quantile =
                    |q: &messages::Quantile| line("", Some(("quantile", q.quantile())), q.value());
                lines.extend(summary.quantile.iter().map(quantile));
                lines.extend(totals(summary.sample_count(), summary.sample_sum()));
            }
            (None, None, None, Some(histogram), 4) => {
                let bucket = |bucket: &messages::Bucket| {
                    let bound = Some(("le", bucket.upper_bound()));
                    line("_bucket", bound, bucket.cumulative_count() as f64)
                };
                // One for +Inf is there if it has an exemplar.
                let finite = histogram.bucket.iter();
                let finite = finite.filter(|bucket| bucket.upper_bound().is_finite());
                lines.extend(finite.map(bucket));
                lines.extend(totals(histogram.sample_count(), histogram.sample_sum()));
            }
            other => panic!("{} is {other:?}", family.name()),
        }
    }
    lines
}

/// The samples of the text format but for `+Inf`, which is the count.
fn samples_of_text(text: &str) -> Vec<Line> {
    let samples = valid(text, TEXT)
        .into_values()
        .flat_map(|family| family.samples);
    let line = |sample: crate::validator::Sample| {
        let mut labels = sample.labels;
        for own in ["le", "quantile"] {
            if let Some(value) = labels.get_mut(own) {
                *value = number(value).unwrap().to_string();
            }
        }
        (sample.name, labels.into_iter().collect(), sample.value)
    };
    let infinite = |line: &Line| line.1.contains(&("le".to_owned(), "inf".to_owned()));
    samples.map(line).filter(|line| !infinite(line)).collect()
}

fn subjects() -> [Page; 5] {
    [
        registry_with_everything().page(),
        with_everything(Registry::builder().created_samples(true)).page(),
        busy_collector().page(),
        whole_process(),
        Registry::new().page(),
    ]
}

#[test]
fn it_has_the_samples_of_the_text_format() {
    for page in subjects() {
        let families = families(&page);
        let mut found: Vec<Line> = families.iter().flat_map(samples).collect();
        let mut expected = samples_of_text(&page.render_prometheus());
        let order = |one: &Line, other: &Line| (&one.0, &one.1).cmp(&(&other.0, &other.1));
        found.sort_by(order);
        expected.sort_by(order);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!((&found.0, &found.1), (&expected.0, &expected.1));
            let (value, text) = (found.2, expected.2);
            // Sums are rounded twice on the way from whole nanoseconds.
            let near = (value - text).abs() <= text.abs() * 1e-15;
            assert!(
                near || value.to_string() == text.to_string(),
                "{found:?}, {expected:?}"
            );
        }
        let open = valid(&page.render_openmetrics(), OPEN_METRICS);
        assert_eq!(families.len(), open.len());
        for family in &families {
            let name = match family.kind() {
                0 => family.name().strip_suffix("_total").unwrap(),
                _ => family.name(),
            };
            let same = &open[name];
            assert_eq!(
                (family.help(), family.unit()),
                (&*same.help, &*same.unit),
                "{name}"
            );
        }
    }
}

/// When series were created, in the order of the page, with their names in OpenMetrics.
fn created(family: &MetricFamily) -> Vec<Line> {
    let metrics = family.metric.iter();
    let created = metrics.filter_map(|metric| {
        let counter = metric.counter.as_ref().map(|it| &it.created_timestamp);
        let summary = metric.summary.as_ref().map(|it| &it.created_timestamp);
        let histogram = metric.histogram.as_ref().map(|it| &it.created_timestamp);
        let time = counter.or(summary).or(histogram)?.as_ref()?;
        let labels = metric.label.iter();
        let labels = labels.map(|label| (label.name().to_owned(), label.value().to_owned()));
        let mut labels = Vec::from_iter(labels);
        labels.sort();
        let name = family
            .name()
            .strip_suffix("_total")
            .unwrap_or(family.name());
        let seconds = time.seconds() as f64 + f64::from(time.nanos()) / 1e9;
        Some((format!("{name}_created"), labels, seconds))
    });
    created.collect()
}

#[test]
fn times_of_creation_are_those_of_openmetrics() {
    for page in subjects() {
        let open = valid(&page.render_openmetrics(), OPEN_METRICS);
        for family in families(&page) {
            let name = family
                .name()
                .strip_suffix("_total")
                .unwrap_or(family.name());
            let samples = open[name].samples.iter();
            let expected = samples.filter(|it| it.name == format!("{name}_created"));
            let expected = expected.map(|it| {
                let labels = it.labels.clone().into_iter().collect();
                (it.name.clone(), labels, it.value)
            });
            assert_eq!(created(&family), Vec::from_iter(expected));
        }
    }
}

/// The exemplars of the classic buckets are those of OpenMetrics, and the native ones are the same.
#[test]
fn it_has_the_exemplars_of_openmetrics() {
    let page = registry_with_everything().page();
    let open = valid(&page.render_openmetrics(), OPEN_METRICS);
    let mut count = 0;
    for family in families(&page) {
        let Some(open) = open.get(family.name()) else {
            continue;
        };
        let expected = open.samples.iter().filter_map(|it| it.exemplar.as_ref());
        let expected = expected.map(|it| (it.labels.clone(), it.value, it.time));
        let histograms = family.metric.iter().filter_map(|it| it.histogram.as_ref());
        let classic = histograms.clone().flat_map(|it| &it.bucket);
        let classic = classic.filter_map(|bucket| bucket.exemplar.as_ref());
        let read = |it: &messages::Exemplar| {
            let labels = it.label.iter();
            let labels = labels.map(|it| (it.name().to_owned(), it.value().to_owned()));
            let time = it.timestamp.as_ref();
            let seconds = time.map(|time| time.seconds() as f64 + f64::from(time.nanos()) / 1e9);
            (labels.collect(), it.value(), seconds)
        };
        let expected = Vec::from_iter(expected);
        assert_eq!(Vec::from_iter(classic.map(read)), expected);
        let native = histograms.flat_map(|it| &it.exemplars);
        assert_eq!(Vec::from_iter(native.map(read)), expected);
        count += expected.len();
    }
    assert_eq!(count, 6);
}

/// Every metric of every family, and its histogram.
fn histograms(families: &[MetricFamily]) -> impl Iterator<Item = (&Metric, &Histogram)> {
    let metrics = families.iter().flat_map(|family| &family.metric);
    metrics.filter_map(|metric| Some((metric, metric.histogram.as_ref()?)))
}
