//! What Prometheus scrapes: a page at an address of its own.

use epoch_metrics::{PROMETHEUS_CONTENT_TYPE, Registry};
use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Answers every request with the page, until it is dropped.
pub(crate) struct Endpoint {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Endpoint {
    /// Renders the page anew for each request.
    pub(crate) fn serving(page: impl Fn() -> String + Send + 'static) -> Self {
        Self::answering(move |_| {
            let head = format!("content-type: {PROMETHEUS_CONTENT_TYPE}\r\n");
            (head, page().into_bytes())
        })
    }

    /// Serves a registry in the format that is asked for. Also returns the types and encodings of what was served.
    pub(crate) fn negotiating(registry: Registry) -> (Self, Arc<Mutex<BTreeSet<String>>>) {
        let served = Arc::new(Mutex::new(BTreeSet::new()));
        let seen = Arc::clone(&served);
        let endpoint = Self::answering(move |request| {
            let values = |name: &'static str| {
                let named = move |line: &&String| line.to_ascii_lowercase().starts_with(name);
                request
                    .iter()
                    .filter(named)
                    .map(move |line| &line[name.len()..])
            };
            let scrape = registry.scrape(values("accept:"), values("accept-encoding:"));
            let mut head = format!("content-type: {}\r\n", scrape.content_type());
            if let Some(encoding) = scrape.content_encoding() {
                head += &format!("content-encoding: {encoding}\r\n");
            }
            seen.lock().unwrap().insert(head.clone());
            (head, scrape.into_body().to_vec())
        });
        (endpoint, served)
    }

    /// `answer`: headers and body for the lines of a request's head.
    fn answering(answer: impl Fn(&[String]) -> (String, Vec<u8>) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let stopped = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stopped);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if seen.load(SeqCst) {
                    return;
                }
                // A client that hangs up gets nothing, and a scraper tries again.
                let _ = stream.and_then(|stream| exchange(&stream, &answer));
            }
        });
        Self {
            address,
            stopped,
            thread: Some(thread),
        }
    }

    /// What Prometheus calls the target, and the value of the label `instance`.
    pub(crate) fn instance(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.stopped.store(true, SeqCst);
        // Wakes the thread.
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn exchange(
    mut stream: &TcpStream,
    answer: impl Fn(&[String]) -> (String, Vec<u8>),
) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    let mut lines = BufReader::new(stream).lines();
    let mut request = Vec::new();
    while let Some(line) = lines.next().transpose()?.filter(|line| !line.is_empty()) {
        request.push(line);
    }
    let (head, body) = answer(&request);
    write!(
        stream,
        "HTTP/1.1 200 OK\r\n{head}content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(&body)
}
