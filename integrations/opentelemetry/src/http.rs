//! OTLP over HTTP, in protobuf.

use crate::error::{EndpointError, ExportError};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message;
use std::fmt;
use std::io::Read;
use std::time::Duration;
use ureq::http::{HeaderName, HeaderValue, Uri};
use ureq::{Agent, Body, http::Response};

/// How long a request may take unless the caller says otherwise, as in OpenTelemetry's exporters.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes that are kept of an answer which says why.
const MESSAGE: u64 = 1 << 10;
/// Bytes that are read of an answer to a request that succeeded.
const ANSWER: u64 = 1 << 16;

/// Sends requests to an OTLP receiver, such as an OpenTelemetry Collector, over HTTP (`http/protobuf`), without TLS. It blocks until the receiver
/// has answered. Connections are kept between requests. Clones share them.
///
/// ```no_run
/// use epoch_metrics::Registry;
/// use epoch_metrics_opentelemetry::{Exporter, HttpSender, Producer};
///
/// let registry = Registry::new();
/// let sender = HttpSender::new("http://127.0.0.1:4318/v1/metrics")?;
/// let pages = registry.clone();
/// let exporter = Exporter::new(move || pages.page(), Producer::new(), move |request| sender.send(request));
/// exporter.export()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct HttpSender {
    agent: Agent,
    url: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    timeout: Duration,
}

impl HttpSender {
    /// A sender to this endpoint, with its path: `http://host:4318/v1/metrics` for a Collector. Nothing is sent yet.
    ///
    /// # Errors
    /// If the address is not one of `http`. `https` is not supported: give [`Exporter`](crate::Exporter) a closure that sends with a client of yours.
    ///
    /// ```
    /// use epoch_metrics_opentelemetry::{EndpointError, HttpSender};
    ///
    /// HttpSender::new("http://127.0.0.1:4318/v1/metrics")?;
    /// assert!(HttpSender::new("https://example.com/v1/metrics").is_err());
    /// # Ok::<(), EndpointError>(())
    /// ```
    pub fn new(url: &str) -> Result<Self, EndpointError> {
        let parsed: Uri = url.parse().map_err(|_| EndpointError::InvalidUrl)?;
        let has_host = parsed.host().is_some_and(|host| !host.is_empty());
        if parsed.scheme_str() != Some("http") || !has_host {
            return Err(EndpointError::InvalidUrl);
        }
        let config = Agent::config_builder()
            // What refuses says why in its body.
            .http_status_as_error(false)
            // A redirected POST would become a GET, or be sent to whom the caller does not know.
            .max_redirects(0);
        Ok(Self {
            agent: config.build().new_agent(),
            url: url.to_owned(),
            headers: Vec::new(),
            timeout: TIMEOUT,
        })
    }

    /// Adds a header to each request, such as a key that the receiver asks for.
    ///
    /// # Errors
    /// If HTTP does not allow the name or the value.
    ///
    /// ```
    /// use epoch_metrics_opentelemetry::{EndpointError, HttpSender};
    ///
    /// let sender = HttpSender::new("http://127.0.0.1:4318/v1/metrics")?.header("x-api-key", "secret")?;
    /// assert_eq!(sender.header("a\n", "b").unwrap_err(), EndpointError::InvalidHeader);
    /// # Ok::<(), EndpointError>(())
    /// ```
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, EndpointError> {
        let name = HeaderName::from_bytes(name.as_bytes());
        let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) else {
            return Err(EndpointError::InvalidHeader);
        };
        self.headers.push((name, value));
        Ok(self)
    }

    /// How long a request may take from its beginning to the end of the answer: 10 s unless this says otherwise.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends one `ExportMetricsServiceRequest`, encoded.
    ///
    /// # Errors
    /// If the receiver cannot be reached, does not answer in time, refuses the request, or does not take all of it.
    pub fn send(&self, request: &[u8]) -> Result<(), ExportError> {
        let mut post = self
            .agent
            .post(&self.url)
            .content_type("application/x-protobuf");
        for (name, value) in &self.headers {
            post = post.header(name, value);
        }
        let post = post.config().timeout_global(Some(self.timeout)).build();
        let mut answer = post.send(request).map_err(|error| self.failed(error))?;
        if !answer.status().is_success() {
            let message = read(&mut answer, MESSAGE);
            return Err(ExportError::Refused {
                status: answer.status().as_u16(),
                message: printable(&message),
            });
        }
        let answer = read(&mut answer, ANSWER);
        // A receiver that answers with something else has taken the request all the same.
        let answer = ExportMetricsServiceResponse::decode(&*answer).unwrap_or_default();
        match answer.partial_success {
            Some(partial) if partial.rejected_data_points > 0 => Err(ExportError::Rejected {
                points: partial.rejected_data_points,
                message: partial.error_message,
            }),
            _ => Ok(()),
        }
    }

    fn failed(&self, error: ureq::Error) -> ExportError {
        match error {
            ureq::Error::Timeout(_) => ExportError::TimedOut {
                timeout: self.timeout,
            },
            error => ExportError::Unreachable {
                error: error.into(),
            },
        }
    }
}

/// What can be read of an answer: its status is what counts.
fn read(answer: &mut Response<Body>, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = answer
        .body_mut()
        .as_reader()
        .take(most)
        .read_to_end(&mut bytes);
    bytes
}

/// A message as text: receivers answer with text, or with a protobuf `Status`, whose message is readable between other bytes.
fn printable(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let text = text.replace(
        |c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER,
        " ",
    );
    text.trim().to_owned()
}

/// Without the address and the headers, which can contain a password.
impl fmt::Debug for HttpSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSender")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
