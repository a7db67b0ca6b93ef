//! epoch-metrics-axum.

use crate::page::Names;
use axum::Router;
use std::error::Error;

pub(crate) const NAMES: Names = Names {
    requests: "http_server_requests_total",
    in_flight: "http_server_active_requests",
    route: "route",
};

pub(crate) fn measured(app: Router) -> Result<Router, Box<dyn Error>> {
    // metrics: begin
    let registry = epoch_metrics::Registry::new();
    let app = epoch_metrics_axum::measured(app, &registry)?;
    // metrics: end
    Ok(app)
}
