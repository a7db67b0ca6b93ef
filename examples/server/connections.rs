//! Accepts connections, and sees each of them to its end, whatever its client does.

use crate::http::{self, Server};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};

/// Connections at once. The others wait in the system's backlog, where they cost nothing.
const MAX_CONNECTIONS: u32 = 1024;
/// How long a client may take to send a request's head, counted from when it may begin: it also ends idle connections.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes that a request's head may have.
const MAX_HEAD: usize = 16 << 10;
/// How old a connection may become. It is then asked to end, so that a client that never reads its answers cannot keep
/// one of [`MAX_CONNECTIONS`] for ever.
const MAX_AGE: Duration = Duration::from_secs(300);
/// How long a connection may take to end when it is asked to, and all of them when the server ends.
const GRACE: Duration = Duration::from_secs(5);
/// How long accepting pauses after an error. Out of file descriptors is the usual one, and the next try would fail too.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts until the server stops, then waits until what is under way is answered, for [`GRACE`] at the most.
pub(crate) async fn serve(listener: TcpListener, server: Arc<Server>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD);
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS as usize));
    let mut stop = server.stopping.clone();
    loop {
        let next = async {
            // Fails only if it was closed, which nobody does.
            let place = Arc::clone(&places).acquire_owned().await.ok()?;
            Some((place, accept(&listener, &server).await))
        };
        let accepted = tokio::select! {
            accepted = next => accepted,
            () = stopped(&mut stop) => break,
        };
        let Some((place, stream)) = accepted else {
            break;
        };
        tokio::spawn(connection(http.clone(), stream, Arc::clone(&server), place));
    }
    // No more connections, and those in the backlog are refused at once.
    drop(listener);
    // Every connection holds a place: with all places back, all have ended.
    let _ = timeout(GRACE, places.acquire_many(MAX_CONNECTIONS)).await;
}

/// Completes when the server stops.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that there is nobody left who could say so: the same.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The next connection. Errors are counted, and end nothing.
async fn accept(listener: &TcpListener, server: &Server) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(_) => {
                server.metrics.accept_errors.inc();
                sleep(PAUSE).await;
            }
        }
    }
}

/// One connection, with as many requests as its client sends.
async fn connection(
    http: http1::Builder,
    stream: TcpStream,
    server: Arc<Server>,
    place: OwnedSemaphorePermit,
) {
    server.metrics.connections.inc();
    // An answer is one small packet, and should not wait for another. If that cannot be had, so be it.
    let _ = stream.set_nodelay(true);
    let mut stop = server.stopping.clone();
    let service = service_fn(|request| http::answer(Arc::clone(&server), request));
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stopped(&mut stop) => None,
        () = sleep(MAX_AGE) => None,
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
        count(&server, &error);
    }
    server.metrics.connections.dec();
    drop(place);
}

/// Counts how a connection failed. What can be answered hyper has answered: 400 or 431.
fn count(server: &Server, error: &hyper::Error) {
    let errors = &server.metrics.client_errors;
    if error.is_parse_too_large() {
        errors.oversized_head.inc();
    } else if error.is_parse() {
        errors.malformed.inc();
    } else if error.is_timeout() {
        errors.timed_out.inc();
    } else if !error.is_user() {
        // Ended in the middle of a request, or while its answer was made or written. (`is_user`: our own `HungUp`, which
        // was counted where it was noticed.)
        errors.hung_up.inc();
    }
}
