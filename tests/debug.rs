//! `Debug` of handles, and of snapshots that hold series or buckets, is one short line, whatever it shares.

use epoch_metrics::{CachedValue, HistogramOptions, MetricsCollector, Registry};
use std::fmt::Debug;
use std::time::Duration;

fn check(what: &str, value: &dyn Debug) {
    let line = format!("{value:?}");
    assert!(!line.contains('\n') && !line.is_empty(), "{what}: {line}");
    assert!(
        line.len() <= 200,
        "{what} takes {} bytes: {line}",
        line.len()
    );
}

#[test]
fn handles_and_large_snapshots_are_one_short_line() {
    let registry = Registry::new();
    let options = || HistogramOptions::durations().recent(1000);
    let counters = registry.counter_family("c", "Counters.", &["x"]).unwrap();
    let histograms = registry
        .histogram_family("h", "Histograms.", options(), &["x"])
        .unwrap();
    for i in 0..75 {
        counters.with(&[&i.to_string()]).unwrap().add(u64::MAX);
        let histogram = histograms.with(&[&i.to_string()]).unwrap();
        (0..1000).for_each(|n| histogram.record(n * n * n));
    }
    let gauge = registry.gauge("g", "").unwrap();
    gauge.set(i64::MIN);
    let float = registry.float_gauge("f", "").unwrap();
    float.set(-1.0 / 3.0);
    let histogram = registry.histogram("one", "", options()).unwrap();
    (0..100_000).for_each(|n| histogram.record(n));
    let throughput = registry.throughput("t", "").unwrap();
    throughput.add(u64::MAX);
    let snapshot = registry.snapshot();
    let family = snapshot.family("h_seconds").unwrap();

    check("Counter", &counters.with(&["1"]).unwrap());
    check("Gauge", &gauge);
    check("FloatGauge", &float);
    check("Histogram", &histogram);
    check("Throughput", &throughput);
    check("Timer", &histogram.start());
    check("Family", &counters);
    check("Registry", &registry);
    check("RegistrySnapshot", &snapshot);
    check("FamilySnapshot", &family);
    check("SeriesSnapshot", &family.series().next().unwrap());
    check("Value", &family.series().next().unwrap().value());
    check("HistogramSnapshot", &histogram.snapshot());
    check("Latest", &histogram.latest());
    check("Page", &registry.page());
    check("CachedValue", &CachedValue::new(vec![0; 10_000]));

    let collector = MetricsCollector::new();
    collector.record_latency(Duration::from_secs(1));
    check("MetricsCollector", &collector);
    fill(&collector);
    check("BatchSnapshot", &collector.batch());
    check("CacheStats", &collector.cache_stats().latency);
    check("CollectorBuilder", &MetricsCollector::builder());
    check("RegistryBuilder", &Registry::builder());
    check("HistogramOptions", &options());
    check("Latest<RegistrySnapshot>", &registry.latest());
    assert_eq!(format!("{registry:?}"), "Registry { families: 7, .. }");
}

fn fill(collector: &MetricsCollector) {
    for n in 0..1000 {
        collector.record_latency(Duration::from_nanos(n * n * n));
        collector.record_batch_size(n);
        collector.record_throughput(u64::MAX, 1);
        collector.record_mode_transition(&format!("mode {n}"));
    }
}
