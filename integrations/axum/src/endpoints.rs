//! The pages that a registry is read by.

use crate::live;
use crate::page_body::PageBody;
use axum::Router;
use axum::body::Body;
use axum::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use epoch_metrics::{Format, Page, Registry, Rendered};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::task::spawn_blocking;

/// `/metrics`, `/health`, `/ready`, `/stats` and `/page` of a registry.
///
/// | path | answer |
/// |---|---|
/// | `/metrics` | every metric, in the format that the scraper asks for: see [`Registry::scrape`] |
/// | `/stats` | every metric, as JSON |
/// | `/page` | every metric, live in a browser; it polls `/page.json` |
/// | `/health` | 200, as long as the process answers |
/// | `/ready` | 200, or 503 while [`ready_when`](Self::ready_when) says no |
///
/// `?name[]=http_server_requests` asks for one family of `/metrics` or `/stats`: see [`Registry::page_of_query`].
///
/// Pages are rendered on tokio's threads for blocking work, so that a large one delays no request.
///
/// ```
/// use axum::Router;
/// use epoch_metrics::Registry;
/// use epoch_metrics_axum::Endpoints;
///
/// let registry = Registry::new();
/// let app: Router = Router::new().nest("/internal", Endpoints::new(&registry).router()); // /internal/metrics, …
/// # let _ = app;
/// ```
#[derive(Clone)]
#[must_use = "endpoints answer nothing until `router` or `serve` is called"]
pub struct Endpoints {
    registry: Registry,
    ready: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Endpoints {
    /// The endpoints of this registry. `/ready` answers 200.
    pub fn new(registry: &Registry) -> Self {
        Self {
            registry: registry.clone(),
            ready: Arc::new(|| true),
        }
    }

    /// When `/ready` answers 200. It is called for each request, and must not block.
    ///
    /// ```
    /// use epoch_metrics::Registry;
    /// use epoch_metrics_axum::Endpoints;
    ///
    /// let registry = Registry::new();
    /// let queued = registry.gauge("queued", "Requests that wait.")?;
    /// let endpoints = Endpoints::new(&registry).ready_when(move || queued.get() < 1_000);
    /// # let _ = endpoints;
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn ready_when(mut self, ready: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.ready = Arc::new(ready);
        self
    }

    /// The endpoints as a router, to be [nested](Router::nest) in one under a prefix, or merged with one: `endpoints.merge(app)`. The other
    /// way round, axum answers what no route matches by the endpoints' fallback, which is not measured.
    pub fn router<S>(self) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        let Self { registry, ready } = self;
        let (for_stats, for_page) = (registry.clone(), registry.clone());
        Router::new()
            .merge(live::router(for_page))
            .route(
                "/metrics",
                get(move |uri, headers| metrics(registry.clone(), uri, headers)),
            )
            .route("/stats", get(move |uri| stats(for_stats.clone(), uri)))
            .route("/health", get(async || "ok\n"))
            .route("/ready", get(async move || readiness(ready())))
    }

    /// Serves the endpoints at an address of their own, until the runtime ends, and returns that address: with port 0 the system
    /// chooses one. To stop earlier, give the [router](Self::router) to `axum::serve`.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    ///
    /// # Panics
    /// Outside of a tokio runtime whose I/O is enabled.
    ///
    /// ```
    /// use epoch_metrics::Registry;
    /// use epoch_metrics_axum::Endpoints;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let registry = Registry::new();
    /// let address = Endpoints::new(&registry).serve("127.0.0.1:0").await?;
    /// println!("http://{address}/metrics");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn serve(self, address: impl ToSocketAddrs) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let server = axum::serve(listener, self.router::<()>());
        tokio::spawn(server.into_future());
        Ok(address)
    }
}

/// The page in the format that the scraper asks for.
async fn metrics(registry: Registry, uri: Uri, request: HeaderMap) -> Response {
    rendered(move || {
        let page = asked_for(&registry, &uri);
        let lines = |name: HeaderName| {
            let lines = request.get_all(name).into_iter();
            lines.filter_map(|line| line.to_str().ok())
        };
        let scrape = page.scrape(lines(ACCEPT), lines(ACCEPT_ENCODING));
        let mut response = response(scrape.body(), scrape.content_type());
        let headers = response.headers_mut();
        headers.insert(VARY, HeaderValue::from_static(scrape.vary()));
        if let Some(encoding) = scrape.content_encoding() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    })
    .await
}

async fn stats(registry: Registry, uri: Uri) -> Response {
    rendered(move || {
        let page = asked_for(&registry, &uri).render(Format::Json);
        response(&page, "application/json")
    })
    .await
}

/// The page, or the part of it that the query names.
fn asked_for(registry: &Registry, uri: &Uri) -> Page {
    registry.page_of_query(uri.query().unwrap_or_default())
}

fn readiness(ready: bool) -> (StatusCode, &'static str) {
    if ready {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

fn response(page: &Rendered, content_type: &str) -> Response {
    let mut response = Response::new(Body::new(PageBody::new(page)));
    // It is text of this library, so that it can be a header.
    if let Ok(content_type) = HeaderValue::from_str(content_type) {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response
}

async fn rendered(render: impl FnOnce() -> Response + Send + 'static) -> Response {
    let rendered = spawn_blocking(render).await;
    // The other case: the runtime ends.
    rendered.unwrap_or_else(|_| StatusCode::SERVICE_UNAVAILABLE.into_response())
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoints")
            .field("registry", &self.registry)
            .finish_non_exhaustive()
    }
}
