//! The metrics, and the values of their labels.

use epoch_metrics::{
    Clock, Counter, DurationOptions, Family, Gauge, Histogram, HistogramOptions, RegisterError,
    Registry, Unit,
};
use http::{Method, StatusCode};
use std::sync::Arc;
use std::time::Duration;

/// Bounds of durations that are exported by default, in microseconds: 100 µs to 10 s.
const DURATIONS: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// Bounds of sizes that are exported, in bytes: 64 B to 64 MiB.
const SIZES: [u64; 11] = [
    64,
    256,
    1 << 10,
    4 << 10,
    16 << 10,
    64 << 10,
    256 << 10,
    1 << 20,
    4 << 20,
    16 << 20,
    64 << 20,
];

/// The route of a request that has none.
pub(crate) const UNMATCHED: &str = "unmatched";

/// How a request ended: the class of its response's status, or why there was no whole response.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Status {
    Informational,
    Success,
    Redirection,
    ClientError,
    ServerError,
    /// A status beyond 599.
    Other,
    /// The connection or the task ended before the response did.
    Cancelled,
    /// The service or the response's body panicked.
    Panicked,
    /// The service or the response's body returned an error.
    Failed,
}

/// How many there are of [`Status`].
pub(crate) const STATUSES: usize = Status::Failed as usize + 1;

impl Status {
    /// The class of a response.
    pub(crate) fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            100..=199 => Self::Informational,
            200..=299 => Self::Success,
            300..=399 => Self::Redirection,
            400..=499 => Self::ClientError,
            500..=599 => Self::ServerError,
            _ => Self::Other,
        }
    }

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Informational => "1xx",
            Self::Success => "2xx",
            Self::Redirection => "3xx",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
            Self::Other => "other",
            Self::Cancelled => "cancelled",
            Self::Panicked => "panicked",
            Self::Failed => "failed",
        }
    }
}

/// The metrics of all requests.
#[derive(Debug)]
pub(crate) struct Families {
    pub(crate) active: Gauge,
    pub(crate) requests: Family<Counter>,
    pub(crate) durations: Family<Histogram>,
    pub(crate) request_sizes: Family<Histogram>,
    pub(crate) response_sizes: Family<Histogram>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Families {
    pub(crate) fn register(
        registry: &Registry,
        durations: DurationOptions,
    ) -> Result<Self, RegisterError> {
        let sizes = HistogramOptions::default()
            .unit(Unit::Bytes)
            .export_bounds(&SIZES);
        let by_status = &["method", "route", "status"];
        let by_route = &["method", "route"];
        Ok(Self {
            active: registry.gauge(
                "http_server_active_requests",
                "Requests whose response has not ended.",
            )?,
            requests: registry.counter_family(
                "http_server_requests",
                "Requests that ended, by status class, or as cancelled, panicked or failed.",
                by_status,
            )?,
            durations: registry.histogram_family(
                "http_server_request_duration",
                "Time from the request to the last frame of a complete response.",
                durations,
                by_status,
            )?,
            request_sizes: registry.histogram_family(
                "http_server_request_body_size",
                "Bytes that the service read of a request's body.",
                sizes.clone(),
                by_route,
            )?,
            response_sizes: registry.histogram_family(
                "http_server_response_body_size",
                "Bytes of a complete response's body.",
                sizes,
                by_route,
            )?,
            clock: Arc::clone(registry.clock()),
        })
    }
}

/// The default options of durations.
pub(crate) fn durations() -> DurationOptions {
    HistogramOptions::durations().export_bounds(&DURATIONS.map(Duration::from_micros))
}

/// The method as a label: one of those that HTTP and PATCH's RFC 5789 define, or `other`.
pub(crate) fn method(method: &Method) -> &'static str {
    const KNOWN: [(Method, &str); 9] = [
        (Method::GET, "GET"),
        (Method::POST, "POST"),
        (Method::PUT, "PUT"),
        (Method::DELETE, "DELETE"),
        (Method::HEAD, "HEAD"),
        (Method::OPTIONS, "OPTIONS"),
        (Method::PATCH, "PATCH"),
        (Method::CONNECT, "CONNECT"),
        (Method::TRACE, "TRACE"),
    ];
    let found = KNOWN.iter().find(|(known, _)| known == method);
    found.map_or("other", |(_, label)| label)
}
