//! The example server, end to end: started as its users start it, talked to as its clients do.
//!
//! `tests/protocol.rs` has the edges of HTTP, and `tests/crowd.rs` many clients at once.

#[path = "served/mod.rs"]
#[allow(dead_code, reason = "shared with the other tests of the server")]
mod served;

use served::{HUNG_UP, INFERRED, MALFORMED, PATIENCE, Response, Server, output};
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn answers_inferences_and_counts_each_once() {
    let server = Server::start();
    let answer = server.post("/infer", "to be or not to be");
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("application/json"))
    );
    let answer = answer.json();
    assert_eq!(
        (answer["tokens"].as_u64(), answer["batch"].as_u64()),
        (Some(6), Some(1))
    );
    assert!(answer["latency_ms"].as_f64() > Some(0.0));
    assert_eq!(server.get("/infer?three+little+words").json()["tokens"], 3);
    assert_eq!(server.get("/infer").json()["tokens"], 1);

    // Several over one connection: it is kept alive.
    let mut stream = server.connect();
    for _ in 0..5 {
        stream
            .write_all(b"GET /infer HTTP/1.1\r\nhost: test\r\n\r\n")
            .expect("the server reads");
        assert_eq!(Response::read(&mut stream).status, 200);
    }
    // And without a length.
    let chunked = "POST /infer HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n5\r\na b c\r\n4\r\n d e\r\n0\r\n\r\n";
    assert_eq!(server.send(chunked.as_bytes()).json()["tokens"], 5);

    for series in [
        INFERRED,
        "server_requests_total",
        "server_request_latency_seconds_count",
        "server_batch_size_sum",
    ] {
        server.await_metric(series, 9.0);
    }
    server.await_metric("server_tokens_total", 6.0 + 3.0 + 1.0 + 5.0 + 5.0);
}

#[test]
fn concurrent_requests_share_batches() {
    let server = Server::start();
    let clients = 16;
    // Long enough texts that a batch takes a while, during which the others arrive.
    let largest = || {
        let text = "word ".repeat(10_000);
        let answers = thread::scope(|scope| {
            let clients: Vec<_> = (0..clients)
                .map(|_| scope.spawn(|| server.post("/infer", &text).json()))
                .collect();
            clients
                .into_iter()
                .map(|client| client.join().expect("an answer"))
                .collect::<Vec<_>>()
        });
        assert!(answers.iter().all(|answer| answer["tokens"] == 10_000));
        answers
            .iter()
            .filter_map(|answer| answer["batch"].as_u64())
            .max()
    };
    // Whether they meet is up to the system's scheduler: sooner or later they do.
    let started = Instant::now();
    while largest() < Some(2) {
        assert!(
            started.elapsed() < PATIENCE,
            "{clients} clients at once, and never two in a batch"
        );
    }
}

#[test]
fn malformed_requests_are_answered_and_counted() {
    let server = Server::start();
    assert_eq!(server.send(b"this is not HTTP\r\n\r\n").status, 400);
    server.await_metric(MALFORMED, 1.0);
    let bad_chunk =
        b"POST /infer HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\nzzz\r\n";
    assert_eq!(server.send(bad_chunk).status, 400);
    server.await_metric(MALFORMED, 2.0);
    assert_eq!(server.get("/infer").status, 200);
}

#[test]
fn oversized_requests_are_answered_and_counted() {
    let server = Server::start();
    let text = "x".repeat(100_000);
    assert_eq!(server.post("/infer", &text).status, 413);
    let chunk = format!("{:x}\r\n{text}\r\n0\r\n\r\n", text.len());
    let chunked =
        format!("POST /infer HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n{chunk}");
    assert_eq!(server.send(chunked.as_bytes()).status, 413);
    // Announced only: refused before anything is sent.
    let announced = b"POST /infer HTTP/1.1\r\nhost: test\r\ncontent-length: 99999999999\r\n\r\n";
    assert_eq!(server.send(announced).status, 413);
    server.await_metric("http_client_errors_total{reason=\"oversized_body\"}", 3.0);
    server.await_metric("http_requests_total{route=\"/infer\",status=\"413\"}", 3.0);

    // Exactly the limit, and not at its end: with nothing left unread, closing cannot cost the client its answer.
    let start = "GET / HTTP/1.1\r\nhost: test\r\nx: ";
    let head = format!("{start}{}", "x".repeat((16 << 10) - start.len()));
    assert_eq!(server.send(head.as_bytes()).status, 431);
    server.await_metric("http_client_errors_total{reason=\"oversized_head\"}", 1.0);

    // The limit itself is allowed.
    assert_eq!(server.post("/infer", &text[..64 << 10]).status, 200);
}

#[test]
fn clients_that_hang_up_harm_nobody_and_are_counted() {
    let server = Server::start();
    // A long text that keeps the batcher busy while the others hang up; on their way in, or waiting.
    let busy = "w ".repeat(32_000);
    thread::scope(|scope| {
        let busy: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| server.post("/infer", &busy)))
            .collect();
        for rest in ["", "half of", "all of it!"] {
            let mut stream = server.connect();
            let head = "POST /infer HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n";
            let end = if rest.is_empty() { "" } else { "\r\n" };
            stream
                .write_all(format!("{head}{end}{rest}").as_bytes())
                .expect("the server reads");
            stream
                .shutdown(Shutdown::Both)
                .expect("a connection can be shut down");
        }
        for client in busy {
            assert_eq!(client.join().expect("an answer").status, 200);
        }
    });
    // The last one had sent everything, and may have been answered before it was missed.
    let started = Instant::now();
    let settled = || server.metric(HUNG_UP) + server.metric(INFERRED);
    while settled() < 7.0 {
        assert!(
            started.elapsed() < PATIENCE,
            "of 7 requests, {} are accounted for",
            settled()
        );
        thread::sleep(Duration::from_millis(50));
    }
    assert!(server.metric(HUNG_UP) >= 2.0);
    assert_eq!(server.get("/infer?still+here").json()["tokens"], 2);
    // Their connections are gone: what is left is the scrape's own.
    let started = Instant::now();
    while server.metric("http_connections") > 1.0 {
        assert!(started.elapsed() < PATIENCE, "connections are left behind");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn pages_say_what_they_are() {
    let server = Server::start();
    assert_eq!(server.get("/infer").status, 200);
    for page in ["/health", "/ready"] {
        assert_eq!(server.get(page).status, 200, "{page}");
    }
    let page = server.get("/");
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    let policy = page.header("content-security-policy");
    assert!(policy.is_some_and(|policy| policy.starts_with("default-src 'none'; ")));
    let data = server.get("/page.json?histogram=server_request_latency_seconds");
    assert_eq!(
        (data.status, data.header("content-type")),
        (200, Some("application/json"))
    );
    let buckets = &data.json()["histograms"][0]["buckets"];
    assert_eq!(buckets.as_array().map(Vec::len), Some(1), "{buckets}");
    server.await_metric(INFERRED, 1.0);
    let metrics = server.get("/metrics");
    assert_eq!(
        metrics.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    for name in [
        "server_request_latency_seconds_bucket{",
        "server_batch_limit ",
        "server_mode{",
        "http_requests_total{",
    ] {
        assert!(
            metrics.body.lines().any(|line| line.starts_with(name)),
            "{name} in {}",
            metrics.body
        );
    }
    let head =
        "GET /metrics HTTP/1.1\r\nhost: test\r\nconnection: close\r\naccept: text/plain;q=0.5\r\n";
    let head = format!("{head}accept: application/openmetrics-text\r\n\r\n");
    let open = server.send(head.as_bytes());
    assert_eq!(
        (open.header("content-type"), open.header("vary")),
        (
            Some("application/openmetrics-text; version=1.0.0; charset=utf-8"),
            Some("accept, accept-encoding")
        )
    );
    assert!(open.body.ends_with("# EOF\n"), "{}", open.body);
    let stats = server.get("/stats");
    assert_eq!(
        (stats.status, stats.header("content-type")),
        (200, Some("application/json"))
    );
    let stats = stats.json();
    assert!(
        stats["latency_seconds"]["recent"]["p99"].is_number(),
        "{stats}"
    );
    assert!(stats["metrics"].is_object(), "{stats}");
}

#[test]
fn other_paths_and_methods_are_refused() {
    let server = Server::start();
    assert_eq!(server.get("/nowhere").status, 404);
    assert_eq!(server.get("/infer/").status, 404);
    let answer = server.post("/metrics", "");
    assert_eq!(
        (answer.status, answer.header("allow")),
        (405, Some("get, head"))
    );
    let answer = server.send(b"DELETE /infer HTTP/1.1\r\nhost: test\r\n\r\n");
    assert_eq!(
        (answer.status, answer.header("allow")),
        (405, Some("get, head, post"))
    );
    server.await_metric("http_requests_total{route=\"unknown\",status=\"404\"}", 2.0);
    server.await_metric("http_requests_total{route=\"/infer\",status=\"405\"}", 1.0);
}

#[test]
fn says_what_to_try_before_the_first_request() {
    let mut server = Server::start();
    assert!(server.first.contains("Ctrl-C"), "{}", server.first);
    let lines: Vec<_> = std::iter::repeat_with(|| server.line())
        .take_while(|line| line.trim_start().starts_with("curl "))
        .collect();
    let origin = format!("http://{}", server.address);
    for route in ["/infer?", "/metrics", "/stats", "/health"] {
        assert!(
            lines.iter().any(|line| line.contains(route)),
            "{route} in {lines:?}"
        );
    }
    for line in &lines {
        let url = line.trim().trim_start_matches("curl ").trim_matches('\'');
        let target = url.strip_prefix(&origin).expect(url);
        assert_eq!(server.get(target).status, 200, "{line}");
    }
}

/// Non-zero, nothing on stdout, one line on stderr that says what is wrong.
fn assert_refuses(arguments: &[&str], about: &str) {
    let output = output(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{arguments:?} succeeded");
    assert_eq!(
        (output.stdout.len(), said.lines().count()),
        (0, 1),
        "{arguments:?}: {said}"
    );
    assert!(
        said.contains(about) && !said.contains("panicked"),
        "{arguments:?}: {said}"
    );
}

#[test]
fn refuses_what_it_cannot_do_in_one_line() {
    let server = Server::start();
    assert_refuses(&["--listen", &server.address], &server.address);
    assert_refuses(&["--listen", "nonsense"], "nonsense");
    assert_refuses(&["--listen"], "--listen");
    assert_refuses(&["--load", "many"], "many");
    assert_refuses(&["--seconds", "0"], "--seconds");
    assert_refuses(&["--frobnicate"], "--frobnicate");
}

#[test]
fn drives_itself_and_sums_up() {
    let output = output(&["--listen=127.0.0.1:0", "--seconds", "1", "--load", "200"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    let requests = said
        .lines()
        .find_map(|line| line.strip_prefix("summary: ")?.split(' ').next());
    let requests: u64 = requests
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("no summary in {said}"));
    assert!(requests > 0, "{said}");
}

#[cfg(unix)]
#[test]
fn signals_end_it_after_what_is_under_way() {
    for signal in ["-TERM", "-INT", "-HUP"] {
        let mut server = Server::start();
        let mut waiting = server.connect();
        let text = "w ".repeat(32_000);
        let head = format!(
            "POST /infer HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n",
            text.len()
        );
        waiting
            .write_all(format!("{head}{}", &text[..60_000]).as_bytes())
            .expect("the server reads");
        // The server has seen the request's head for sure when a later connection was answered.
        assert_eq!(server.get("/infer").status, 200);
        let killed = Command::new("kill")
            .args([signal, &server.child.id().to_string()])
            .status();
        assert!(killed.expect("kill runs").success());
        // Stopping has begun when nobody is accepted any more.
        let started = Instant::now();
        while TcpStream::connect(&server.address).is_ok() {
            assert!(started.elapsed() < PATIENCE, "{signal} does not stop it");
            thread::sleep(Duration::from_millis(20));
        }
        waiting
            .write_all(&text.as_bytes()[60_000..])
            .expect("the server still reads");
        assert_eq!(Response::read(&mut waiting).json()["tokens"], 32_000);
        let (status, printed) = server.wait();
        assert_eq!(status.code(), Some(0), "{signal}: {printed}");
        assert!(printed.contains("summary: 2 requests"), "{printed}");
    }
}
