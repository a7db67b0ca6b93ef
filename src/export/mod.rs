//! Formats: pure functions of a [`Page`], so any number of threads can render without delaying a writer.
//!
//! Each format is one file that implements [`Encoder`](crate::sample::Encoder). `collector.rs` is none: it holds the collector's
//! `render_json`, which needs the internal writer of JSON.

mod collector;
mod json;
mod text;

use crate::registry::{Page, Registry};
use crate::rendered::Rendered;
use json::JsonEncoder;
use text::TextEncoder;

/// The `Content-Type` to serve [`render_prometheus`](Registry::render_prometheus) with.
pub const PROMETHEUS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A format that pages are rendered in.
///
/// ```
/// use epoch_metrics::{Format, Registry};
///
/// let registry = Registry::new();
/// registry.counter("requests", "Requests answered.")?.inc();
/// let page = registry.page();
/// assert!(page.render(Format::Prometheus).to_vec().starts_with(b"# HELP requests_total "));
/// assert!(page.render(Format::Json).to_vec().starts_with(b"{"));
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Prometheus' text format 0.0.4: [`PROMETHEUS_CONTENT_TYPE`].
    Prometheus,
    /// One JSON object, with an entry for each family.
    Json,
}

impl Page {
    /// The page in a format, as pieces that pages share: what did not change since the registry's last page in this format is taken
    /// over without being copied, and so is everything if nothing changed.
    ///
    /// The registry keeps one text of each format that was asked for; pages that are still held keep theirs. So there are at most two
    /// more texts than pages, one of them in the making.
    pub fn render(&self, format: Format) -> Rendered {
        match format {
            Format::Prometheus => self.render_with(&TextEncoder),
            Format::Json => self.render_with(&JsonEncoder),
        }
    }

    /// The page in Prometheus' text format 0.0.4; serve it as [`PROMETHEUS_CONTENT_TYPE`].
    pub fn render_prometheus(&self) -> String {
        text(self.render(Format::Prometheus).to_vec())
    }

    /// The page as one JSON object, with an entry for each family.
    pub fn render_json(&self) -> String {
        text(self.render(Format::Json).to_vec())
    }
}

/// What an encoder of text wrote: all of it came from strings.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_default()
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
