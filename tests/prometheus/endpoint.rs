//! What Prometheus scrapes: a page at an address of its own.

use epoch_metrics::PROMETHEUS_CONTENT_TYPE;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
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
                let _ = stream.and_then(|stream| answer(&stream, &page));
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

fn answer(mut stream: &TcpStream, page: impl Fn() -> String) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    let mut request = BufReader::new(stream).lines();
    while !request.next().transpose()?.unwrap_or_default().is_empty() {}
    let page = page();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: {PROMETHEUS_CONTENT_TYPE}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        page.len()
    )?;
    stream.write_all(page.as_bytes())
}
