//! What is printed: a line each second, and a summary at the end.

use crate::metrics::Metrics;
use std::fmt::Display;
use std::io::{Write, stdout};
use std::time::{Duration, Instant};

/// Prints a line. That nobody reads it any more (`server | head`) is no reason to end.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(stdout(), "{line}");
}

/// Remembers what the last line said, for what happened since.
#[derive(Debug)]
pub(crate) struct Report {
    started: Instant,
    last: Instant,
    inferences: u64,
}

impl Report {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self {
            started: now,
            last: now,
            inferences: 0,
        }
    }

    /// The live line: requests since the last one; quantiles of the last 1000 requests; the mean of the last 1000 batches.
    pub(crate) fn line(&mut self, metrics: &Metrics) -> String {
        let (now, inferences) = (Instant::now(), metrics.inferences());
        let per_second = (inferences - self.inferences) as f64 / (now - self.last).as_secs_f64();
        (self.last, self.inferences) = (now, inferences);
        let collector = &metrics.collector;
        let latency = collector.latency();
        let cost =
            recording(metrics).map_or("-".to_owned(), |(median, _)| format!("{median:.0} ns"));
        format!(
            "{:>4} s  {per_second:>6.0} req/s  p50 {:.2}  p95 {:.2}  p99 {:.2} ms  batch {:.1} (limit {}, window {:.2} ms)  \
             {:<9}  cache hits {:.1} %  recording {cost}",
            (now - self.started).as_secs(),
            recent(latency.p50),
            recent(latency.p95),
            recent(latency.p99),
            collector.batch().mean.unwrap_or(f64::NAN),
            metrics.controller.limit.get(),
            metrics.controller.window.get() * 1e3,
            collector.mode().as_deref().unwrap_or("-"),
            collector.cache_stats().latency.hit_rate() * 100.0,
        )
    }

    /// The summary of the whole run.
    pub(crate) fn summary(&self, metrics: &Metrics) -> String {
        let (inferences, seconds) = (metrics.inferences(), self.started.elapsed().as_secs_f64());
        let collector = &metrics.collector;
        let latency = &collector.latency().lifetime;
        let quantile = |q| millis(latency.quantile_duration(q).unwrap_or_default());
        let errors = &metrics.client_errors;
        let cache = collector.cache_stats().latency;
        let cost = recording(metrics).map_or("not sampled".to_owned(), |(median, min)| {
            format!(
                "median {median:.0} ns, least {min} ns for a request's four metrics (1 in 64 timed, the clock taken off)"
            )
        });
        format!(
            "summary: {inferences} requests in {seconds:.1} s ({:.0}/s)\n  \
             latency    p50 {:.2}  p95 {:.2}  p99 {:.2}  max {:.2} ms\n  \
             batches    {}, mean {:.2}; mode changed {} times\n  \
             clients    {} malformed, {} oversized, {} timed out, {} hung up, {} crowded out\n  \
             reads      {} of p99, {:.1} % from the cache\n  \
             recording  {cost}",
            inferences as f64 / seconds,
            quantile(0.5),
            quantile(0.95),
            quantile(0.99),
            millis(latency.max_duration().unwrap_or_default()),
            collector.batch().lifetime.count(),
            collector.batch().lifetime.mean().unwrap_or_default(),
            collector.mode_transitions().count,
            errors.malformed.get(),
            errors.oversized_body.get() + errors.oversized_head.get(),
            errors.timed_out.get(),
            errors.hung_up.get(),
            errors.crowded_out.get(),
            cache.hits + cache.rebuilds,
            cache.hit_rate() * 100.0,
        )
    }
}

/// Median and least of the newest samples, in nanoseconds; `None` before the first.
fn recording(metrics: &Metrics) -> Option<(f64, u64)> {
    let snapshot = metrics.recording.snapshot();
    let recent = snapshot.recent()?;
    recent.quantile(0.5).zip(recent.min())
}

/// In milliseconds; NaN before the first sample.
fn recent(latency: Option<Duration>) -> f64 {
    latency.map_or(f64::NAN, millis)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
