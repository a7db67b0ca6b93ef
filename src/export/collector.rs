//! A collector's JSON: its sections, and every metric of its registry.

use super::json::JsonWriter;
use crate::collector::{
    BatchSnapshot, CollectorSnapshot, LatencySnapshot, MetricsCollector, ModeSnapshot,
};
use crate::kind::Unit;
use crate::sample::number::Scaled;
use crate::snapshot::throughput::ThroughputSnapshot;
use std::time::{Duration, UNIX_EPOCH};

impl MetricsCollector {
    /// Everything as one JSON object: the sections, and under `metrics` what [`Registry::render_json`](crate::Registry::render_json) shows.
    ///
    /// ```
    /// let metrics = epoch_metrics::MetricsCollector::new();
    /// metrics.record_queue_depth(3);
    /// assert!(metrics.render_json().contains(r#""queue_depth":3"#));
    /// ```
    pub fn render_json(&self) -> String {
        self.snapshot().render_json()
    }
}

impl CollectorSnapshot {
    /// Everything as one JSON object, as [`MetricsCollector::render_json`] shows it.
    pub fn render_json(&self) -> String {
        let mut writer = JsonWriter::default();
        writer.object(|writer| {
            let timestamp = self
                .timestamp
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            writer
                .key("timestamp_seconds")
                .number(in_seconds(timestamp));
            writer.key("uptime_seconds").number(in_seconds(self.uptime));
            write_latency(writer.key("latency_seconds"), &self.latency);
            write_batch(writer.key("batch"), &self.batch);
            writer.key("throughput").object(|writer| {
                write_throughput(writer.key("tokens"), &self.throughput.tokens);
                write_throughput(writer.key("requests"), &self.throughput.requests);
            });
            writer.key("queue_depth").number(self.queue_depth);
            write_modes(writer, &self.modes);
            writer.key("metrics").page(&self.page);
        });
        super::text(writer.finish())
    }
}

fn in_seconds(duration: Duration) -> Scaled {
    Scaled(duration.as_nanos(), Unit::Seconds)
}

fn write_latency(writer: &mut JsonWriter, latency: &LatencySnapshot) {
    writer.object(|writer| {
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
                writer.key(key).optional(value.map(in_seconds));
            }
        });
        writer
            .key("lifetime")
            .histogram(Unit::Seconds, &latency.lifetime);
    });
}

fn write_batch(writer: &mut JsonWriter, batch: &BatchSnapshot) {
    writer.object(|writer| {
        writer.key("current").optional(batch.current);
        writer.key("min").optional(batch.min);
        writer.key("max").optional(batch.max);
        writer.key("mean").float(batch.mean.unwrap_or(f64::NAN));
        writer.key("distribution").array(|writer| {
            for bucket in batch.distribution() {
                writer.next().object(|writer| {
                    writer.key("from").number(bucket.low);
                    writer.key("to").number(bucket.high);
                    writer.key("count").number(bucket.count);
                });
            }
        });
    });
}

fn write_throughput(writer: &mut JsonWriter, throughput: &ThroughputSnapshot) {
    writer.object(|writer| {
        writer.key("total").number(throughput.total());
        writer.key("per_second").object(|writer| {
            for rate in throughput.rates() {
                writer
                    .key(&format!("{}s", rate.window.as_secs()))
                    .float(rate.per_second.unwrap_or(f64::NAN));
            }
        });
    });
}

fn write_modes(writer: &mut JsonWriter, modes: &ModeSnapshot) {
    let key = writer.key("mode");
    match &modes.mode {
        Some(mode) => key.string(mode),
        None => key.null(),
    }
    writer.key("mode_transitions").object(|writer| {
        writer.key("count").number(modes.count);
        writer.key("last").array(|writer| {
            for transition in &modes.transitions {
                writer.next().object(|writer| {
                    writer.key("from").string(&transition.from);
                    writer.key("to").string(&transition.to);
                    writer.key("at_seconds").number(in_seconds(transition.at));
                });
            }
        });
    });
}
