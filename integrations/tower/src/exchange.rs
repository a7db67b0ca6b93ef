//! One request and its response, from the call of the service to the end of the response's body.

use crate::families::{CANCELLED, FAILED, Families, PANICKED};
use epoch_metrics::InFlight;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// Records how the exchange ended, exactly once: when it is told, or when it is dropped.
#[derive(Debug)]
pub(crate) struct Exchange {
    families: Arc<Families>,
    method: &'static str,
    route: Cow<'static, str>,
    started: Duration,
    /// `None`: the exchange ended.
    active: Option<InFlight>,
    /// The service, or the body, runs. If it is so at the drop, it never returned: it panicked.
    running: bool,
}

impl Exchange {
    pub(crate) fn begin(
        families: &Arc<Families>,
        method: &'static str,
        route: Cow<'static, str>,
    ) -> Self {
        Self {
            started: families.clock.now(),
            active: Some(families.active.track()),
            families: Arc::clone(families),
            method,
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

    /// The response was sent as a whole.
    pub(crate) fn answered(&mut self, class: &'static str, bytes: u64) {
        if self.end(class) {
            let took = self.families.clock.now().saturating_sub(self.started);
            let (families, method, route) = (&self.families, self.method, &*self.route);
            // The numbers of values are those of the labels, so that no look-up fails.
            let _ = families
                .durations
                .with_ref(&[method, route, class], |durations| {
                    durations.record_duration(took)
                });
            let _ = families
                .response_sizes
                .with_ref(&[method, route], |sizes| sizes.record(bytes));
        }
    }

    /// The service or the body returned an error.
    pub(crate) fn failed(&mut self) {
        self.end(FAILED);
    }

    /// Counts the request. `false`: it was counted before.
    fn end(&mut self, status: &'static str) -> bool {
        let active = self.active.take();
        if active.is_some() {
            let labels = [self.method, &*self.route, status];
            // As above.
            let _ = self
                .families
                .requests
                .with_ref(&labels, |count| count.inc());
        }
        active.is_some()
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let status = if self.running { PANICKED } else { CANCELLED };
        self.end(status);
    }
}
