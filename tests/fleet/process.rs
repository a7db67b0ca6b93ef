//! A server of the fleet, its clients, and what both counted.

use crate::served::{INFERRED, Response, Server};
use crate::validator::{self, Families};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The server ends by itself if the test is killed. No test takes as long.
const SECONDS: &str = "600";

/// A server, and a client that sends it requests while it is under load.
pub(crate) struct Process {
    server: Server,
    /// Words in a request, which the latency depends on.
    words: usize,
    pause: Duration,
    client: Option<Client>,
    /// Latencies of this server's answers, in nanoseconds.
    answered: Vec<u64>,
}

/// What a server and its clients counted until both agreed, and nothing was under way.
pub(crate) struct Counted {
    /// Latencies that the answers named, in nanoseconds, to the microsecond.
    pub(crate) latencies: Vec<u64>,
    pub(crate) tokens: u64,
    /// The server's own page.
    pub(crate) page: Families,
}

impl Process {
    /// Starts a server, at a free port if the address says so.
    pub(crate) fn start(address: &str, words: usize, pause: Duration) -> Self {
        let arguments = ["--listen", address, "--load", "0", "--seconds", SECONDS];
        Self {
            server: Server::start_with(&arguments),
            words,
            pause,
            client: None,
            answered: Vec::new(),
        }
    }

    /// What Prometheus calls the target.
    pub(crate) fn instance(&self) -> &str {
        &self.server.address
    }

    pub(crate) fn begin_load(&mut self) {
        let stopped = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stopped);
        let mut stream = self.server.connect();
        let text = "word ".repeat(self.words);
        let (length, pause) = (text.len(), self.pause);
        let request =
            format!("POST /infer HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\n{text}");
        let thread = thread::spawn(move || {
            let mut latencies = Vec::new();
            while !seen.load(SeqCst) {
                stream.write_all(request.as_bytes()).expect("it reads");
                let answer = Response::read(&mut stream);
                assert_eq!(answer.status, 200);
                let millis = answer.json()["latency_ms"].as_f64().expect("a number");
                latencies.push((millis * 1e6).round() as u64);
                thread::sleep(pause);
            }
            latencies
        });
        self.client = Some(Client {
            stopped,
            thread: Some(thread),
        });
    }

    /// Ends the load, and waits until the server's page has all of it.
    pub(crate) fn end_load(&mut self) -> Counted {
        let latencies = self.client.take().map(Client::end);
        self.answered.extend(latencies.unwrap_or_default());
        let requests = self.answered.len();
        let tokens = (requests * self.words.max(1)) as u64;
        for (series, expected) in [
            (INFERRED, requests as f64),
            ("server_requests_total", requests as f64),
            ("server_request_latency_seconds_count", requests as f64),
            ("server_tokens_total", tokens as f64),
            ("server_batch_size_sum", requests as f64),
        ] {
            self.server.await_metric(series, expected);
        }
        Counted {
            latencies: self.answered.clone(),
            tokens,
            page: validator::parse(&self.server.get("/metrics").body),
        }
    }

    /// Kills the server, and starts another one at its address, with nothing counted.
    pub(crate) fn restart(self) -> Self {
        let (address, words, pause) = (self.instance().to_owned(), self.words, self.pause);
        drop(self);
        Self::start(&address, words, pause)
    }
}

/// A thread that sends one request after the other.
struct Client {
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<u64>>>,
}

impl Client {
    /// The latencies that the answers named.
    fn end(mut self) -> Vec<u64> {
        self.stopped.store(true, SeqCst);
        let thread = self.thread.take().expect("it runs");
        thread.join().expect("every request was answered")
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.stopped.store(true, SeqCst);
    }
}
