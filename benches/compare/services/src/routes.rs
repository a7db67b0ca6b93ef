//! What all services answer, and what is known of it without metrics.

use axum::Router;
use axum::routing::get;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Requests whose handler runs.
pub(crate) static RUNNING: Running = Running(AtomicUsize::new(0));

/// A number of handlers.
pub(crate) struct Running(AtomicUsize);

/// Counts a handler while it lives.
struct Guard;

impl Running {
    pub(crate) fn get(&self) -> usize {
        // The driver polls this: an older value is read again.
        self.0.load(Ordering::Relaxed)
    }
}

impl Guard {
    fn new() -> Self {
        RUNNING.0.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        RUNNING.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/users/{id}", get(async || "a user\n"))
        .route("/never", get(never))
        .route("/panic", get(panics))
}

/// Waits until its client hangs up.
async fn never() -> &'static str {
    let _guard = Guard::new();
    pending().await
}

async fn panics() -> &'static str {
    panic!("a handler's mistake")
}
