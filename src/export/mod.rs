//! Formats: pure functions of a [`Page`], so any number of threads can render without delaying a writer.
//!
//! Each format is one file that implements [`Encoder`](crate::sample::Encoder). `collector.rs` is none: it holds the collector's
//! `render_json`, which needs the internal writer of JSON. Neither are `negotiation.rs` and `scrape.rs`: which format a scraper gets,
//! and the answer that it gets; nor `textfile.rs`: a page in a file; nor `hdr.rs` and `hdr_log.rs`: single histograms in HdrHistogram's formats.

mod collector;
#[cfg(feature = "hdr-log")]
mod hdr;
#[cfg(feature = "hdr-log")]
mod hdr_log;
mod json;
mod negotiation;
#[cfg(feature = "protobuf")]
mod protobuf;
mod scrape;
mod text;
mod textfile;

#[cfg(feature = "hdr-log")]
pub use hdr_log::HdrLogWriter;
pub use scrape::Scrape;

use crate::registry::{Page, Registry};
use crate::rendered::Rendered;
#[cfg(feature = "protobuf")]
use crate::sample::escaping::Escaping;
use json::JsonEncoder;
#[cfg(feature = "protobuf")]
use protobuf::Protobuf;
use text::Text;

/// The `Content-Type` to serve [`render_prometheus`](Registry::render_prometheus) with.
pub const PROMETHEUS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The `Content-Type` to serve [`render_openmetrics`](Registry::render_openmetrics) with.
pub const OPENMETRICS_CONTENT_TYPE: &str =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The `Content-Type` to serve [`Format::Protobuf`] with.
#[cfg(feature = "protobuf")]
pub const PROTOBUF_CONTENT_TYPE: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// A format that pages are rendered in. [`Registry::scrape`] chooses the one that a scraper asks for.
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
    /// OpenMetrics 1.0: [`OPENMETRICS_CONTENT_TYPE`].
    OpenMetrics,
    /// Prometheus' protobuf messages: [`PROTOBUF_CONTENT_TYPE`]. Histograms have native buckets, besides the classic ones:
    ///
    /// | significant digits | schema | native buckets in an octave | a quantile of them is within |
    /// |---|---|---|---|
    /// | 1 | 3 | 8 | 13 % |
    /// | 2 | 5 | 32 | 2.6 % |
    /// | 3 to 5 | 5 | 32 | 2.3 % |
    ///
    /// A quantile is what Prometheus' `histogram_quantile` computes, and is compared with the recorded value of its rank. Prometheus
    /// reads the native buckets if that is enabled, and the classic ones otherwise. Counters and sums are 64-bit floats, exact up to
    /// 2^53.
    #[cfg(feature = "protobuf")]
    Protobuf,
    /// One JSON object, with an entry for each family.
    Json,
}

impl Page {
    /// The page in a format, as pieces that pages share: what did not change since the registry's last page in this format is taken
    /// over without being copied, and so is everything if nothing changed.
    ///
    /// For each format that was asked for, the registry keeps the current text, and of each family the text that its last change replaced.
    /// The next change reuses that, unless somebody still holds it. So there are at most two more texts than pages that are held.
    pub fn render(&self, format: Format) -> Rendered {
        match format {
            Format::Prometheus => self.render_with(&Text::PROMETHEUS),
            Format::OpenMetrics => self.render_with(&Text::OPEN_METRICS),
            #[cfg(feature = "protobuf")]
            Format::Protobuf => self.render_with(&Protobuf(Escaping::Underscores)),
            Format::Json => self.render_with(&JsonEncoder),
        }
    }

    /// The page in Prometheus' text format 0.0.4; serve it as [`PROMETHEUS_CONTENT_TYPE`].
    pub fn render_prometheus(&self) -> String {
        text(self.render(Format::Prometheus).to_vec())
    }

    /// The page in OpenMetrics 1.0; serve it as [`OPENMETRICS_CONTENT_TYPE`].
    pub fn render_openmetrics(&self) -> String {
        text(self.render(Format::OpenMetrics).to_vec())
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

    /// Every metric in OpenMetrics 1.0; serve it as [`OPENMETRICS_CONTENT_TYPE`].
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::new();
    /// registry.counter("requests", "Requests answered.")?.add(2);
    /// let page = registry.render_openmetrics();
    /// assert!(page.starts_with("# HELP requests Requests answered.\n# TYPE requests counter\nrequests_total 2\n"));
    /// assert!(page.ends_with("# EOF\n"));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn render_openmetrics(&self) -> String {
        self.page().render_openmetrics()
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
