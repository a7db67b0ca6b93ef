//! `--benchmark`: runs the server with and without metrics, under the same requests.
//!
//! The server without metrics is compiled with [`Nothing`]: it neither records nor reads the clock. Without metrics there is no p99, so
//! the controller runs with metrics only. All configurations run in each round. One of them runs twice: the difference between its
//! two runs is noise.
//!
//! The cost of metrics is far below that noise. It is therefore computed as well, from the times of single calls (`cost.rs`) and the
//! time of a request.

mod cost;
mod table;
mod traffic;

use crate::connections;
use crate::controller::Controller;
use crate::metrics::Metrics;
use crate::options::Benchmark;
use crate::record::Nothing;
use crate::report::say;
use crate::service;
use std::error::Error;
use std::sync::Arc;
use traffic::Seen;

/// How a server is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Configuration {
    WithoutMetrics,
    WithoutMetricsAgain,
    WithMetrics,
    WithController,
}

impl Configuration {
    const ALL: [Self; 4] = [
        Self::WithoutMetrics,
        Self::WithoutMetricsAgain,
        Self::WithMetrics,
        Self::WithController,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::WithoutMetrics => "without metrics",
            Self::WithoutMetricsAgain => "without metrics, again",
            Self::WithMetrics => "with metrics",
            Self::WithController => "with metrics and controller",
        }
    }
}

/// The results of one run: those of the clients, and those of the server's own metrics, if it has any.
#[derive(Debug)]
struct Measured {
    seen: Seen,
    /// Mean number of requests in a batch.
    batch: f64,
    /// Mean time from a request's arrival in the queue to its answer, in nanoseconds.
    latency: f64,
}

/// Measures, and prints the table.
///
/// # Errors
/// If a server cannot be started.
pub(crate) async fn run(benchmark: &Benchmark) -> Result<(), Box<dyn Error>> {
    say(table::introduction(benchmark));
    let mut rounds = Vec::new();
    for round in 0..benchmark.rounds as usize {
        let mut measured = Vec::new();
        for turn in 0..Configuration::ALL.len() {
            // Each round begins with another configuration.
            let at = (round + turn) % Configuration::ALL.len();
            measured.push((at, measure(Configuration::ALL[at], benchmark).await?));
        }
        measured.sort_by_key(|(at, _)| *at);
        rounds.push(measured.into_iter().map(|(_, one)| one).collect());
    }
    say(table::comparison(&rounds));
    let cost = cost::measure()?;
    say(table::computed(&cost, &rounds));
    Ok(())
}

/// Runs one server.
async fn measure(
    configuration: Configuration,
    benchmark: &Benchmark,
) -> Result<Measured, Box<dyn Error>> {
    let listener = connections::listen("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let metrics = Arc::new(Metrics::new()?);
    let shown = Arc::clone(&metrics);
    let service = match configuration {
        Configuration::WithoutMetrics | Configuration::WithoutMetricsAgain => {
            service::start(listener, Arc::new(Nothing), shown, None)?
        }
        Configuration::WithMetrics => service::start(listener, Arc::clone(&metrics), shown, None)?,
        Configuration::WithController => {
            let controller = Controller::new(Arc::clone(&metrics));
            service::start(listener, Arc::clone(&metrics), shown, Some(controller))?
        }
    };
    let seen = traffic::run(address, benchmark).await?;
    service.stop().await?;
    let page = metrics.collector.snapshot();
    Ok(Measured {
        seen,
        batch: page.batch.lifetime.mean().unwrap_or_default(),
        latency: page.latency.lifetime.mean().unwrap_or_default(),
    })
}
