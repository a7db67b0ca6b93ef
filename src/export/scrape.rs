//! The answer to a scrape: what is asked for, rendered, and the headers to serve it with.

use super::negotiation::{Media, Negotiated, negotiate};
use super::text::Text;
use super::{OPENMETRICS_CONTENT_TYPE, PROMETHEUS_CONTENT_TYPE};
#[cfg(feature = "protobuf")]
use super::{PROTOBUF_CONTENT_TYPE, protobuf::Protobuf};
use crate::registry::{Page, Registry};
use crate::rendered::Rendered;
use crate::sample::Encoder;
use crate::sample::escaping::Escaping;

/// The answer to a scrape: a body, and the headers to serve it with. [`Registry::scrape`] and [`Page::scrape`] make one.
///
/// ```
/// let registry = epoch_metrics::Registry::new();
/// registry.counter("requests", "Requests answered.")?.inc();
/// let scrape = registry.scrape(Some("application/openmetrics-text;version=1.0.0"), None::<&str>);
/// assert_eq!(scrape.content_type(), "application/openmetrics-text; version=1.0.0; charset=utf-8");
/// assert_eq!(scrape.content_encoding(), None);
/// assert!(scrape.into_body().to_vec().ends_with(b"requests_total 1\n# EOF\n"));
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Debug)]
pub struct Scrape {
    content_type: String,
    gzip: bool,
    body: Rendered,
}

impl Scrape {
    /// The value of the header `Content-Type`.
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// The value of the header `Content-Encoding`; `None` if there is to be no such header.
    pub fn content_encoding(&self) -> Option<&'static str> {
        self.gzip.then_some("gzip")
    }

    /// The value of the header `Vary`: the answer depends on these headers of the request.
    pub fn vary(&self) -> &'static str {
        "Accept, Accept-Encoding"
    }

    /// The body, compressed if [`Self::content_encoding`] says so.
    pub fn body(&self) -> &Rendered {
        &self.body
    }

    /// The body by itself.
    pub fn into_body(self) -> Rendered {
        self.body
    }
}

impl Negotiated {
    fn content_type(self) -> String {
        let (media, escaping) = match self.media {
            Media::Text => (PROMETHEUS_CONTENT_TYPE, self.escaping),
            Media::QuotedText => (
                "text/plain; version=1.0.0; charset=utf-8",
                Some(self.escaping.unwrap_or(Escaping::Underscores)),
            ),
            Media::OpenMetrics => (OPENMETRICS_CONTENT_TYPE, self.escaping),
            #[cfg(feature = "protobuf")]
            Media::Protobuf => (PROTOBUF_CONTENT_TYPE, self.escaping),
        };
        match escaping {
            Some(escaping) => format!("{media}; escaping={}", escaping.word()),
            None => media.to_owned(),
        }
    }
}

impl Page {
    /// The page in the format that a scraper asks for, as [`Registry::scrape`] says.
    pub fn scrape(
        &self,
        accept: impl IntoIterator<Item: AsRef<str>>,
        accept_encoding: impl IntoIterator<Item: AsRef<str>>,
    ) -> Scrape {
        let negotiated = negotiate(accept, accept_encoding);
        let escaping = negotiated.escaping.unwrap_or(Escaping::Underscores);
        let text = Text {
            open_metrics: negotiated.media == Media::OpenMetrics,
            escaping,
        };
        let encoder: &dyn Encoder = match negotiated.media {
            Media::Text | Media::QuotedText | Media::OpenMetrics => &text,
            #[cfg(feature = "protobuf")]
            Media::Protobuf => &Protobuf(escaping),
        };
        let body = match negotiated.gzip {
            #[cfg(feature = "gzip")]
            true => self.compress_with(encoder),
            _ => self.render_with(encoder),
        };
        Scrape {
            content_type: negotiated.content_type(),
            gzip: negotiated.gzip,
            body,
        }
    }
}

impl Registry {
    /// Every metric in the format that a scraper asks for, compressed if it takes that: the answer to a `GET` of the metrics'
    /// page.
    ///
    /// `accept` and `accept_encoding` are the values of the request's headers of these names, one item for each header line; an
    /// `Option`, an array and an iterator over the lines will all do. Formats are those of
    /// [`Self::render_prometheus`], [`Self::render_openmetrics`], Prometheus' text format 1.0.0 (names as they are, see
    /// [`RegistryBuilder::utf8_names`](crate::RegistryBuilder::utf8_names)) and, with the feature `protobuf`, Prometheus' protobuf
    /// messages with native histograms. Qualities, versions and escaping schemes are obeyed. Who asks for none of these formats, for
    /// anything (`*/*`), or in a way that cannot be read, gets the text format 0.0.4. Bodies are compressed with the feature `gzip`.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::new();
    /// registry.gauge("queued", "Requests that wait.")?.set(2);
    /// let scrape = registry.scrape(["text/plain;q=0.5", "*/*;q=0.1"], ["identity"]);
    /// assert_eq!(scrape.content_type(), "text/plain; version=0.0.4; charset=utf-8");
    /// assert_eq!(scrape.body().to_vec(), registry.render_prometheus().into_bytes());
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn scrape(
        &self,
        accept: impl IntoIterator<Item: AsRef<str>>,
        accept_encoding: impl IntoIterator<Item: AsRef<str>>,
    ) -> Scrape {
        self.page().scrape(accept, accept_encoding)
    }
}
