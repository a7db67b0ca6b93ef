//! An axum server in the background, with all that can happen to a request, and clients that send bytes.

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::routing::{get, post};
use epoch_metrics::{Registry, SeriesSnapshot, Value};
use epoch_metrics_axum::measured;
use futures_core::Stream;
use std::convert::Infallible;
use std::future::pending;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::time::{Sleep, sleep};

pub(crate) const PAUSE: Duration = Duration::from_millis(60);

/// Three frames with a pause before each and before the end.
struct Slow {
    left: u32,
    pause: Pin<Box<Sleep>>,
}

impl Stream for Slow {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.pause.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.pause = Box::pin(sleep(PAUSE));
        self.left = self.left.wrapping_sub(1);
        let frame = Bytes::from_static(b"frame");
        Poll::Ready((self.left < 3).then_some(Ok(frame)))
    }
}

async fn slow() -> Body {
    Body::from_stream(Slow {
        left: 3,
        pause: Box::pin(sleep(PAUSE)),
    })
}

async fn panics() -> &'static str {
    panic!("a handler's mistake")
}

async fn reads(body: Body) -> String {
    let mut body = std::pin::pin!(body);
    let mut read = 0;
    while let Some(Ok(frame)) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        read += frame.data_ref().map_or(0, Bytes::len);
    }
    format!("{read}")
}

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/", get(async || "hello"))
        .nest(
            "/api",
            Router::new().route("/users/{id}", get(async || "a user")),
        )
        .route("/slow", get(slow))
        .route("/never", get(async || pending::<&str>().await))
        .route("/panic", get(panics))
        .route("/upload", post(reads))
}

/// A server in the background, and the registry that it writes to.
pub(crate) struct Server {
    pub(crate) registry: Registry,
    pub(crate) address: SocketAddr,
    _runtime: Runtime,
}

impl Server {
    pub(crate) fn start(app: impl FnOnce(&Registry) -> Router) -> Self {
        let registry = Registry::new();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let app = app(&registry);
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        let listener = listener.unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(axum::serve(listener, app).into_future());
        Self {
            registry,
            address,
            _runtime: runtime,
        }
    }

    /// With all that [`measured`] adds.
    pub(crate) fn measured() -> Self {
        Self::start(|registry| measured(routes(), registry).unwrap())
    }

    pub(crate) fn connect(&self, request: &str) -> TcpStream {
        connect(self.address, request)
    }

    pub(crate) fn get(&self, path: &str) -> String {
        get_from(self.address, path)
    }

    /// Requests that ended so.
    pub(crate) fn requests(&self, method: &str, route: &str, status: &str) -> u64 {
        let labels = [("method", method), ("route", route), ("status", status)];
        match self.value("http_server_requests", &labels) {
            Some(Value::Counter(count)) => count,
            _ => 0,
        }
    }

    /// Count and sum of a histogram.
    pub(crate) fn histogram(&self, family: &str, labels: &[(&str, &str)]) -> (u64, u128) {
        match self.value(family, labels) {
            Some(Value::Histogram(held)) => (held.count(), held.sum()),
            _ => (0, 0),
        }
    }

    fn value(&self, family: &str, labels: &[(&str, &str)]) -> Option<Value> {
        let snapshot = self.registry.snapshot();
        let has = |series: &SeriesSnapshot<'_>| series.labels().eq(labels.iter().copied());
        let mut series = snapshot.family(family).unwrap().series();
        Some(series.find(has)?.value())
    }

    pub(crate) fn active(&self) -> Option<Value> {
        self.value("http_server_active_requests", &[])
    }

    /// Waits until something is true of the server.
    pub(crate) fn wait(&self, what: impl Fn(&Self) -> bool) {
        let started = Instant::now();
        while !what(self) {
            let page = || self.registry.render_prometheus();
            assert!(started.elapsed() < Duration::from_secs(20), "{}", page());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn connect(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

pub(crate) fn get_from(address: SocketAddr, path: &str) -> String {
    let mut answer = String::new();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    connect(address, &request)
        .read_to_string(&mut answer)
        .unwrap();
    answer
}
