//! Real requests over a socket: an axum server, and clients that send bytes and hang up.

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::routing::{get, post};
use epoch_metrics::{Registry, SeriesSnapshot, Value};
use epoch_metrics_axum::{Endpoints, http_metrics, measured};
use futures_core::Stream;
use std::convert::Infallible;
use std::future::pending;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::time::{Sleep, sleep};

const PAUSE: Duration = Duration::from_millis(60);

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

fn routes() -> Router {
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
struct Server {
    registry: Registry,
    address: SocketAddr,
    _runtime: Runtime,
}

impl Server {
    fn start(app: impl FnOnce(&Registry) -> Router) -> Self {
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
    fn measured() -> Self {
        Self::start(|registry| measured(routes(), registry).unwrap())
    }

    fn connect(&self, request: &str) -> TcpStream {
        connect(self.address, request)
    }

    fn get(&self, path: &str) -> String {
        get_from(self.address, path)
    }

    /// Requests that ended so.
    fn requests(&self, method: &str, route: &str, status: &str) -> u64 {
        let labels = [("method", method), ("route", route), ("status", status)];
        match self.value("http_server_requests", &labels) {
            Some(Value::Counter(count)) => count,
            _ => 0,
        }
    }

    /// Count and sum of a histogram.
    fn histogram(&self, family: &str, labels: &[(&str, &str)]) -> (u64, u128) {
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

    fn active(&self) -> Option<Value> {
        self.value("http_server_active_requests", &[])
    }

    /// Waits until something is true of the server.
    fn wait(&self, what: impl Fn(&Self) -> bool) {
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

fn get_from(address: SocketAddr, path: &str) -> String {
    let mut answer = String::new();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    connect(address, &request)
        .read_to_string(&mut answer)
        .unwrap();
    answer
}

#[test]
fn requests_are_counted_by_method_route_and_status() {
    let server = Server::measured();
    for _ in 0..3 {
        assert!(server.get("/").ends_with("hello"));
    }
    for id in 0..50 {
        assert!(
            server
                .get(&format!("/api/users/{id}?{id}"))
                .ends_with("a user")
        );
        assert!(
            server
                .get(&format!("/nothing/{id}"))
                .starts_with("HTTP/1.1 404")
        );
    }
    let brew = "BREW / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let mut answer = String::new();
    server.connect(brew).read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    let head = "HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    answer.clear();
    server.connect(head).read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );

    server.wait(|server| server.active() == Some(Value::Gauge(0)));
    assert_eq!(server.requests("GET", "/", "2xx"), 3);
    assert_eq!(server.requests("GET", "/api/users/{id}", "2xx"), 50);
    assert_eq!(server.requests("GET", "unmatched", "4xx"), 50);
    assert_eq!(server.requests("other", "/", "4xx"), 1);
    assert_eq!(server.requests("HEAD", "/", "2xx"), 1);
    let page = server.registry.render_prometheus();
    let series = page
        .lines()
        .filter(|line| line.starts_with("http_server_requests_total"));
    assert_eq!(series.count(), 5, "{page}");
}

#[test]
fn a_stream_is_timed_to_its_last_frame() {
    let server = Server::measured();
    let started = Instant::now();
    assert!(server.get("/slow").contains("frame"));
    let took = started.elapsed();
    server.wait(|server| server.requests("GET", "/slow", "2xx") == 1);
    let labels = [("method", "GET"), ("route", "/slow"), ("status", "2xx")];
    let (count, sum) = server.histogram("http_server_request_duration_seconds", &labels);
    let range = (4 * PAUSE).as_nanos()..=took.as_nanos();
    assert!(
        count == 1 && range.contains(&sum),
        "{count} {sum} {range:?}"
    );
    let sizes = server.histogram("http_server_response_body_size_bytes", &labels[..2]);
    assert_eq!(sizes, (1, 15));
}

#[test]
fn clients_that_hang_up_are_cancelled() {
    let server = Server::measured();
    let get = |path| format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    // While the handler waits.
    let waiting = server.connect(&get("/never"));
    server.wait(|server| server.active() == Some(Value::Gauge(1)));
    drop(waiting);
    server.wait(|server| server.requests("GET", "/never", "cancelled") == 1);
    // While the body is sent.
    let mut reading = server.connect(&get("/slow"));
    let mut byte = [0];
    reading.read_exact(&mut byte).unwrap();
    drop(reading);
    server.wait(|server| server.requests("GET", "/slow", "cancelled") == 1);
    assert_eq!(server.active(), Some(Value::Gauge(0)));
    let snapshot = server.registry.snapshot();
    let durations = snapshot
        .family("http_server_request_duration_seconds")
        .unwrap();
    assert_eq!(durations.series().len(), 0);
}

#[test]
fn panics_are_counted_as_such() {
    let server = Server::measured();
    for _ in 0..3 {
        assert_eq!(server.get("/panic"), "");
    }
    server.wait(|server| server.requests("GET", "/panic", "panicked") == 3);
    assert_eq!(server.active(), Some(Value::Gauge(0)));
    assert!(server.get("/").ends_with("hello"));
}

#[test]
fn uploads_are_counted_as_they_are_read() {
    let server = Server::measured();
    let chunks = "POST /upload HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
                  5\r\nhello\r\n8\r\n, world!\r\n0\r\n\r\n";
    let mut answer = String::new();
    server.connect(chunks).read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("13"), "{answer}");
    server.wait(|server| server.requests("POST", "/upload", "2xx") == 1);
    let labels = [("method", "POST"), ("route", "/upload")];
    let sizes = |family| server.histogram(family, &labels);
    assert_eq!(sizes("http_server_request_body_size_bytes"), (1, 13));
    assert_eq!(sizes("http_server_response_body_size_bytes"), (1, 2));
}

/// At the root, under a prefix, and on a port of their own.
#[test]
fn endpoints_answer_wherever_they_are() {
    let ready = Arc::new(AtomicBool::new(false));
    let server = Server::start(|registry| {
        let is_ready = Arc::clone(&ready);
        let endpoints =
            Endpoints::new(registry).ready_when(move || is_ready.load(Ordering::Relaxed));
        let app = routes().layer(http_metrics(registry).unwrap());
        app.nest("/internal", endpoints.clone().router())
            .merge(endpoints.router())
    });
    let runtime = Runtime::new().unwrap();
    let own = Endpoints::new(&server.registry).serve("127.0.0.1:0");
    let own = runtime.block_on(own).unwrap();
    assert!(
        runtime
            .block_on(Endpoints::new(&server.registry).serve(own))
            .is_err()
    );
    server.get("/");
    server.wait(|server| server.requests("GET", "/", "2xx") == 1);
    for (address, prefix) in [
        (server.address, ""),
        (server.address, "/internal"),
        (own, ""),
    ] {
        let get = |path: &str| get_from(address, &format!("{prefix}{path}"));
        let page = get("/metrics");
        assert!(
            page.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"),
            "{page}"
        );
        assert!(
            page.contains(
                "http_server_requests_total{method=\"GET\",route=\"/\",status=\"2xx\"} 1\n"
            )
        );
        let stats = get("/stats");
        assert!(
            stats.contains("content-type: application/json\r\n"),
            "{stats}"
        );
        let json = &stats[stats.find("\r\n\r\n").unwrap()..];
        let json: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(json["http_server_active_requests"]["series"][0]["value"], 0);
        assert!(get("/health").ends_with("\r\n\r\nok\n"));
    }
    assert!(get_from(own, "/ready").starts_with("HTTP/1.1 200"));
    for (is, status) in [(false, "503"), (true, "200")] {
        ready.store(is, Ordering::Relaxed);
        let answer = server.get("/internal/ready");
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
    }
    // None of these was measured.
    let page = server.registry.render_prometheus();
    let series = page
        .lines()
        .filter(|line| line.starts_with("http_server_requests_total"));
    assert_eq!(series.count(), 1, "{page}");
}
