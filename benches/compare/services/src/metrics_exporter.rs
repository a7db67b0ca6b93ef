//! metrics with metrics-exporter-prometheus: the middleware of axum's example `prometheus-metrics`, and requests in flight.

use crate::page::Names;
use axum::Router;
use std::error::Error;

// metrics: begin
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::PrometheusBuilder;
use std::time::{Duration, Instant};
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

async fn track(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let path = request.extensions().get::<MatchedPath>();
    let route = path.map_or_else(String::new, |path| path.as_str().to_owned());
    let method = request.method().to_string();
    gauge!("http_requests_in_flight").increment(1);

    let response = next.run(request).await;

    gauge!("http_requests_in_flight").decrement(1);
    let status = response.status().as_u16().to_string();
    let labels = [("method", method), ("route", route), ("status", status)];
    counter!("http_requests_total", &labels).increment(1);
    histogram!("http_request_duration_seconds", &labels).record(started.elapsed());
    response
}
// metrics: end

pub(crate) fn measured(app: Router) -> Result<Router, Box<dyn Error>> {
    // metrics: begin
    let handle = PrometheusBuilder::new()
        .set_buckets(&BOUNDS)?
        .install_recorder()?;
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            upkeep.run_upkeep();
        }
    });
    let app = app
        .route_layer(from_fn(track))
        .route("/metrics", get(async move || handle.render()));
    // metrics: end
    Ok(app)
}
