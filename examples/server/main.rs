//! An HTTP server that collects requests into batches, as an inference server does, measured by `epoch-metrics`.
//!
//! ```sh
//! cargo run --release -p server
//! # http://127.0.0.1:8080/ in a browser shows the metrics live
//! curl 'http://127.0.0.1:8080/infer?to+be+or+not+to+be'
//! curl http://127.0.0.1:8080/metrics
//! ```
//!
//! Where to look:
//! - `metrics.rs`, `record.rs`, `trace.rs`: the metrics, what each request and each batch records, and traces as exemplars;
//! - `batcher.rs`: collects requests into batches: the window, the fast path while nothing is under way, the modes;
//! - `controller.rs`, `tuner.rs`: read p99 after every batch and tune the batches; this is why reads must be cheap as well;
//! - `infer.rs`, `parts.rs`, `models.rs`: one inference, several in one body, and the cache of prepared models;
//! - `http.rs`, `body.rs`, `heads.rs`, `connections.rs`, `waiting.rs`: the routes, and clients that do not behave;
//! - `load.rs`, `report.rs`: the built-in load and what is printed;
//! - `bench/`: compares the server with and without metrics (`--benchmark`);
//! - `dashboard.json`, `alerts.yml`: a dashboard for Grafana and alerts for Prometheus;
//! - `rules.yml`: recording rules by which Prometheus adds up several such servers.
//!
//! `README.md` describes how to use all of it.

mod answers;
mod batcher;
mod bench;
mod body;
mod client;
mod connections;
mod controller;
mod heads;
mod http;
mod infer;
mod load;
mod metrics;
mod models;
mod options;
mod parts;
mod queue;
mod record;
mod report;
mod service;
mod trace;
mod tuner;
mod waiting;

use controller::Controller;
use metrics::Metrics;
use options::Options;
use report::{Report, say};
use std::error::Error;
use std::fmt::Display;
use std::io::{Write, stderr};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval_at, sleep};

fn main() -> ExitCode {
    // Lossy: `std::env::args` panics on what is not UTF-8.
    let arguments = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned());
    match options::parse(arguments) {
        Ok(Some(options)) => match run(&options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(problem) => fail(1, problem),
        },
        Ok(None) => {
            say(options::HELP.trim_end());
            ExitCode::SUCCESS
        }
        Err(problem) => fail(2, problem),
    }
}

/// One line for whoever started the server.
fn fail(code: u8, problem: impl Display) -> ExitCode {
    let _ = writeln!(stderr(), "server: {problem}");
    ExitCode::from(code)
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(async {
        match &options.benchmark {
            Some(benchmark) => bench::run(benchmark).await,
            None => serve(options).await,
        }
    });
    // Whoever is still connected was waited for long enough.
    runtime.shutdown_background();
    result
}

async fn serve(options: &Options) -> Result<(), Box<dyn Error>> {
    let listen = &options.listen;
    let listener = connections::listen(listen)
        .await
        .map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    let address = listener.local_addr()?;
    // Before the address is printed: who has read it may send signals.
    let signals = signals()?;

    let metrics = Arc::new(Metrics::new()?);
    let controller = Controller::new(Arc::clone(&metrics));
    let service = service::start(
        listener,
        Arc::clone(&metrics),
        Arc::clone(&metrics),
        Some(controller),
    )?;
    say(greeting(address, options.load));
    if options.load > 0 {
        load::start(
            address,
            options.load,
            &metrics.collector,
            service.stopping(),
        )?;
    }

    let mut report = Report::new();
    tokio::select! {
        () = report_each_second(&mut report, &metrics) => (),
        () = after(options.seconds) => (),
        () = signals => (),
    }
    service.stop().await?;
    say(report.summary(&metrics));
    Ok(())
}

/// What a newcomer needs to know, before anything happens.
fn greeting(address: SocketAddr, load: u32) -> String {
    format!(
        "listening on http://{address}  (open it in a browser; Ctrl-C ends it)\n  \
         curl 'http://{address}/infer?some+words'\n  \
         curl http://{address}/metrics\n  \
         curl http://{address}/stats\n  \
         curl http://{address}/health\n\
         it sends itself {load} requests a second (--load) and prints a line each second"
    )
}

async fn report_each_second(report: &mut Report, metrics: &Metrics) {
    let second = Duration::from_secs(1);
    let mut seconds = interval_at(tokio::time::Instant::now() + second, second);
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        seconds.tick().await;
        // The windows of the latency begin at full seconds.
        metrics.collector.registry().tick();
        say(report.line(metrics));
    }
}

/// Completes after so many seconds; never, if there is no limit.
async fn after(seconds: Option<u32>) {
    match seconds {
        Some(seconds) => sleep(Duration::from_secs(seconds.into())).await,
        None => std::future::pending().await,
    }
}

/// Completes at Ctrl-C, SIGTERM or SIGHUP, which the end of a terminal sends.
///
/// # Errors
/// If the system does not let us listen for them.
#[cfg(unix)]
fn signals() -> Result<impl Future<Output = ()>, Box<dyn Error>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
            _ = hangup.recv() => (),
        }
    })
}

/// Completes at Ctrl-C.
#[cfg(not(unix))]
fn signals() -> Result<impl Future<Output = ()>, Box<dyn Error>> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    })
}
