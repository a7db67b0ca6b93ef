//! A server in the background, and clients that send the same requests to each service.

use crate::routes::{RUNNING, routes};
use axum::Router;
use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::panic::set_hook;
use std::thread::sleep;
use std::time::Duration;

const ANSWERED: usize = 100;
const CANCELLED: usize = 10;
const PANICKING: usize = 10;
const UNKNOWN: usize = 50;

/// How long nothing may happen.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// Sends requests that are answered, cancelled, that panic, and to paths that do not exist, and returns `/metrics`.
pub(crate) fn drive(
    measured: fn(Router) -> Result<Router, Box<dyn Error>>,
) -> Result<String, Box<dyn Error>> {
    // Ten messages of the same panic would hide the table.
    set_hook(Box::new(|_| ()));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let _context = runtime.enter();
    let app = measured(routes())?;
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    runtime.spawn(axum::serve(listener, app).into_future());

    for id in 0..ANSWERED {
        let answer = get(address, &format!("/users/{id}"))?;
        expect(answer.ends_with("a user\n"), "an answer")?;
    }
    let waiting: Vec<_> = (0..CANCELLED)
        .map(|_| send(address, "/never"))
        .collect::<Result<_, _>>()?;
    until(|| RUNNING.get() == CANCELLED)?;
    drop(waiting);
    until(|| RUNNING.get() == 0)?;
    for _ in 0..PANICKING {
        expect(get(address, "/panic")?.is_empty(), "no answer")?;
    }
    for id in 0..UNKNOWN {
        let answer = get(address, &format!("/unknown/{id}"))?;
        expect(answer.starts_with("HTTP/1.1 404"), "not found")?;
    }
    // What a connection's task still has to drop.
    sleep(10 * PAUSE);
    get(address, "/metrics")
}

fn send(address: SocketAddr, path: &str) -> Result<TcpStream, Box<dyn Error>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    )?;
    Ok(stream)
}

/// The whole answer; empty if there is none.
fn get(address: SocketAddr, path: &str) -> Result<String, Box<dyn Error>> {
    let mut answer = String::new();
    send(address, path)?.read_to_string(&mut answer)?;
    Ok(answer)
}

fn until(done: impl Fn() -> bool) -> Result<(), Box<dyn Error>> {
    for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
        if done() {
            return Ok(());
        }
        sleep(PAUSE);
    }
    Err("the service does not go on".into())
}

fn expect(held: bool, what: &str) -> Result<(), Box<dyn Error>> {
    if held {
        Ok(())
    } else {
        Err(format!("expected {what}").into())
    }
}
