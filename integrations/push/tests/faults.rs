//! Gateways that do not do what they should, and descriptions of gateways that are none.

use epoch_metrics::{PROMETHEUS_CONTENT_TYPE, Registry};
use epoch_metrics_push::{GroupError, PushError, Pushgateway};
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long anything may take before it has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// The lines of a request's head, and its body.
type Request = (Vec<String>, Vec<u8>);

/// Answers one request with these bytes, and returns that request.
fn gateway(answer: &[u8]) -> (SocketAddr, JoinHandle<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = answer.to_vec();
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut reader = BufReader::new(&stream);
        let lines = reader.by_ref().lines().map(Result::unwrap);
        let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
        let length = head.iter().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            let length = name.eq_ignore_ascii_case("content-length");
            length.then(|| value.parse().unwrap())
        });
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).unwrap();
        // Who has heard enough may have hung up.
        let _ = stream.write_all(&answer);
        (head, body)
    });
    (address, thread)
}

fn job(address: SocketAddr) -> Pushgateway {
    Pushgateway::new(&format!("http://{address}"), "job").unwrap()
}

fn registry() -> Registry {
    let registry = Registry::builder().without_own_metrics().build();
    registry.counter("files", "Files.").unwrap().add(3);
    registry
}

const ACCEPTED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

#[test]
fn a_request_is_what_the_gateway_wants() {
    let page = registry().page();
    for method in ["PUT", "POST", "DELETE"] {
        let (address, thread) = gateway(ACCEPTED);
        let url = format!("http://user:secret@{address}/prefix/");
        let gateway = Pushgateway::new(&url, "a/b").unwrap();
        let gateway = gateway.group_by("path", "/var/tmp").unwrap();
        let gateway = gateway.group_by("empty", "").unwrap();
        match method {
            "PUT" => gateway.push(&page).unwrap(),
            "POST" => gateway.add(&page).unwrap(),
            _ => gateway.delete().unwrap(),
        }
        let (head, body) = thread.join().unwrap();
        // The path of the gateway's own documentation for /var/tmp.
        let target = "/prefix/metrics/job@base64/YS9i/path@base64/L3Zhci90bXA/empty@base64/=";
        assert_eq!(head[0], format!("{method} {target} HTTP/1.1"));
        let header = |name: &str| {
            let named = |line: &&String| line.to_ascii_lowercase().starts_with(name);
            head.iter().find(named).map(|line| &line[name.len()..])
        };
        assert_eq!(header("authorization: "), Some("Basic dXNlcjpzZWNyZXQ="));
        if method == "DELETE" {
            assert!(body.is_empty());
        } else {
            assert_eq!(header("content-type: "), Some(PROMETHEUS_CONTENT_TYPE));
            let text = String::from_utf8(body).unwrap();
            assert_eq!(text, page.render_prometheus());
        }
    }
}

#[test]
fn what_is_no_gateway_is_refused_at_once() {
    for wrong in [
        "",
        "127.0.0.1:9091",
        "host",
        "http://",
        "https://host",
        "ftp://host",
        "/path",
        "http://host?query",
        "http://host/#fragment",
        "http://ho st",
    ] {
        let error = Pushgateway::new(wrong, "job").unwrap_err();
        assert_eq!(error, GroupError::InvalidUrl, "{wrong}");
    }
    let gateway = Pushgateway::new("http://user:secret@host", "job").unwrap();
    assert!(!format!("{gateway:?}").contains("secret"));
    for wrong in [
        "", "1st", "__name__", "__", "a-b", "a/b", "größe", "a@base64",
    ] {
        let label = wrong.to_owned();
        let error = gateway.clone().group_by(wrong, "value").unwrap_err();
        assert_eq!(error, GroupError::InvalidLabel { label });
        assert!(error.to_string().contains(&format!("{wrong:?}")), "{error}");
    }
    let gateway = gateway.group_by("_a1", "value").unwrap();
    for label in ["_a1", "job"].map(str::to_owned) {
        let error = gateway.clone().group_by(&label, "other").unwrap_err();
        assert_eq!(error, GroupError::DuplicateLabel { label });
    }
}

#[test]
fn refusals_have_status_and_message() {
    let long = "x".repeat(100_000);
    for (status, body, expected) in [
        (400, "it contradicts\n", "it contradicts"),
        (500, "", ""),
        (404, &*long, &long[..1 << 10]),
        // Not followed: nobody listens there, and the request is not sent again.
        (307, "moved", "moved"),
    ] {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} Reason\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let (address, thread) = gateway(answer.as_bytes());
        let refused = job(address).push(&registry().page()).unwrap_err();
        let PushError::Refused {
            status: found,
            message,
        } = &refused
        else {
            panic!("{refused}")
        };
        assert_eq!((*found, &**message), (status, expected));
        assert!(refused.to_string().contains(&status.to_string()));
        thread.join().unwrap();
    }
}

#[test]
fn silence_ends_with_the_timeout() {
    // Connections wait to be accepted, and nobody does.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let timeout = Duration::from_millis(50);
    let gateway = job(listener.local_addr().unwrap()).timeout(timeout);
    for result in [
        gateway.push(&registry().page()),
        gateway.add(&registry().page()),
        gateway.delete(),
    ] {
        let error = result.unwrap_err();
        assert!(
            matches!(error, PushError::TimedOut { timeout: after } if after == timeout),
            "{error}"
        );
    }
}

#[test]
fn who_cannot_be_reached_is_told_apart() {
    for answer in [&b""[..], b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200"] {
        let (address, thread) = gateway(answer);
        let error = job(address).push(&registry().page()).unwrap_err();
        assert!(matches!(error, PushError::Unreachable { .. }), "{error}");
        assert!(error.source().is_some());
        thread.join().unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = job(address).delete().unwrap_err();
    assert!(matches!(error, PushError::Unreachable { .. }), "{error}");
}
