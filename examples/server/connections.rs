//! Accepts connections, and sees each of them to its end, whatever its client does.
//!
//! Nobody waits for a place: when there is none, the connection whose client has been waited for longest is closed. A thousand
//! idle clients, or slow ones, therefore delay no probe of `/health` and no scrape of `/metrics`.

use crate::heads::{Checked, MAX_HEAD};
use crate::http;
use crate::metrics::Metrics;
use crate::record::Record;
use crate::service::Server;
use crate::waiting::Waiting;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Connections at once, if the system has file descriptors for as many. Many more than can be worked for, so that one that
/// waits for its client can always be found.
const MAX_CONNECTIONS: usize = 2 * crate::queue::QUEUE;
/// Connections that may wait to be accepted. With `TcpListener::bind`'s 128 the system drops some of a crowd that comes at
/// once, and the dropped try again a second later.
const BACKLOG: u32 = 4096;
/// How long a client may take to send a request's head, counted from when it may begin: it also ends idle connections.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may take to end when the server ends.
const GRACE: Duration = Duration::from_secs(5);
/// How long accepting pauses after an error that closing a connection does not mend.
const PAUSE: Duration = Duration::from_millis(50);

/// Listens at an address, or at the first of a name's addresses that can be had.
///
/// # Errors
/// If there is none, with the reason that the last one gave.
pub(crate) async fn listen(listen: &str) -> io::Result<TcpListener> {
    let mut result = Err(io::Error::from(io::ErrorKind::AddrNotAvailable));
    for address in lookup_host(listen).await? {
        result = listen_at(address);
        if result.is_ok() {
            break;
        }
    }
    result
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A server that starts again need not wait for the old one's last connections. On Windows the option means something else.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A connection, as the acceptor sees it.
struct Connection {
    waiting: Arc<Waiting>,
    task: JoinHandle<()>,
}

/// Accepts until the server stops, then waits until what is under way is answered, for [`GRACE`] at the most.
pub(crate) async fn serve<R: Record>(listener: TcpListener, server: Arc<Server<R>>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        // A client may say that it will send nothing more, and still be waiting for its answer.
        .half_close(true);
    let mut connections = Vec::new();
    let mut stop = server.stopping.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => break,
        };
        connections.retain(|connection: &Connection| !connection.task.is_finished());
        match accepted {
            Ok((stream, _)) => {
                if connections.len() >= MAX_CONNECTIONS {
                    make_room(&mut connections, &server.metrics).await;
                }
                let waiting = Arc::new(Waiting::new());
                let serving = connection(
                    http.clone(),
                    stream,
                    Arc::clone(&server),
                    Arc::clone(&waiting),
                );
                let task = tokio::spawn(serving);
                connections.push(Connection { waiting, task });
            }
            // Out of file descriptors, mostly.
            Err(_) => {
                server.metrics.accept_errors.inc();
                if !make_room(&mut connections, &server.metrics).await {
                    sleep(PAUSE).await;
                }
            }
        }
    }
    // No more connections, and those in the backlog are refused at once.
    drop(listener);
    for connection in connections {
        let _ = connection.task.await;
    }
}

/// Completes when the server stops.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that there is nobody left who could say so: the same.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Closes the connection whose client has been waited for longest; `false` if there is none.
async fn make_room(connections: &mut Vec<Connection>, metrics: &Metrics) -> bool {
    loop {
        let waiting = connections.iter().enumerate();
        let waiting = waiting.filter_map(|(at, other)| Some((other.waiting.since()?, at)));
        let Some((since, at)) = waiting.min() else {
            return false;
        };
        // Otherwise a request has just come: then another one.
        if connections[at].waiting.close(since) {
            let Connection { task, .. } = connections.swap_remove(at);
            task.abort();
            // Until its file descriptor is free.
            let _ = task.await;
            metrics.client_errors.crowded_out.inc();
            return true;
        }
    }
}

/// Counts a connection as open until it is dropped, in whatever way it ends.
struct Open<'a>(&'a Metrics);

impl<'a> Open<'a> {
    fn new(metrics: &'a Metrics) -> Self {
        metrics.connections.inc();
        Self(metrics)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.connections.dec();
    }
}

/// One connection, with as many requests as its client sends.
async fn connection<R: Record>(
    http: http1::Builder,
    stream: TcpStream,
    server: Arc<Server<R>>,
    waiting: Arc<Waiting>,
) {
    let _open = Open::new(&server.metrics);
    // An answer is one small packet, and should not wait for another. If that cannot be had, so be it.
    let _ = stream.set_nodelay(true);
    let mut stop = server.stopping.clone();
    let service = service_fn(|request| {
        let (server, waiting) = (Arc::clone(&server), Arc::clone(&waiting));
        async move {
            waiting.restart();
            let answer = http::answer(&server, request, &waiting).await;
            waiting.restart();
            Ok::<_, Infallible>(answer)
        }
    });
    let stream = TokioIo::new(Checked::new(stream));
    let mut connection = pin!(http.serve_connection(stream, service));
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stopped(&mut stop) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            // Too slow even for that: dropped.
            timeout(GRACE, connection.as_mut()).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        count(&server.metrics, &error);
    }
}

/// Counts how a connection failed. What can be answered hyper has answered: 400 or 431.
fn count(metrics: &Metrics, error: &hyper::Error) {
    let errors = &metrics.client_errors;
    if error.is_parse_too_large() {
        errors.oversized_head.inc();
    } else if error.is_parse() {
        errors.malformed.inc();
    } else if error.is_timeout() {
        errors.timed_out.inc();
    } else {
        // Ended in the middle of a request, or while its answer was written.
        errors.hung_up.inc();
    }
}
