//! The collector's own expositions: its registry's, and what is derived from it.

use super::{CollectorSnapshot, MetricsCollector};
use crate::export::json;
use crate::export::number::{Canonical, Float, InUnit};
use crate::export::prometheus::{NONE, Writer, write_registry};
use crate::metric::options::Unit;
use crate::registry::MetricKind;
use std::time::{Duration, UNIX_EPOCH};

/// What is exported beside the registry, so that its names can be reserved there.
pub(super) const DERIVED: [(&str, MetricKind); 7] = [
    ("request_latency_recent_seconds", MetricKind::Histogram),
    ("batch_size_recent", MetricKind::Gauge),
    ("mode", MetricKind::Gauge),
    ("mode_transitions", MetricKind::Counter),
    ("uptime_seconds", MetricKind::Gauge),
    ("snapshot_reads", MetricKind::Counter),
    ("snapshot_samples_folded", MetricKind::Counter),
];

fn in_seconds(duration: Duration) -> InUnit {
    InUnit(crate::clock::nanos(duration), Unit::Seconds)
}

pub(super) fn prometheus(collector: &MetricsCollector) -> String {
    let metrics = collector.metrics();
    let mut writer = Writer::default();
    write_registry(&mut writer, &collector.registry().snapshot());
    let name = |metric: &str| format!("{}_{metric}", collector.inner.prefix);

    let latency = &metrics.latency;
    writer.family(
        &name("request_latency_recent_seconds"),
        "Exact quantiles of the most recent requests; sum and count are of all.",
        "summary",
    );
    for (quantile, value) in [(0.5, latency.p50), (0.95, latency.p95), (0.99, latency.p99)] {
        writer.sample("", NONE, Some(("quantile", &Canonical(quantile))), in_seconds(value));
    }
    writer.sample("_sum", NONE, None, InUnit(latency.lifetime.sum(), Unit::Seconds));
    writer.sample("_count", NONE, None, latency.lifetime.count());

    let batch = &metrics.batch;
    writer.family(&name("batch_size_recent"), "Requests in the most recent batches.", "gauge");
    writer.sample("", [("of", "current")], None, batch.current);
    writer.sample("", [("of", "min")], None, batch.min);
    writer.sample("", [("of", "max")], None, batch.max);
    writer.sample("", [("of", "mean")], None, Float(batch.mean));

    if let Some(mode) = &metrics.modes.mode {
        writer.family(&name("mode"), "The mode that the server is in.", "gauge");
        writer.sample("", [("mode", &**mode)], None, 1);
    }
    writer.family(&name("mode_transitions_total"), "Changes of mode.", "counter");
    writer.sample("", NONE, None, metrics.modes.count);
    writer.family(&name("uptime_seconds"), "Time since the collector was made.", "gauge");
    writer.sample("", NONE, None, in_seconds(metrics.uptime));

    let stats = collector.cache_stats();
    let sections = [("latency", stats.latency), ("batch", stats.batch), ("throughput", stats.throughput)];
    writer.family(&name("snapshot_reads_total"), "Reads of the collector's sections, by what they found.", "counter");
    for (section, stats) in sections {
        writer.sample("", [("section", section), ("result", "hit")], None, stats.hits);
        writer.sample("", [("section", section), ("result", "rebuild")], None, stats.rebuilds);
    }
    writer.family(&name("snapshot_samples_folded_total"), "Samples that reads folded in.", "counter");
    for (section, stats) in sections {
        writer.sample("", [("section", section)], None, stats.samples_folded);
    }
    writer.finish()
}

pub(super) fn json(collector: &MetricsCollector) -> String {
    let metrics = collector.metrics();
    let mut writer = json::Writer::default();
    writer.object(|writer| {
        let timestamp = metrics.timestamp.duration_since(UNIX_EPOCH).unwrap_or_default();
        writer.key("timestamp_seconds").number(in_seconds(timestamp));
        writer.key("uptime_seconds").number(in_seconds(metrics.uptime));
        write_latency(writer, &metrics);
        write_batch(writer, &metrics);
        writer.key("throughput").object(|writer| {
            json::write_throughput(writer.key("tokens"), &metrics.throughput.tokens);
            json::write_throughput(writer.key("requests"), &metrics.throughput.requests);
        });
        writer.key("queue_depth").number(metrics.queue_depth);
        write_modes(writer, &metrics);
    });
    writer.finish()
}

fn write_latency(writer: &mut json::Writer, metrics: &CollectorSnapshot) {
    let latency = &metrics.latency;
    writer.key("latency_seconds").object(|writer| {
        writer.key("recent").object(|writer| {
            writer.key("count").number(latency.count);
            let values = [
                ("p50", latency.p50),
                ("p95", latency.p95),
                ("p99", latency.p99),
                ("min", latency.min),
                ("max", latency.max),
                ("mean", latency.mean),
            ];
            for (key, value) in values {
                writer.key(key).number(in_seconds(value));
            }
        });
        writer.key("lifetime").object(|writer| json::write_histogram(writer, Unit::Seconds, &latency.lifetime));
    });
}

fn write_batch(writer: &mut json::Writer, metrics: &CollectorSnapshot) {
    let batch = &metrics.batch;
    writer.key("batch").object(|writer| {
        writer.key("current").number(batch.current);
        writer.key("min").number(batch.min);
        writer.key("max").number(batch.max);
        writer.key("mean").float(batch.mean);
        writer.key("distribution").array(|writer| {
            for bucket in batch.distribution() {
                writer.next();
                writer.object(|writer| {
                    writer.key("from").number(bucket.low);
                    writer.key("to").number(bucket.high);
                    writer.key("count").number(bucket.count);
                });
            }
        });
    });
}

fn write_modes(writer: &mut json::Writer, metrics: &CollectorSnapshot) {
    writer.key("mode");
    match &metrics.modes.mode {
        Some(mode) => writer.string(mode),
        None => writer.number("null"),
    }
    writer.key("mode_transitions").object(|writer| {
        writer.key("count").number(metrics.modes.count);
        writer.key("last").array(|writer| {
            for transition in &metrics.modes.transitions {
                writer.next();
                writer.object(|writer| {
                    writer.key("from").string(&transition.from);
                    writer.key("to").string(&transition.to);
                    writer.key("at_seconds").number(in_seconds(transition.at));
                });
            }
        });
    });
}
