//! The example server's HTTP at its edges: requests that are ambiguous, incomplete, or larger than they may be, and those that
//! are only unusual.
//!
//! A refused request is answered, counted, and its connection closed: what follows it may not be what it looks like.

#[path = "served/mod.rs"]
#[allow(dead_code, reason = "shared with the other tests of the server")]
mod served;

use served::{HUNG_UP, INFERRED, MALFORMED, Response, Server};
use std::io::{Read, Write};
use std::net::Shutdown;

/// A second request, which must not be read as one after a refused head.
const SMUGGLED: &str = "GET /nowhere HTTP/1.1\r\nhost: test\r\n\r\n";

const HEALTH: &str = "GET /health HTTP/1.1\r\nhost: test\r\n\r\n";

/// Inferences of three tokens each.
const KNOWN_LENGTH: &str = "POST /infer HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\n\r\na b c";
const CHUNKED: &str = "POST /infer HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n3\r\na b\r\n2;x\r\n c\r\n0\r\nx: y\r\n\r\n";

/// Sends `request`, and returns the statuses of all answers until the server closes the connection, which it does at the
/// latest when it learns that there will be nothing more.
fn statuses(server: &Server, request: &[u8]) -> Vec<u16> {
    statuses_of_parts(server, &[request])
}

/// The same for a request that arrives in parts.
fn statuses_of_parts(server: &Server, parts: &[&[u8]]) -> Vec<u16> {
    let mut stream = server.connect();
    stream.set_nodelay(true).expect("parts are sent at once");
    for part in parts {
        stream.write_all(part).expect("the server reads");
    }
    stream
        .shutdown(Shutdown::Write)
        .expect("half of a connection can be shut down");
    let mut answers = String::new();
    stream
        .read_to_string(&mut answers)
        .expect("answers, and an end");
    let statuses = answers.match_indices("HTTP/1.").map(|(at, _)| {
        answers[at + "HTTP/1.x ".len()..][..3]
            .parse()
            .expect("a status")
    });
    statuses.collect()
}

/// The request heads that two programs may read differently: each is answered 400, and nothing after it is a request.
#[test]
fn ambiguous_heads_are_refused() {
    let server = Server::start();
    let heads = [
        // Which length?
        "POST /infer HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /infer HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
        "POST /infer HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: a\r\nContent-Length: nonsense\r\n\r\n0\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /infer HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        "POST /infer HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello",
        "POST /infer HTTP/1.1\r\nhost: a\r\ncontent-length: 5, 5\r\n\r\nhello",
        "POST /infer HTTP/1.1\r\nhost: a\r\ncontent-length: +5\r\n\r\nhello",
        "POST /infer HTTP/1.1\r\nhost: a\r\ncontent-length: -5\r\n\r\nhello",
        "POST /infer HTTP/1.1\r\nhost: a\r\ncontent-length: 0x5\r\n\r\nhello",
        "POST /infer HTTP/1.1\r\nhost: a\r\ncontent-length: \r\n\r\nhello",
        "POST /infer HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\nhello",
        // Which coding?
        "POST /infer HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST /infer HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n0\r\n\r\n",
        "POST /infer HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST /infer HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /infer HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        // Which host?
        "GET /health HTTP/1.1\r\n\r\n",
        "GET http://a/health HTTP/1.1\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n",
        "GET /health HTTP/1.0\r\nhost: a\r\nhost: b\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: a b\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: user@a\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: a/b\r\n\r\n",
        // Which lines?
        "GET /health HTTP/1.1\r\nhost: a\r\nx: one\r\n two\r\n\r\n",
        "GET /health HTTP/1.1\r\n host: a\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: a\r\nx: one\rtwo\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: a\r\nx: one\0two\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost : a\r\n\r\n",
        "POST /infer HTTP/1.1\r\nhost: a\r\ncontent-length : 5\r\n\r\nhello",
        "GET /health HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: a\r\n: no name\r\n\r\n",
        "GET  /health HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /hea lth HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /health\r\n\r\n",
        "GET /health HTTP/3.0\r\nhost: a\r\n\r\n",
        "G@T /health HTTP/1.1\r\nhost: a\r\n\r\n",
    ];
    let mut refused = 0.0;
    for head in heads {
        // Alone, and after other requests.
        for (before, expected) in [
            ("", &[400][..]),
            (HEALTH, &[200, 400]),
            (KNOWN_LENGTH, &[200, 400]),
            (CHUNKED, &[200, 400]),
        ] {
            let request = format!("{before}{head}{SMUGGLED}");
            assert_eq!(statuses(&server, request.as_bytes()), expected, "{head:?}");
            refused += 1.0;
        }
    }
    server.await_metric(MALFORMED, refused);
    assert_eq!(server.metric(INFERRED), 2.0 * heads.len() as f64);
}

/// Requests that look odd and are not.
#[test]
fn unusual_heads_are_accepted() {
    let server = Server::start();
    for head in [
        "GET http://test/health HTTP/1.1\r\nhost: test\r\n\r\n",
        "GET http://test:80/health?x HTTP/1.1\r\nhost: other\r\n\r\n",
        "GET /health HTTP/1.1\r\nHOST:test\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost:\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: [::1]:8080\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: test \t\r\nx:\té\r\n\r\n",
        "\r\nGET /health HTTP/1.1\r\nhost: test\r\n\r\n",
        "GET /health HTTP/1.1\nhost: test\n\n",
        "GET /health HTTP/1.0\r\n\r\n",
        "GET /health HTTP/1.0\r\nhost: test\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: test\r\ncontent-length: 0\r\n\r\n",
        "POST /infer HTTP/1.1\r\nhost: test\r\ncontent-length: 005\r\n\r\nhello",
        "POST /infer HTTP/1.1\r\nhost: test\r\nTransfer-Encoding: Chunked\r\n\r\n05;x=y\r\nhello\r\n0\r\nx: y\r\n\r\n",
    ] {
        assert_eq!(statuses(&server, head.as_bytes()), [200], "{head:?}");
    }
}

/// Requests one after the other, and however the network cuts them.
#[test]
fn pipelined_requests_are_answered_in_order_however_they_arrive() {
    let server = Server::start();
    let requests = format!(
        "{HEALTH}{KNOWN_LENGTH}{SMUGGLED}{CHUNKED}{SMUGGLED}DELETE /infer HTTP/1.1\r\nhost: test\r\n\r\n{HEALTH}"
    );
    let expected = [200, 200, 404, 200, 404, 405, 200];
    assert_eq!(statuses(&server, requests.as_bytes()), expected);
    for at in 1..requests.len() {
        let (first, second) = requests.as_bytes().split_at(at);
        let found = statuses_of_parts(&server, &[first, second]);
        assert_eq!(found, expected, "cut at {at}");
    }
    let bytes: Vec<_> = requests.as_bytes().chunks(1).collect();
    assert_eq!(statuses_of_parts(&server, &bytes), expected);
    // Each with 3 tokens, not more and not less.
    let inferred = 2.0 * (requests.len() + 1) as f64;
    server.await_metric(INFERRED, inferred);
    server.await_metric("server_tokens_total", 3.0 * inferred);
}

/// A client that will send nothing more may still be waiting.
#[test]
fn half_closed_clients_get_their_answers() {
    let server = Server::start();
    let text = "w ".repeat(30_000);
    let length = text.len();
    let whole =
        format!("POST /infer HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\n{text}");
    assert_eq!(statuses(&server, whole.as_bytes()), [200]);
    let get = "GET /infer?a+b HTTP/1.1\r\nhost: test\r\n\r\n";
    assert_eq!(statuses(&server, get.as_bytes()), [200]);
    assert_eq!(statuses(&server, get.repeat(20).as_bytes()), [200; 20]);
    for page in ["/health", "/metrics", "/stats"] {
        let request = format!("GET {page} HTTP/1.1\r\nhost: test\r\n\r\n");
        assert_eq!(statuses(&server, request.as_bytes()), [200], "{page}");
    }
    assert_eq!(server.metric(HUNG_UP), 0.0);
    // A body that will never be complete.
    assert_eq!(statuses(&server, &whole.as_bytes()[..1_000]), [400]);
    server.await_metric(HUNG_UP, 1.0);
    let chunked = "POST /infer HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab";
    assert_eq!(statuses(&server, chunked.as_bytes()), [400]);
    server.await_metric(HUNG_UP, 2.0);
    // Nothing at all is no request, and nothing to count.
    assert!(statuses(&server, b"").is_empty());
    server.await_metric(INFERRED, 22.0);
    assert_eq!(server.metric(HUNG_UP), 2.0);
}

#[test]
fn heads_are_answered_without_a_body() {
    let server = Server::start();
    for (page, status) in [
        ("/", 200),
        ("/health", 200),
        ("/metrics", 200),
        ("/infer?a+b", 200),
        ("/nowhere", 404),
    ] {
        let request = format!("HEAD {page} HTTP/1.1\r\nhost: test\r\n\r\n{HEALTH}");
        let mut stream = server.connect();
        stream
            .write_all(request.as_bytes())
            .expect("the server reads");
        stream.shutdown(Shutdown::Write).expect("half is shut down");
        let mut answers = String::new();
        stream.read_to_string(&mut answers).expect("answers");
        let (head, rest) = answers.split_once("\r\n\r\n").expect("a head");
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status} ")),
            "{page}: {head}"
        );
        assert!(rest.starts_with("HTTP/1.1 200 "), "{page}: {answers}");
    }
}

#[test]
fn a_client_that_expects_to_be_told_is_told() {
    let server = Server::start();
    let mut stream = server.connect();
    let head =
        b"POST /infer HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
    stream.write_all(head).expect("the server reads");
    let expected = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut said = [0; 25];
    stream.read_exact(&mut said).expect("an interim answer");
    assert_eq!(said, *expected);
    stream.write_all(b"a b c").expect("the server reads");
    assert_eq!(Response::read(&mut stream).json()["tokens"], 3);
    // One that is not told to go on gets its answer instead.
    let head = b"POST /infer HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 99999999\r\n\r\n";
    assert_eq!(server.send(head).status, 413);
    let head =
        b"POST /health HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
    assert_eq!(server.send(head).status, 405);
}

#[test]
fn targets_and_heads_have_limits() {
    let server = Server::start();
    let get = |target: usize, header: usize| {
        let (target, header) = ("x".repeat(target), "y".repeat(header));
        let request = format!("GET /health?{target} HTTP/1.1\r\nhost: test\r\ny: {header}\r\n\r\n");
        statuses(&server, request.as_bytes())
    };
    assert_eq!(get(8_000, 8_000), [200]);
    assert_eq!(get(9_000, 0), [414]);
    // A client that sends far too much has its answer too.
    for target in [16_000, 16 << 10, 17_000, 60_000, 5_000_000] {
        assert_eq!(get(target, 0), [414], "{target}");
    }
    for header in [16_384, 17_000, 60_000, 5_000_000] {
        assert_eq!(get(0, header), [431], "{header}");
    }
    for body in [100_000, 5_000_000] {
        let head = format!("POST /infer HTTP/1.1\r\nhost: test\r\ncontent-length: {body}\r\n\r\n");
        let request = head + &"z".repeat(body);
        assert_eq!(statuses(&server, request.as_bytes()), [413], "{body}");
    }
    let many = "z: z\r\n".repeat(101);
    let request = format!("GET /health HTTP/1.1\r\nhost: test\r\n{many}\r\n");
    assert_eq!(statuses(&server, request.as_bytes()), [431]);
    assert_eq!(get(0, 0), [200]);
}

/// Ten seconds is what a client has for a head, also while it is idle, and for a body.
#[test]
fn clients_that_are_too_slow_are_ended() {
    let server = Server::start();
    let start = |request: &str| {
        let mut stream = server.connect();
        stream
            .write_all(request.as_bytes())
            .expect("the server reads");
        stream
    };
    let mut idle = start("");
    let mut head = start("GET /health HTTP/1.1\r\nhost: ");
    let mut body = start("POST /infer HTTP/1.1\r\nhost: test\r\ncontent-length: 9\r\n\r\nhalf");
    let mut again = start(HEALTH);
    assert_eq!(Response::read(&mut again).status, 200);
    for silent in [&mut idle, &mut head, &mut again] {
        assert_eq!(silent.read(&mut [0]).expect("an end"), 0);
    }
    assert_eq!(Response::read(&mut body).status, 408);
    server.await_metric("http_client_errors_total{reason=\"timed_out\"}", 4.0);
}
