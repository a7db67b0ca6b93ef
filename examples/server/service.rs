//! Starts and stops a server.

use crate::batcher;
use crate::connections;
use crate::controller::Controller;
use crate::metrics::Metrics;
use crate::models::Models;
use crate::queue::{Queue, queue};
use crate::record::Record;
use std::io;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};

/// What every connection needs.
#[derive(Debug)]
pub(crate) struct Server<R> {
    /// Records inferences and batches.
    pub(crate) record: Arc<R>,
    /// Counts everything else, and is what `/metrics` exports.
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) queue: Queue,
    pub(crate) models: Models,
    /// Whether the server is about to end.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Service {
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

/// Starts a server in the current tokio runtime.
///
/// # Errors
/// If the system has no thread for the batcher.
pub(crate) fn start<R: Record>(
    listener: TcpListener,
    record: Arc<R>,
    metrics: Arc<Metrics>,
    controller: Option<Controller>,
) -> io::Result<Service> {
    let (queue, jobs) = queue();
    batcher::start(
        jobs,
        queue.places().clone(),
        Arc::clone(&record),
        controller,
    )?;
    let (stop, stopping) = watch::channel(false);
    let server = Arc::new(Server {
        record,
        metrics,
        queue,
        models: Models::default(),
        stopping,
    });
    let serving = tokio::spawn(connections::serve(listener, server));
    Ok(Service { stop, serving })
}

impl Service {
    /// Becomes `true` when the server begins to stop.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Stops the server, and waits until all requests are answered.
    ///
    /// # Errors
    /// If it panicked.
    pub(crate) async fn stop(self) -> Result<(), JoinError> {
        self.stop.send_replace(true);
        self.serving.await
    }
}
