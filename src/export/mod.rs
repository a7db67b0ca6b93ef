//! Text formats: pure functions of a snapshot, so any number of threads can render and none holds a writer up.

pub(crate) mod json;
pub(crate) mod number;
pub(crate) mod prometheus;

/// The name of the library's own counter of refused values.
pub(crate) const REJECTED: &str = "epoch_metrics_rejected_values";
pub(crate) const REJECTED_HELP: &str = "Values refused because they were out of their histogram's range.";

/// The `Content-Type` to serve [`render_prometheus`](crate::Registry::render_prometheus) with.
pub const PROMETHEUS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
