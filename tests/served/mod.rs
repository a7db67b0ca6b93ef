//! The example server, started as its users start it, and a client that sends what it is told.
//!
//! The server is a package of its own, so that its first start compiles nothing that only tests need.

#[path = "../built/mod.rs"]
#[allow(dead_code, reason = "another test runs commands with it as well")]
mod built;

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before it has failed: generous, for machines that do much else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The server's binary, built as the README's first command builds it.
pub(crate) fn binary() -> &'static Path {
    static BINARY: LazyLock<PathBuf> =
        LazyLock::new(|| built::program(&["--release", "--package", "server"], |_| ()));
    &BINARY
}

/// A server without a load of its own, that ends even if the test cannot end it.
const ARGUMENTS: [&str; 6] = ["--listen", "127.0.0.1:0", "--load", "0", "--seconds", "60"];

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A server that is killed when the test ends, whichever way.
pub(crate) struct Server {
    pub(crate) child: Child,
    stdout: BufReader<ChildStdout>,
    /// The first line that it printed.
    pub(crate) first: String,
    pub(crate) address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts one without a load of its own, and reads its address.
    pub(crate) fn start() -> Self {
        Self::start_with(&ARGUMENTS)
    }

    /// Starts one with these arguments, and reads its address.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        Self::start_by(command(arguments))
    }

    /// Starts one that may open so many files, by way of a Unix shell.
    pub(crate) fn start_with_files(files: u32) -> Self {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "ulimit -n \"$1\" && shift && exec \"$@\"", "sh"])
            .arg(files.to_string())
            .arg(binary())
            .args(ARGUMENTS)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        Self::start_by(shell)
    }

    fn start_by(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the server starts");
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
            first: line,
            address,
        }
    }

    pub(crate) fn connect(&self) -> TcpStream {
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
    pub(crate) fn send(&self, request: &[u8]) -> Response {
        let mut stream = self.connect();
        stream.write_all(request).expect("the server reads");
        Response::read(&mut stream)
    }

    pub(crate) fn get(&self, target: &str) -> Response {
        self.send(
            format!("GET {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").as_bytes(),
        )
    }

    pub(crate) fn post(&self, target: &str, body: &str) -> Response {
        let length = body.len();
        let head = format!(
            "POST {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {length}"
        );
        self.send(format!("{head}\r\n\r\n{body}").as_bytes())
    }

    /// A series' value in /metrics; 0 if there is no such series yet.
    pub(crate) fn metric(&self, series: &str) -> f64 {
        let metrics = self.get("/metrics");
        assert_eq!(metrics.status, 200);
        let value = metrics
            .body
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().expect("a number"))
    }

    /// Waits until a series has a value: a scrape may be behind by what the collector was allowed.
    pub(crate) fn await_metric(&self, series: &str, expected: f64) {
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

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("text");
        line
    }

    /// Waits for the end, and returns what was printed until then.
    pub(crate) fn wait(&mut self) -> (ExitStatus, String) {
        let status = wait(&mut self.child);
        let mut printed = String::new();
        self.stdout.read_to_string(&mut printed).expect("text");
        (status, printed)
    }
}

pub(crate) fn wait(child: &mut Child) -> ExitStatus {
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
pub(crate) fn output(arguments: &[&str]) -> Output {
    let mut child = command(arguments).spawn().expect("the server starts");
    wait(&mut child);
    child.wait_with_output().expect("its output")
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Response {
    /// Reads one response, of as many bytes as it says.
    pub(crate) fn read(stream: &mut TcpStream) -> Self {
        Self::try_read(stream).expect("a response")
    }

    pub(crate) fn try_read(stream: &mut TcpStream) -> Option<Self> {
        let (mut response, body) = Self::try_read_bytes(stream)?;
        response.body = String::from_utf8(body).expect("text");
        Some(response)
    }

    /// Reads one response whose body need not be text. It is returned by itself.
    pub(crate) fn try_read_bytes(stream: &mut TcpStream) -> Option<(Self, Vec<u8>)> {
        let mut reader = BufReader::new(stream);
        let (mut head, mut line) = (String::new(), String::new());
        while reader.read_line(&mut line).ok()? > 0 && line != "\r\n" {
            head.push_str(&line.to_ascii_lowercase());
            line.clear();
        }
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let response = Self {
            status,
            head,
            body: String::new(),
        };
        let length = response
            .header("content-length")
            .map_or(0, |length| length.parse().expect("a length"));
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        Some((response, body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }
}

pub(crate) const INFERRED: &str = "http_requests_total{route=\"/infer\",status=\"200\"}";
pub(crate) const HUNG_UP: &str = "http_client_errors_total{reason=\"hung_up\"}";
pub(crate) const MALFORMED: &str = "http_client_errors_total{reason=\"malformed\"}";
