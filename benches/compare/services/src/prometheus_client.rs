//! prometheus-client: its example for axum, with a middleware.

use crate::page::Names;
use axum::Router;
use std::error::Error;

// metrics: begin
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::sync::Arc;
use std::time::Instant;
// metrics: end

pub(crate) const NAMES: Names = Names {
    requests: "http_requests_total",
    in_flight: "http_requests_in_flight",
    route: "route",
};

// metrics: begin
const BOUNDS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone)]
struct Metrics {
    requests: Family<Labels, Counter>,
    durations: Family<Labels, Histogram>,
    in_flight: Gauge,
}

impl Metrics {
    fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BOUNDS)),
            in_flight: Gauge::default(),
        };
        let requests = metrics.requests.clone();
        registry.register("http_requests", "Requests answered", requests);
        let durations = metrics.durations.clone();
        registry.register("http_request_duration_seconds", "Durations", durations);
        let in_flight = metrics.in_flight.clone();
        registry.register("http_requests_in_flight", "Under way", in_flight);
        metrics
    }
}

async fn track(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let path = request.extensions().get::<MatchedPath>();
    let route = path.map_or_else(String::new, |path| path.as_str().to_owned());
    let method = request.method().to_string();
    metrics.in_flight.inc();

    let response = next.run(request).await;

    metrics.in_flight.dec();
    let status = response.status().as_u16();
    let labels = Labels {
        method,
        route,
        status,
    };
    metrics.requests.get_or_create(&labels).inc();
    let durations = metrics.durations.get_or_create(&labels);
    durations.observe(started.elapsed().as_secs_f64());
    response
}

async fn page(
    State(registry): State<Arc<Registry>>,
) -> ([(axum::http::HeaderName, &'static str); 1], String) {
    let mut page = String::new();
    // It fails only if the page does, and a `String` takes everything.
    let _ = encode(&mut page, &registry);
    ([(CONTENT_TYPE, OPENMETRICS)], page)
}
// metrics: end

pub(crate) fn measured(app: Router) -> Result<Router, Box<dyn Error>> {
    // metrics: begin
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let exposed = get(page).with_state(Arc::new(registry));
    let app = app
        .route_layer(from_fn_with_state(metrics, track))
        .route("/metrics", exposed);
    // metrics: end
    Ok(app)
}
