//! A thread that exports periodically.

use crate::error::ExportError;
use crate::exporter::Exporter;
use std::fmt;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle, current};
use std::time::Duration;

/// A thread that exports periodically, until this is dropped; [`Exporter::start`] starts it.
///
/// Dropping it exports once more and waits for that.
#[must_use = "exports end when this is dropped"]
pub struct RunningExporter {
    /// Nothing is ever sent: that it is dropped ends the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Exporter {
    /// Starts a thread that exports each `interval` (OpenTelemetry's SDKs do so once a minute), and once more at the end, when the returned guard is
    /// dropped. `on_error` is told of each export that failed.
    ///
    /// The next export comes an interval after the one before has ended.
    ///
    /// # Errors
    /// If the operating system has no thread for it.
    ///
    /// ```
    /// use epoch_metrics::Registry;
    /// use epoch_metrics_opentelemetry::{Exporter, HttpSender, Producer};
    /// use std::time::Duration;
    ///
    /// let registry = Registry::new();
    /// let pages = registry.clone();
    /// let sender = HttpSender::new("http://127.0.0.1:4318/v1/metrics")?;
    /// let exporter = Exporter::new(move || pages.page(), Producer::new(), move |request| sender.send(request));
    /// let exports = exporter.start(Duration::from_secs(60), |error| eprintln!("metrics: {error}"))?;
    /// // the server
    /// drop(exports); // exports once more
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn start(
        self,
        interval: Duration,
        on_error: impl Fn(ExportError) + Send + 'static,
    ) -> io::Result<RunningExporter> {
        let (stop, stopped) = channel();
        let thread = Builder::new().name("metrics-otlp".to_owned());
        let thread = thread.spawn(move || export_until(&stopped, &self, interval, on_error))?;
        Ok(RunningExporter {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

fn export_until(
    stopped: &Receiver<()>,
    exporter: &Exporter,
    interval: Duration,
    on_error: impl Fn(ExportError),
) {
    loop {
        let waited = stopped.recv_timeout(interval);
        if let Err(error) = exporter.export() {
            on_error(error);
        }
        if waited != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

impl Drop for RunningExporter {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // The thread itself may drop the guard, if a callback owns it.
            if thread.thread().id() != current().id() {
                // If a callback panicked, the exports have ended, and the panic was reported.
                let _ = thread.join();
            }
        }
    }
}

impl fmt::Debug for RunningExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningExporter").finish_non_exhaustive()
    }
}
