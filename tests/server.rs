//! The example server, end to end: started as its users start it, talked to as its clients do, the bad ones included.
//!
//! The server is a package of its own, so that its first start compiles nothing that only tests need.

#[path = "built/mod.rs"]
#[allow(dead_code, reason = "another test runs commands with it as well")]
mod built;

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before it has failed: generous, for machines that do much else.
const PATIENCE: Duration = Duration::from_secs(30);

/// The server's binary, built as the README's first command builds it.
fn binary() -> &'static Path {
    static BINARY: LazyLock<PathBuf> =
        LazyLock::new(|| built::program(&["--release", "--package", "server"], |_| ()));
    &BINARY
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A server that is killed when the test ends, whichever way.
struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts one without a load of its own, and reads its address.
    fn start() -> Self {
        let mut child = command(&["--listen", "127.0.0.1:0", "--load", "0", "--seconds", "60"])
            .spawn()
            .expect("the server starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a first line");
        let address = line
            .split("http://")
            .nth(1)
            .and_then(|rest| rest.split_whitespace().next());
        let address = address
            .unwrap_or_else(|| panic!("no address in {line:?}"))
            .to_owned();
        Self {
            child,
            stdout,
            address,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("the server accepts");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        stream
            .set_write_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        stream
    }

    /// Sends bytes over a connection of their own, and reads the answer.
    fn send(&self, request: &[u8]) -> Response {
        let mut stream = self.connect();
        stream.write_all(request).expect("the server reads");
        Response::read(&mut stream)
    }

    fn get(&self, target: &str) -> Response {
        self.send(
            format!("GET {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").as_bytes(),
        )
    }

    fn post(&self, target: &str, body: &str) -> Response {
        let length = body.len();
        let head = format!(
            "POST {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {length}"
        );
        self.send(format!("{head}\r\n\r\n{body}").as_bytes())
    }

    /// A series' value in /metrics; 0 if there is no such series yet.
    fn metric(&self, series: &str) -> f64 {
        let metrics = self.get("/metrics");
        assert_eq!(metrics.status, 200);
        let value = metrics
            .body
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().expect("a number"))
    }

    /// Waits until a series has a value: a scrape may be behind by what the collector was allowed.
    fn await_metric(&self, series: &str, expected: f64) {
        let started = Instant::now();
        loop {
            let found = self.metric(series);
            if found == expected {
                return;
            }
            assert!(found < expected, "{series} is {found}, beyond {expected}");
            assert!(
                started.elapsed() < PATIENCE,
                "{series} stays {found}, not {expected}"
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits for the end, and returns what was printed until then.
    fn wait(&mut self) -> (ExitStatus, String) {
        let status = wait(&mut self.child);
        let mut printed = String::new();
        self.stdout.read_to_string(&mut printed).expect("text");
        (status, printed)
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return status;
        }
        if started.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("the server does not end");
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a server that ends by itself.
fn output(arguments: &[&str]) -> Output {
    let mut child = command(arguments).spawn().expect("the server starts");
    wait(&mut child);
    child.wait_with_output().expect("its output")
}

#[derive(Debug)]
struct Response {
    status: u16,
    head: String,
    body: String,
}

impl Response {
    /// Reads one response, of as many bytes as it says.
    fn read(stream: &mut TcpStream) -> Self {
        Self::try_read(stream).expect("a response")
    }

    fn try_read(stream: &mut TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let (mut head, mut line) = (String::new(), String::new());
        while reader.read_line(&mut line).ok()? > 0 && line != "\r\n" {
            head.push_str(&line.to_ascii_lowercase());
            line.clear();
        }
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let mut response = Self {
            status,
            head,
            body: String::new(),
        };
        let length = response
            .header("content-length")
            .map_or(0, |length| length.parse().expect("a length"));
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        response.body = String::from_utf8(body).expect("text");
        Some(response)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }
}

const INFERRED: &str = "http_requests_total{route=\"/infer\",status=\"200\"}";
const HUNG_UP: &str = "http_client_errors_total{reason=\"hung_up\"}";
const MALFORMED: &str = "http_client_errors_total{reason=\"malformed\"}";

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
    for page in ["/", "/health", "/ready"] {
        assert_eq!(server.get(page).status, 200, "{page}");
    }
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
    assert_eq!(
        server
            .send(b"DELETE /infer HTTP/1.1\r\nhost: test\r\n\r\n")
            .status,
        405
    );
    server.await_metric("http_requests_total{route=\"unknown\",status=\"404\"}", 2.0);
    server.await_metric("http_requests_total{route=\"/infer\",status=\"405\"}", 1.0);
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
fn help_lists_the_flags() {
    let output = output(&["--help"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success());
    assert!(
        ["--listen", "--load", "--seconds", "--help"]
            .iter()
            .all(|flag| said.contains(flag)),
        "{said}"
    );
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
    for signal in ["-TERM", "-INT"] {
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
