//! More clients at the example server than it has places for: none of them delays an operator's probe or scrape.
//!
//! A thousand connections are more files than some systems let a process open. Where the limit cannot be raised the tests are
//! ignored, and under CI they fail: `tests/needs` says how.

#[path = "needs/mod.rs"]
mod needs;
#[path = "served/mod.rs"]
#[allow(dead_code, reason = "shared with the other tests of the server")]
mod served;
/// The server's own, for what happens between two of its instructions.
#[path = "../examples/server/waiting.rs"]
mod waiting;

use served::{INFERRED, Response, Server};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use waiting::Waiting;

/// Connections of clients that keep the server waiting: more than it has places.
const CROWD: usize = 1_100;
/// Files that this process opens at the most, with some to spare.
const FILES: u64 = CROWD as u64 + 200;
/// How long a probe may take. A server that lets it wait for an idle client's timeout takes 10 s.
const PROMPT: Duration = Duration::from_secs(3);

const CROWDED_OUT: &str = "http_client_errors_total{reason=\"crowded_out\"}";

fn main() -> ExitCode {
    let tests: [(&str, fn()); 6] = [
        ("idle_clients", || crowd(b"")),
        ("half_a_head", || crowd(b"GET /infer HTTP/1.1\r\nhost: ")),
        ("half_a_body", || {
            crowd(b"POST /infer HTTP/1.1\r\nhost: test\r\ncontent-length: 9\r\n\r\nhalf")
        }),
        ("idle_after_an_answer", || {
            crowd(b"GET /health HTTP/1.1\r\nhost: test\r\n\r\n")
        }),
        ("few_files", few_files),
        (
            "who_is_worked_for_gets_an_answer",
            who_is_worked_for_gets_an_answer,
        ),
    ];
    let mut trials = Vec::from(tests.map(|(name, test)| needs::trial(name, missing, test)));
    trials.push(needs::trial(
        "a_connection_is_closed_or_worked_for",
        || None,
        a_connection_is_closed_or_worked_for,
    ));
    needs::run(trials).exit_code()
}

/// Raises the limit of open files if it has to be raised.
#[cfg(unix)]
fn missing() -> Option<String> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: writes the limit, which is valid for that.
    let got = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    if got == 0 && limit.rlim_cur >= FILES {
        return None;
    }
    let most = limit.rlim_max;
    limit.rlim_cur = FILES;
    // SAFETY: reads the limit.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
    let missing = got != 0 || most < FILES || set != 0;
    missing.then(|| format!("{FILES} open files are needed, and the limit is {most} (ulimit -Hn)"))
}

#[cfg(not(unix))]
fn missing() -> Option<String> {
    Some("limits of open files are looked at on Unix only".to_owned())
}

/// One test at a time: the limit is the process's.
static ALONE: Mutex<()> = Mutex::new(());

/// Connections that have sent `bytes`, and then keep the server waiting.
fn connect(server: &Server, size: usize, bytes: &[u8]) -> Vec<TcpStream> {
    let connect = |_| {
        let mut stream = server.connect();
        // Fails if others have taken its place already.
        let _ = stream.write_all(bytes);
        stream
    };
    (0..size).map(connect).collect()
}

/// Whether the server has not closed a connection, from which everything is read that it sent.
fn is_open(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).expect("it can be set");
    loop {
        match stream.read(&mut [0; 1024]) {
            Ok(0) => return false,
            Ok(_) => (),
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}

fn assert_prompt(server: &Server) {
    for page in ["/health", "/ready", "/metrics", "/stats", "/infer"] {
        let started = Instant::now();
        assert_eq!(server.get(page).status, 200, "{page}");
        let took = started.elapsed();
        assert!(took < PROMPT, "{page} took {took:?}");
    }
}

/// A crowd whose clients all send `bytes`.
fn crowd(bytes: &[u8]) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Server::start();
    let mut crowd = connect(&server, CROWD, bytes);
    assert_prompt(&server);
    let closed = server.metric(CROWDED_OUT);
    assert!((1.0..200.0).contains(&closed), "{closed} were closed");
    // As many as were needed have made room: the oldest.
    let open: Vec<_> = crowd.iter_mut().map(is_open).collect();
    let closed = open.iter().filter(|open| !**open).count();
    assert!(
        (1..200).contains(&closed),
        "{closed} connections are closed"
    );
    let oldest = open[..closed].iter().filter(|open| !**open).count();
    // In what order the server comes to what clients have sent is up to the system; that they are connected it knows at once.
    assert!(
        oldest == closed || !bytes.is_empty(),
        "of {closed} closed connections only {oldest} are the oldest"
    );
    drop(crowd);
    assert_prompt(&server);
}

/// The system's limit is lower than the server's own.
fn few_files() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Server::start_with_files(100);
    let _crowd = connect(&server, 300, b"");
    assert_prompt(&server);
    assert!(server.metric("http_accept_errors_total") >= 1.0);
    assert!(server.metric(CROWDED_OUT) >= 200.0);
}

/// A place is never taken from a request that is worked for: each that was counted as answered has its answer.
fn who_is_worked_for_gets_an_answer() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let server = Server::start();
    let clients = || {
        // The oldest connections there are, and each gets its request at about the time at which it would be closed.
        let mut clients = connect(&server, 100, b"");
        let crowd = thread::scope(|scope| {
            let crowd = scope.spawn(|| connect(&server, CROWD, b""));
            for client in &mut clients {
                let _ = client.write_all(b"GET /infer HTTP/1.1\r\nhost: test\r\n\r\n");
                thread::sleep(Duration::from_micros(500));
            }
            crowd.join().expect("a crowd")
        });
        let answered = clients.iter_mut().filter_map(Response::try_read);
        let answered = answered.filter(|answer| answer.status == 200).count();
        drop(crowd);
        answered
    };
    let answered: usize = (0..10).map(|_| clients()).sum();
    assert!(answered > 0, "nobody was answered");
    server.await_metric(INFERRED, answered as f64);
    // And stays so.
    thread::sleep(Duration::from_millis(300));
    server.await_metric(INFERRED, answered as f64);
}

/// The acceptor and the connection's task may decide at the same moment: only one of them gets its way.
fn a_connection_is_closed_or_worked_for() {
    let (older, younger) = (Waiting::new(), Waiting::new());
    let since = older.since().expect("it waits");
    assert!(Some(since) < younger.since());
    // Work comes first.
    assert!(older.work());
    assert_eq!(older.since(), None);
    assert!(!older.close(since), "it is worked for");
    // It has waited for less long than the other after its answer.
    older.restart();
    assert!(!older.close(since), "that was another request's time");
    assert!(older.since() > younger.since());
    // Closing comes first, and for good.
    let since = younger.since().expect("it waits");
    assert!(younger.close(since));
    assert!(!younger.close(since));
    assert!(!younger.work());
    younger.restart();
    assert!(!younger.work() && younger.since().is_none());
    // Both at once.
    for _ in 0..10_000 {
        let waiting = Waiting::new();
        let since = waiting.since().expect("it waits");
        let (closed, works) = thread::scope(|scope| {
            let closed = scope.spawn(|| waiting.close(since));
            let works = waiting.work();
            (closed.join().expect("no panic"), works)
        });
        assert!(closed != works, "closed: {closed}, worked for: {works}");
    }
}
