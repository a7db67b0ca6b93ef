//! Real requests over a socket: an axum server, and clients that send bytes and hang up.

mod server;

use epoch_metrics::Value;
use epoch_metrics_axum::{Endpoints, http_metrics};
use server::{PAUSE, Server, get_from, routes};
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tokio::runtime::Runtime;

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

#[test]
fn scrapers_get_the_format_that_they_ask_for() {
    let server = Server::measured();
    server.get("/");
    server.wait(|server| server.requests("GET", "/", "2xx") == 1);
    let scrape = |headers: &str| {
        let mut answer = Vec::new();
        let request =
            format!("GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
        server.connect(&request).read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        let body = answer.split_off(end.unwrap() + 4);
        (String::from_utf8(answer).unwrap(), body)
    };
    let (head, body) = scrape("accept: application/openmetrics-text; version=1.0.0\r\n");
    assert!(
        head.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{head}"
    );
    assert!(
        head.contains(&format!("content-length: {}\r\n", body.len())),
        "{head}"
    );
    assert!(head.contains("vary: Accept, Accept-Encoding\r\n"), "{head}");
    assert!(body.ends_with(b"# EOF\n"));
    let (head, body) = scrape("accept-encoding: gzip\r\n");
    let compressed = head.contains("content-encoding: gzip\r\n");
    assert_eq!(compressed, cfg!(feature = "gzip"), "{head}");
    assert_eq!(body.starts_with(&[0x1f, 0x8b]), compressed);
}

#[test]
fn a_query_names_the_families_of_a_page() {
    let server = Server::measured();
    for path in ["/metrics", "/stats"] {
        let page = server.get(&format!("{path}?name[]=http_server_active_requests"));
        assert!(page.contains("http_server_active_requests"), "{page}");
        assert!(!page.contains("http_server_requests"), "{page}");
    }
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
