//! Reads p99 after every batch, passes it to the [`Tuner`], and exports the settings as gauges.
//!
//! Frequent reads are cheap: the collector returns the same snapshot for up to `MAX_STALENESS` (`metrics.rs`), and a snapshot that was
//! read before is skipped.

use crate::metrics::Metrics;
use crate::tuner::{Observed, Settings, TARGET, Tuner};
use epoch_metrics::LatencySnapshot;
use std::sync::Arc;

/// Tunes batches by p99.
#[derive(Debug)]
pub(crate) struct Controller {
    metrics: Arc<Metrics>,
    tuner: Tuner,
    /// The snapshot that was read last.
    seen: Arc<LatencySnapshot>,
}

impl Controller {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        metrics.controller.target.set(TARGET.as_secs_f64());
        let controller = Self {
            tuner: Tuner::new(metrics.collector.registry().clock().now()),
            seen: metrics.collector.latency(),
            metrics,
        };
        controller.show();
        controller
    }

    /// The current limit and window.
    pub(crate) fn settings(&self) -> Settings {
        self.tuner.settings()
    }

    /// Must be called after every batch.
    pub(crate) fn after_batch(&mut self, batch: Observed) {
        self.tuner.observe(batch);
        let latency = self.metrics.collector.latency();
        if Arc::ptr_eq(&latency, &self.seen) {
            return;
        }
        let now = self.metrics.collector.registry().clock().now();
        if self.tuner.read(now, latency.p99) {
            self.metrics.controller.changes.inc();
        }
        self.show();
        self.seen = latency;
    }

    fn show(&self) {
        let Settings { limit, window } = self.settings();
        let shown = &self.metrics.controller;
        shown.limit.set(i64::try_from(limit).unwrap_or(i64::MAX));
        shown.window.set(window.as_secs_f64());
        if let Some(average) = self.tuner.average() {
            shown.average.set(average);
        }
    }
}

#[cfg(test)]
#[path = "controller_tests.rs"]
mod tests;
