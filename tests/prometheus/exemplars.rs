//! Prometheus' storage of exemplars holds what was recorded.

use crate::endpoint::Endpoint;
use crate::monitor::Prometheus;
use epoch_metrics::{Clock, Histogram, HistogramOptions, ManualClock, Registry};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// The bound of a bucket, the trace of its exemplar, the value, and the time in milliseconds.
type Found = (String, String, String, u64);

/// In OpenMetrics, which Prometheus asks for by default. (Up to version 2.42 at least, it leaves escapes in exemplars' labels as they are.)
pub(crate) fn come_back() {
    let (registry, recorder) = Recorder::new();
    let (endpoint, _) = Endpoint::negotiating(registry);
    let flags = ["--enable-feature=exemplar-storage"];
    let prometheus = Prometheus::scraping_with(&[&endpoint], &flags);
    let mut expected = BTreeSet::new();
    for (ms, le, value) in [
        (7, "0.01", "0.007"),
        (70, "0.1", "0.07"),
        (700, "+Inf", "0.7"),
    ] {
        let time = recorder.record(ms, "a trace é");
        expected.insert((
            le.to_owned(),
            "a trace é".to_owned(),
            value.to_owned(),
            time,
        ));
    }
    wait_for(&prometheus, &expected);
    let time = recorder.record(71, "another");
    expected.insert((
        "0.1".to_owned(),
        "another".to_owned(),
        "0.071".to_owned(),
        time,
    ));
    wait_for(&prometheus, &expected);
}

/// In protobuf messages, which it asks for if it may store native histograms. Those are one series, of which version 2.42 takes one exemplar
/// at a time.
#[cfg(feature = "protobuf")]
pub(crate) fn come_back_from_protobuf() {
    let (registry, recorder) = Recorder::new();
    let (endpoint, _) = Endpoint::negotiating(registry);
    let flags = ["--enable-feature=exemplar-storage,native-histograms"];
    let prometheus = Prometheus::scraping_with(&[&endpoint], &flags);
    let mut expected = BTreeSet::new();
    for (ms, trace, value) in [(700, "a \"trace\"\n\\ é", "0.7"), (701, "another", "0.701")] {
        let time = recorder.record(ms, trace);
        expected.insert((String::new(), trace.to_owned(), value.to_owned(), time));
        wait_for(&prometheus, &expected);
    }
}

/// Records durations with exemplars, each a millisecond after the one before.
struct Recorder {
    wait: Histogram,
    clock: Arc<ManualClock>,
}

impl Recorder {
    fn new() -> (Registry, Self) {
        // It stores no exemplars that are much older than the present.
        let now = UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
        let clock = Arc::new(ManualClock::new());
        clock.set_unix_time(Duration::from_millis(now));
        let registry = Registry::builder().clock(Arc::clone(&clock) as _).build();
        let bounds = [10, 100].map(Duration::from_millis);
        let options = HistogramOptions::durations().export_bounds(&bounds);
        let family = registry.histogram_family("wait", "", options.exemplars(true), &["path"]);
        let wait = family.unwrap().with(&["/"]).unwrap();
        (registry, Self { wait, clock })
    }

    /// Returns when that was.
    fn record(&self, ms: u64, trace: &str) -> u64 {
        self.clock.advance(Duration::from_millis(1));
        let labels = [("trace_id", trace)];
        let duration = Duration::from_millis(ms);
        let recorded = self.wait.record_duration_with_exemplar(duration, &labels);
        recorded.unwrap();
        self.clock.unix_time().unwrap().as_millis() as u64
    }
}

fn wait_for(prometheus: &Prometheus, expected: &BTreeSet<Found>) {
    prometheus.until(|| {
        let found = found(prometheus)?;
        let same = (found == *expected).then_some(());
        same.ok_or_else(|| format!("{found:?}, not {expected:?}"))
    });
}

fn found(prometheus: &Prometheus) -> Result<BTreeSet<Found>, String> {
    let answer = prometheus.exemplars("{path=\"/\"}")?;
    let mut found = BTreeSet::new();
    for series in answer.as_array().ok_or("no list")? {
        let le = series["seriesLabels"]["le"].as_str().unwrap_or_default();
        for exemplar in series["exemplars"].as_array().ok_or("no list")? {
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            let trace = text(&exemplar["labels"]["trace_id"]);
            let seconds = exemplar["timestamp"].as_f64().unwrap();
            let time = (seconds * 1e3).round() as u64;
            found.insert((le.to_owned(), trace, text(&exemplar["value"]), time));
        }
    }
    Ok(found)
}
