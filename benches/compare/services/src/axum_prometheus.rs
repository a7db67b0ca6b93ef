//! axum-prometheus, as its documentation shows it.

use crate::page::Names;
use axum::Router;
use axum::routing::get;
use std::error::Error;

pub(crate) const NAMES: Names = Names {
    requests: "axum_http_requests_total",
    in_flight: "axum_http_requests_pending",
    route: "endpoint",
};

pub(crate) fn measured(app: Router) -> Result<Router, Box<dyn Error>> {
    // metrics: begin
    let (layer, handle) = axum_prometheus::PrometheusMetricLayer::pair();
    let app = app.route("/metrics", get(async move || handle.render()));
    let app = app.layer(layer);
    // metrics: end
    Ok(app)
}
