//! Errors: one enum for each operation, each variant with its cause and its remedy.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Why an [`HttpSender`](crate::HttpSender) could not be made.
///
/// ```
/// use epoch_metrics_opentelemetry::{EndpointError, HttpSender};
///
/// assert_eq!(HttpSender::new("127.0.0.1:4318").unwrap_err(), EndpointError::InvalidUrl);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointError {
    /// The address is not one of HTTP. It is not repeated here, since it can contain a password.
    InvalidUrl,
    /// The name or the value of a header has characters that HTTP does not allow.
    InvalidHeader,
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidUrl => {
                "not an endpoint for OTLP over HTTP: use `http://host:4318/v1/metrics`"
            }
            Self::InvalidHeader => {
                "not an HTTP header: use visible ASCII characters, and no colon in the name"
            }
        })
    }
}

impl Error for EndpointError {}

/// Why metrics were not delivered.
///
/// ```
/// use epoch_metrics::Registry;
/// use epoch_metrics_opentelemetry::{Exporter, ExportError, HttpSender, Producer};
///
/// // Nobody listens on port 1.
/// let sender = HttpSender::new("http://127.0.0.1:1/v1/metrics").expect("it is valid");
/// let registry = Registry::new();
/// let exporter = Exporter::new(move || registry.page(), Producer::new(), move |request| sender.send(request));
/// let error = exporter.export().unwrap_err();
/// assert!(matches!(error, ExportError::Unreachable { .. }));
/// assert!(error.is_retryable());
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ExportError {
    /// The receiver had not answered in time. Whether it took the metrics is not known.
    TimedOut {
        /// The time that it had.
        timeout: Duration,
    },
    /// There is no connection to the receiver, it ended before the answer, or what answers does not speak HTTP.
    Unreachable {
        /// What happened.
        error: Box<dyn Error + Send + Sync>,
    },
    /// The receiver answered with something else than success, and took nothing.
    Refused {
        /// The status of the answer, such as 503.
        status: u16,
        /// How the body of the answer begins, if it is text: 1 KiB at the most.
        message: String,
    },
    /// The receiver took the request, but not all that it held (OTLP's partial success).
    Rejected {
        /// How many data points it did not take.
        points: i64,
        /// Why, in the receiver's words.
        message: String,
    },
}

impl ExportError {
    /// Whether the same metrics may be sent again, as OTLP defines it: nothing is known to have arrived, and the receiver may take them
    /// later (no answer, or the status 429, 502, 503 or 504). What is not sent again is lost to the receiver, unless values are
    /// cumulative.
    ///
    /// ```
    /// use epoch_metrics_opentelemetry::ExportError;
    ///
    /// let refused = |status| ExportError::Refused { status, message: String::new() };
    /// assert!(refused(503).is_retryable());
    /// assert!(!refused(400).is_retryable());
    /// ```
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::Unreachable { .. } => true,
            Self::Refused { status, .. } => matches!(status, 429 | 502 | 503 | 504),
            Self::Rejected { .. } => false,
        }
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut { timeout } => write!(
                f,
                "the receiver did not answer within {timeout:?}: look whether it is overloaded, or allow more with `timeout`"
            ),
            Self::Unreachable { error } => write!(
                f,
                "the receiver cannot be reached: {error}: check the endpoint"
            ),
            Self::Refused { status, message } => write!(
                f,
                "the receiver refused with status {status}: {message}: check the endpoint's path (`/v1/metrics`) and the headers"
            ),
            Self::Rejected { points, message } => write!(
                f,
                "the receiver did not take {points} data points: {message}: look into its log"
            ),
        }
    }
}

impl Error for ExportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreachable { error } => Some(&**error),
            _ => None,
        }
    }
}
