//! The page for people to look at, and what it polls.

use epoch_metrics::{HistogramOptions, Registry};
use epoch_metrics_axum::Endpoints;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The head of an answer, in lower case, and its body.
fn get(address: SocketAddr, target: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

#[test]
fn the_page_is_served_with_its_policy_beside_what_it_polls() {
    let registry = Registry::new();
    let sizes = registry.histogram("sizes", "Sizes.", HistogramOptions::values(0, 100));
    sizes.unwrap().record(7);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let address = runtime
        .block_on(Endpoints::new(&registry).serve("127.0.0.1:0"))
        .unwrap();

    let (head, body) = get(address, "/page");
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("\r\ncontent-type: text/html; charset=utf-8\r\n"));
    assert_eq!(head.matches("\r\ncontent-type").count(), 1, "{head}");
    assert!(head.contains("\r\ncontent-security-policy: default-src 'none'; "));
    assert!(body.starts_with("<!doctype html>"));

    let (head, body) = get(address, "/page.json?histogram=sizes");
    assert!(head.contains("\r\ncontent-type: application/json\r\n"));
    assert_eq!(head.matches("\r\ncontent-type").count(), 1, "{head}");
    let data: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(data["histograms"][0]["buckets"].to_string(), "[[7,7,1]]");
    assert_eq!(data["metrics"]["sizes"]["series"][0]["value"]["count"], 1);
}
