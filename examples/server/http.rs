//! Routes requests, and answers those for pages.

use crate::answers::{Answer, respond, text, unavailable, with_headers};
use crate::infer;
use crate::metrics::Metrics;
use crate::queue::Refused;
use crate::record::Record;
use crate::service::Server;
use crate::waiting::Waiting;
use epoch_metrics_page::{DATA_HEADERS, HTML, HTML_HEADERS, render_data};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, VARY,
};
use hyper::{Method, Request, Response, StatusCode};
use std::sync::Arc;

/// Bytes that a request's target may have: more than any client needs that is no mistake.
const MAX_TARGET: usize = 8 << 10;

/// Routes: the values of the label, so that no client can make up new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Page,
    PageData,
    Infer,
    Batch,
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
            Self::Batch,
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
            Self::Batch => "/batch",
            Self::Metrics => "/metrics",
            Self::Health => "/health",
            Self::Ready => "/ready",
            Self::Stats => "/stats",
            Self::Unknown => "unknown",
        }
    }

    fn allowed(self) -> &'static str {
        match self {
            Self::Infer => "GET, HEAD, POST",
            Self::Batch => "POST",
            _ => "GET, HEAD",
        }
    }

    fn allows(self, method: &Method) -> bool {
        self.allowed()
            .split(", ")
            .any(|allowed| allowed == method.as_str())
    }
}

/// Answers a request, and counts it when the answer is handed to the connection.
pub(crate) async fn answer<R: Record>(
    server: &Arc<Server<R>>,
    request: Request<Incoming>,
    waiting: &Waiting,
) -> Answer {
    let route = Route::of(request.uri().path());
    let answer = if request.uri().to_string().len() > MAX_TARGET {
        text(StatusCode::URI_TOO_LONG, "a target has at most 8 KiB\n")
    } else if route == Route::Unknown {
        text(
            StatusCode::NOT_FOUND,
            "not found: try / in a browser, /infer (GET ?some+words, or POST a text), POST /batch, /metrics, /health, /ready or /stats\n",
        )
    } else if !route.allows(request.method()) {
        let mut answer = text(
            StatusCode::METHOD_NOT_ALLOWED,
            "this path has other methods\n",
        );
        answer
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static(route.allowed()));
        answer
    } else if route == Route::Infer {
        let answer = infer::one(server, request, waiting).await;
        if answer.status() == StatusCode::OK {
            // Counted where it is recorded.
            return answer;
        }
        answer
    } else if route == Route::Batch {
        infer::several(server, request, waiting).await
    } else {
        let query = request.uri().query().unwrap_or_default();
        page(server, route, query, request.headers())
    };
    server.metrics.answered(route.label(), answer.status());
    answer
}

fn page<R>(server: &Server<R>, route: Route, query: &str, headers: &HeaderMap) -> Answer {
    let Server {
        metrics,
        queue,
        stopping,
        ..
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
