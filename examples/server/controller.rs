//! Tunes batch limit and window by p99: the reader that looks after every batch.

use crate::metrics::Metrics;
use epoch_metrics::LatencySnapshot;
use std::sync::Arc;
use std::time::Duration;

/// What p99 should stay below.
const TARGET_P99: Duration = Duration::from_millis(5);
/// Bounds of the batch limit. The upper one bounds the time of a batch.
const LIMITS: (usize, usize) = (4, 64);
/// Bounds of the window. The lower one keeps enough of it to notice when waiting begins to pay.
const WINDOWS: (Duration, Duration) = (Duration::from_micros(100), Duration::from_micros(1000));
/// What the window grows by.
const WINDOW_STEP: Duration = Duration::from_micros(50);

/// What a batch was like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observed {
    /// It waited for others.
    pub(crate) waited: bool,
    /// Others came while it waited.
    pub(crate) joined: bool,
    /// Another full batch was left waiting.
    pub(crate) saturated: bool,
}

/// Decides how large batches may be, and how long they wait.
#[derive(Debug)]
pub(crate) struct Controller {
    metrics: Arc<Metrics>,
    limit: usize,
    window: Duration,
    /// The reading that was acted upon last.
    seen: Arc<LatencySnapshot>,
    /// Since then: batches that waited, that waited with success, that left others waiting.
    waited: u32,
    joined: u32,
    saturated: u32,
}

impl Controller {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        let seen = metrics.collector.latency();
        let controller = Self {
            metrics,
            limit: 16,
            window: WINDOWS.1 / 2,
            seen,
            waited: 0,
            joined: 0,
            saturated: 0,
        };
        controller.show();
        controller
    }

    /// How many requests may be in a batch.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// How long a batch may wait for more.
    pub(crate) fn window(&self) -> Duration {
        self.window
    }

    /// Reads p99. Acts when the reading is a new one: the collector hands out the very same snapshot until it has another,
    /// and to act a hundred times upon one reading would be to overdo it a hundredfold.
    pub(crate) fn after_batch(&mut self, batch: Observed) {
        self.waited += u32::from(batch.waited);
        self.joined += u32::from(batch.joined);
        self.saturated += u32::from(batch.saturated);
        let latency = self.metrics.collector.latency();
        if Arc::ptr_eq(&latency, &self.seen) {
            return;
        }
        if let Some(p99) = latency.p99 {
            self.tune(p99);
        }
        self.show();
        self.seen = latency;
        (self.waited, self.joined, self.saturated) = (0, 0, 0);
    }

    fn tune(&mut self, p99: Duration) {
        if self.saturated > 0 {
            // Requests queue up, and a larger batch is cheaper by request: smaller ones would make it worse.
            self.limit *= 2;
        } else if p99 > TARGET_P99 {
            // It is not the queue, so it is the batches themselves.
            self.limit = self.limit * 3 / 4;
            self.window /= 2;
        } else if self.joined * 2 > self.waited && p99 < TARGET_P99 / 2 {
            self.window += WINDOW_STEP;
        } else if self.waited > 0 {
            // Waiting brings nobody.
            self.window /= 2;
        }
        self.limit = self.limit.clamp(LIMITS.0, LIMITS.1);
        self.window = self.window.clamp(WINDOWS.0, WINDOWS.1);
    }

    fn show(&self) {
        self.metrics
            .batch_limit
            .set(i64::try_from(self.limit).unwrap_or(i64::MAX));
        self.metrics.batch_window.set(self.window.as_secs_f64());
    }
}
