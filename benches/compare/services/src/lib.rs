//! The same axum service four times: measured with epoch-metrics, and with the libraries that it would replace.
//!
//! Each module adds metrics to the same routes: requests and their durations by method, route and status, requests in flight,
//! and `/metrics`. Its lines between `metrics: begin` and `metrics: end` are what a user writes for that. They are written as
//! the library's own documentation and examples do it.
//!
//! `cargo run --release -p services` drives each with the same requests, and prints what each counted.

mod axum_prometheus;
mod drive;
mod metrics_exporter;
mod ours;
mod page;
mod prometheus_client;
mod routes;

use axum::Router;
use page::{Names, Page};
use std::error::Error;

/// A service with metrics.
pub struct Service {
    /// What the table calls it.
    pub name: &'static str,
    source: &'static str,
    measured: fn(Router) -> Result<Router, Box<dyn Error>>,
    names: Names,
}

/// The services, in the order of the table.
pub const SERVICES: [Service; 4] = [
    Service {
        name: "epoch-metrics-axum",
        source: include_str!("ours.rs"),
        measured: ours::measured,
        names: ours::NAMES,
    },
    Service {
        name: "axum-prometheus 0.10",
        source: include_str!("axum_prometheus.rs"),
        measured: axum_prometheus::measured,
        names: axum_prometheus::NAMES,
    },
    Service {
        name: "metrics 0.24 with metrics-exporter-prometheus 0.18",
        source: include_str!("metrics_exporter.rs"),
        measured: metrics_exporter::measured,
        names: metrics_exporter::NAMES,
    },
    Service {
        name: "prometheus-client 0.25",
        source: include_str!("prometheus_client.rs"),
        measured: prometheus_client::measured,
        names: prometheus_client::NAMES,
    },
];

/// The first two lines of the table.
pub const HEAD: &str = "\
| | lines of metrics code | counted of 100 answered | of 10 cancelled | of 10 panicking | in flight afterwards | series of 50 unknown paths |
|---|---|---|---|---|---|---|";

impl Service {
    /// Lines between the markers that are neither empty nor a comment.
    pub fn lines(&self) -> usize {
        let mut inside = false;
        let lines = self.source.lines().map(str::trim).filter(|line| {
            match *line {
                "// metrics: begin" => inside = true,
                "// metrics: end" => inside = false,
                _ => return inside && !line.is_empty() && !line.starts_with("//"),
            }
            false
        });
        lines.count()
    }

    /// Drives the service, and returns its row of the table. Once in a process: two of the libraries have a global recorder.
    ///
    /// # Errors
    /// If the service cannot be made, or does not answer.
    pub fn row(&self) -> Result<String, Box<dyn Error>> {
        let page = drive::drive(self.measured)?;
        let page = Page::new(&page, &self.names);
        let ended = |route| page.ended(route);
        Ok(format!(
            "| {} | {} | {} | {} | {} | {} | {} |",
            self.name,
            self.lines(),
            ended("/users/{id}"),
            ended("/never"),
            ended("/panic"),
            page.in_flight(),
            page.unknown_routes(),
        ))
    }
}
