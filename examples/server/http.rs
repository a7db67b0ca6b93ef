//! Requests and their answers.

use crate::body::{self, BodyError};
use crate::metrics::Metrics;
use crate::queue::{Queue, Refused};
use crate::waiting::Waiting;
use epoch_metrics_page::{DATA_HEADERS, HTML, HTML_HEADERS, render_data};
use http_body_util::Full;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap,
    HeaderName, HeaderValue, RETRY_AFTER, VARY,
};
use hyper::{Method, Request, Response, StatusCode};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// What every connection needs.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) queue: Queue,
    /// Whether the server is about to end.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Bytes that a request's target may have: more than any client needs that is no mistake.
const MAX_TARGET: usize = 8 << 10;

type Answer = Response<Full<Bytes>>;

/// Routes: the values of the label, so that no client can make up new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Page,
    PageData,
    Infer,
    Metrics,
    Health,
    Ready,
    Stats,
    Unknown,
}

impl Route {
    fn of(path: &str) -> Self {
        let routes = [
            Self::Page,
            Self::PageData,
            Self::Infer,
            Self::Metrics,
            Self::Health,
            Self::Ready,
            Self::Stats,
        ];
        routes
            .into_iter()
            .find(|route| route.label() == path)
            .unwrap_or(Self::Unknown)
    }

    fn label(self) -> &'static str {
        match self {
            Self::Page => "/",
            Self::PageData => "/page.json",
            Self::Infer => "/infer",
            Self::Metrics => "/metrics",
            Self::Health => "/health",
            Self::Ready => "/ready",
            Self::Stats => "/stats",
            Self::Unknown => "unknown",
        }
    }

    fn allowed(self) -> &'static str {
        if self == Self::Infer {
            "GET, HEAD, POST"
        } else {
            "GET, HEAD"
        }
    }
}

/// Answers a request, and counts it when the answer is handed to the connection.
pub(crate) async fn answer(
    server: &Server,
    request: Request<Incoming>,
    waiting: &Waiting,
) -> Answer {
    let route = Route::of(request.uri().path());
    let method = request.method();
    let reads = method == Method::GET || method == Method::HEAD;
    let answer = if request.uri().to_string().len() > MAX_TARGET {
        text(StatusCode::URI_TOO_LONG, "a target has at most 8 KiB\n")
    } else if route == Route::Unknown {
        text(
            StatusCode::NOT_FOUND,
            "not found: try / in a browser, /infer (GET ?some+words, or POST a text), /metrics, /health, /ready or /stats\n",
        )
    } else if route == Route::Infer && (reads || method == Method::POST) {
        match infer(server, request, waiting).await {
            // Counted where it is recorded.
            Ok(answer) => return answer,
            Err(failure) => refuse(server, failure),
        }
    } else if route != Route::Infer && reads {
        let query = request.uri().query().unwrap_or_default();
        page(server, route, query, request.headers())
    } else {
        let mut answer = text(
            StatusCode::METHOD_NOT_ALLOWED,
            "this path has other methods\n",
        );
        answer
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static(route.allowed()));
        answer
    };
    server.metrics.answered(route.label(), answer.status());
    answer
}

/// Why there is no inference.
enum Failure {
    Body(BodyError),
    Queue(Refused),
}

/// Queues a request and waits for its answer. Once the request is complete, its connection is not closed for another one.
async fn infer(
    server: &Server,
    request: Request<Incoming>,
    waiting: &Waiting,
) -> Result<Answer, Failure> {
    // Everything but a body takes its words from the query, so that load generators need no body.
    let tokens = if request.body().is_end_stream() {
        words(request.uri().query().unwrap_or_default().as_bytes())
    } else {
        words(
            &body::read(request.into_body())
                .await
                .map_err(Failure::Body)?,
        )
    };
    if !waiting.work() {
        // The connection's task is being aborted.
        std::future::pending::<()>().await;
    }
    // From here: a client that is slow to send must not make the controller believe that batches are.
    let arrived = Instant::now();
    let answer = server.queue.submit(tokens).map_err(Failure::Queue)?;
    let answer = answer.await.map_err(|_| Failure::Queue(Refused::Closed))?;
    let latency = arrived.elapsed();
    let body = format!(
        "{{\"id\":{},\"batch\":{},\"tokens\":{tokens},\"latency_ms\":{:.3}}}\n",
        answer.id,
        answer.batch,
        latency.as_secs_f64() * 1e3
    );
    let response = respond(StatusCode::OK, "application/json", body);
    server
        .metrics
        .inferred(answer.id, latency.max(Duration::from_nanos(1)), tokens);
    Ok(response)
}

/// Words, separated as in texts or as in queries; at least one, since nothing is work too.
fn words(text: &[u8]) -> u64 {
    let separator = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'+' | b'&');
    text.split(separator)
        .filter(|word| !word.is_empty())
        .count()
        .max(1) as u64
}

fn refuse(server: &Server, failure: Failure) -> Answer {
    let errors = &server.metrics.client_errors;
    let (counter, mut answer) = match failure {
        Failure::Queue(refused) => return unavailable(refused),
        // It may have ended only its own half of the connection.
        Failure::Body(BodyError::HungUp) => (
            &errors.hung_up,
            text(StatusCode::BAD_REQUEST, "the body ended early\n"),
        ),
        Failure::Body(BodyError::TooLarge) => (
            &errors.oversized_body,
            text(StatusCode::PAYLOAD_TOO_LARGE, "a body has at most 64 KiB\n"),
        ),
        Failure::Body(BodyError::TooSlow) => (
            &errors.timed_out,
            text(StatusCode::REQUEST_TIMEOUT, "the body took too long\n"),
        ),
        Failure::Body(BodyError::Malformed) => (
            &errors.malformed,
            text(StatusCode::BAD_REQUEST, "malformed body\n"),
        ),
    };
    counter.inc();
    // What is left of the body is not a request.
    answer
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

fn unavailable(refused: Refused) -> Answer {
    let mut answer = match refused {
        Refused::Full => text(StatusCode::SERVICE_UNAVAILABLE, "the queue is full\n"),
        Refused::Closed => text(StatusCode::SERVICE_UNAVAILABLE, "the batcher has ended\n"),
    };
    answer
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}

fn page(server: &Server, route: Route, query: &str, headers: &HeaderMap) -> Answer {
    let Server {
        metrics,
        queue,
        stopping,
    } = server;
    match route {
        Route::Page => with_headers(HTML, &HTML_HEADERS),
        Route::PageData => {
            let page = metrics.collector.page();
            with_headers(render_data(&page, query), &DATA_HEADERS)
        }
        Route::Metrics => scraped(metrics, query, headers),
        Route::Stats => respond(
            StatusCode::OK,
            "application/json",
            metrics.collector.render_json(),
        ),
        // Alive: it can answer, and who does the work has not ended.
        Route::Health if !queue.places().is_open() => {
            text(StatusCode::SERVICE_UNAVAILABLE, "the batcher has ended\n")
        }
        // Ready: to be sent more. A server that is about to end is alive, and not ready.
        Route::Ready if *stopping.borrow() => text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
        Route::Ready if !queue.places().has_room() => unavailable(Refused::Full),
        _ => text(StatusCode::OK, "ok\n"),
    }
}

/// The metrics in the format that a scraper asks for; those that it names, if it does (`?name[]=…`).
fn scraped(metrics: &Metrics, query: &str, headers: &HeaderMap) -> Answer {
    let lines = |name: HeaderName| {
        let values = headers.get_all(name).into_iter();
        values.filter_map(|line| line.to_str().ok())
    };
    let page = metrics.collector.registry().page_of_query(query);
    let scrape = page.scrape(lines(ACCEPT), lines(ACCEPT_ENCODING));
    let mut answer = Response::new(Full::new(scrape.body().to_vec().into()));
    let headers = answer.headers_mut();
    headers.insert(VARY, HeaderValue::from_static(scrape.vary()));
    if let Ok(content_type) = HeaderValue::from_str(scrape.content_type()) {
        headers.insert(CONTENT_TYPE, content_type);
    }
    if let Some(encoding) = scrape.content_encoding() {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    answer
}

fn with_headers(
    body: impl Into<Bytes>,
    headers: &'static [(&'static str, &'static str)],
) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    for &(name, value) in headers {
        let (name, value) = (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        response.headers_mut().insert(name, value);
    }
    response
}

fn text(status: StatusCode, body: &'static str) -> Answer {
    respond(status, "text/plain; charset=utf-8", body)
}

fn respond(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
