//! One request and its response, from the call of the service to the end of the response's body.

use crate::families::Status;
use crate::route::Route;
use epoch_metrics::InFlight;
use std::sync::Arc;
use std::time::Duration;

/// Records exactly once how the exchange ended: at its end, or when it is dropped before.
#[derive(Debug)]
pub(crate) struct Exchange {
    route: Arc<Route>,
    started: Duration,
    /// `None`: the exchange ended.
    active: Option<InFlight>,
    /// The service or the body is running. If this is still set at the drop, it never returned: it panicked.
    running: bool,
}

impl Exchange {
    pub(crate) fn begin(route: Arc<Route>) -> Self {
        Self {
            started: route.now(),
            active: Some(route.active()),
            route,
            running: false,
        }
    }

    /// Runs a part of the service or the body.
    pub(crate) fn run<R>(&mut self, part: impl FnOnce() -> R) -> R {
        self.running = true;
        let result = part();
        self.running = false;
        result
    }

    /// The response is complete.
    pub(crate) fn answered(&mut self, class: Status, bytes: u64) {
        if self.end(class) {
            let took = self.route.now().saturating_sub(self.started);
            self.route.answered(class, took, bytes);
        }
    }

    /// The service or the body returned an error.
    pub(crate) fn failed(&mut self) {
        self.end(Status::Failed);
    }

    /// Counts the request. `false`: it was counted before.
    fn end(&mut self, status: Status) -> bool {
        let active = self.active.take();
        if active.is_some() {
            self.route.ended(status);
        }
        active.is_some()
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let status = if self.running {
            Status::Panicked
        } else {
            Status::Cancelled
        };
        self.end(status);
    }
}
