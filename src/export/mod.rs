//! Formats: pure functions of a [`Page`], so any number of threads can render without delaying a writer.
//!
//! Each format is one file that implements [`Encoder`](crate::sample::Encoder). `collector.rs` is none: it holds the collector's
//! `render_json`, which needs the internal writer of JSON.

mod collector;
mod json;
mod text;

use crate::registry::{Page, Registry};
use json::JsonWriter;
use text::TextEncoder;

/// The `Content-Type` to serve [`render_prometheus`](Registry::render_prometheus) with.
pub const PROMETHEUS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Page {
    /// The page in Prometheus' text format 0.0.4; serve it as [`PROMETHEUS_CONTENT_TYPE`].
    pub fn render_prometheus(&self) -> String {
        let mut encoder = TextEncoder::default();
        self.encode(&mut encoder);
        encoder.finish()
    }

    /// The page as one JSON object, with an entry for each family.
    pub fn render_json(&self) -> String {
        let mut writer = JsonWriter::default();
        writer.page(self);
        writer.finish()
    }
}

impl Registry {
    /// Every metric in Prometheus' text format 0.0.4; serve it as [`PROMETHEUS_CONTENT_TYPE`].
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::new();
    /// registry.counter("requests", "Requests answered.")?.add(2);
    /// let page = registry.render_prometheus();
    /// assert!(page.starts_with("# HELP requests_total Requests answered.\n# TYPE requests_total counter\n"));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn render_prometheus(&self) -> String {
        self.page().render_prometheus()
    }

    /// Every metric as one JSON object, with an entry for each family.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::new();
    /// registry.gauge("queued", "Requests that wait.")?.set(2);
    /// assert_eq!(
    ///     registry.render_json(),
    ///     r#"{"queued":{"type":"gauge","help":"Requests that wait.","series":[{"labels":{},"value":2}]}}"#
    /// );
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn render_json(&self) -> String {
        self.page().render_json()
    }
}
