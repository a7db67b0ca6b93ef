//! A service with all that can happen to a request. `cargo run -p epoch-metrics-axum --example service`, then
//!
//! - `curl localhost:3000/users/7`
//! - `curl localhost:3000/stream`, and once more with Ctrl-C before it ends: that one is `cancelled`
//! - `curl localhost:3000/panic`: `panicked`
//! - `curl localhost:3000/metrics` and `curl localhost:3000/stats`

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use epoch_metrics::Registry;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Interval, interval};

/// A line a second, five times.
struct Lines {
    left: u32,
    ticks: Interval,
}

impl futures_core::Stream for Lines {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.ticks.poll_tick(context).map(|_| {
            self.left -= 1;
            Some(Ok(Bytes::from(format!("{} to come\n", self.left))))
        })
    }
}

async fn lines() -> Body {
    Body::from_stream(Lines {
        left: 5,
        ticks: interval(Duration::from_secs(1)),
    })
}

async fn panics() -> &'static str {
    panic!("a handler's mistake")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = Router::new()
        .route("/users/{id}", get(async || "a user\n"))
        .route("/stream", get(lines))
        .route("/panic", get(panics));

    let registry = Registry::new();
    let app = epoch_metrics_axum::measured(app, &registry)?;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}/metrics", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}
