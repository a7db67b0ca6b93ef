//! Requests that a receiver takes, refuses or does not answer, and the SDK that exports the registry with its own metrics.

use epoch_metrics::{Counter, Registry};
use epoch_metrics_opentelemetry::{EndpointError, ExportError, Exporter, HttpSender, Producer};
use opentelemetry::metrics::MeterProvider;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::metrics::{SdkMeterProvider, Temporality};
use prost::Message;
use std::error::Error as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// How long anything may take before it has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// The lines of a request's head, and its body.
type Request = (Vec<String>, Vec<u8>);

/// Answers one request on each connection, with each of the answers in turn; `None`: it keeps silent.
fn receiver(answers: Vec<Option<Vec<u8>>>) -> (SocketAddr, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (send, requests) = channel();
    thread::spawn(move || {
        let mut silent = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut reader = BufReader::new(&stream);
            let lines = reader.by_ref().lines().map(Result::unwrap);
            let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
            let length = head.iter().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                let is_length = name.eq_ignore_ascii_case("content-length");
                is_length.then(|| value.parse().unwrap())
            });
            let mut body = vec![0; length.unwrap()];
            reader.read_exact(&mut body).unwrap();
            match answer {
                Some(answer) => stream.write_all(&answer).unwrap(),
                None => silent.push(stream),
            }
            send.send((head, body)).unwrap();
        }
        // The silent ones stay open until the test has seen everything.
        thread::sleep(PATIENCE);
    });
    (address, requests)
}

fn answer(status: &str, body: &[u8]) -> Option<Vec<u8>> {
    let head = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    Some([head.as_bytes(), body].concat())
}

fn accepted() -> Option<Vec<u8>> {
    answer("200 OK", b"")
}

/// The counter's differences that a request holds.
fn differences(request: &Request) -> Vec<i64> {
    let request = ExportMetricsServiceRequest::decode(&*request.1).unwrap();
    let scopes = request
        .resource_metrics
        .iter()
        .flat_map(|resource| &resource.scope_metrics);
    let metrics = scopes.flat_map(|scope| &scope.metrics);
    let points = metrics
        .filter(|metric| metric.name == "files")
        .flat_map(|metric| match &metric.data {
            Some(Data::Sum(sum)) => &sum.data_points,
            other => panic!("{other:?}"),
        });
    let values = points.map(|point| match point.value {
        Some(Number::AsInt(value)) => value,
        other => panic!("{other:?}"),
    });
    values.collect()
}

fn exporter(sender: HttpSender) -> (Counter, Exporter) {
    let registry = Registry::builder().without_own_metrics().build();
    let files = registry.counter("files", "Files.").unwrap();
    let producer = Producer::new().temporality(Temporality::Delta);
    let exporter = Exporter::new(
        move || registry.page(),
        producer,
        move |request| sender.send(request),
    );
    (files, exporter)
}

fn sender(address: SocketAddr) -> HttpSender {
    HttpSender::new(&format!("http://{address}/v1/metrics")).unwrap()
}

#[test]
fn a_request_is_what_a_receiver_wants() {
    let (address, requests) = receiver(vec![accepted()]);
    let sender = sender(address).header("x-api-key", "secret").unwrap();
    assert!(!format!("{sender:?}").contains("secret"));
    let (files, exporter) = exporter(sender);
    files.add(3);
    exporter.export().unwrap();
    let request = requests.recv_timeout(PATIENCE).unwrap();
    assert_eq!(request.0[0], "POST /v1/metrics HTTP/1.1");
    let lower: Vec<_> = request.0.iter().map(|line| line.to_lowercase()).collect();
    for header in ["content-type: application/x-protobuf", "x-api-key: secret"] {
        assert!(lower.iter().any(|line| line == header), "{lower:?}");
    }
    assert_eq!(differences(&request), [3]);
}

/// What may be sent again is part of the next request, and what may not is given up.
#[test]
fn what_was_not_delivered_is_sent_again() {
    let unavailable = answer("503 Service Unavailable", b"later");
    let bad = answer("400 Bad Request", b"\x08\x03\x12\x05never");
    let (address, requests) = receiver(vec![unavailable, None, accepted(), bad, accepted()]);
    let (files, exporter) = exporter(sender(address).timeout(Duration::from_millis(500)));
    let export = |amount| {
        files.add(amount);
        let sent = exporter.export();
        (sent, differences(&requests.recv_timeout(PATIENCE).unwrap()))
    };
    let (sent, differences) = export(1);
    assert!(
        matches!(sent, Err(ExportError::Refused { status: 503, message }) if message == "later")
    );
    assert_eq!(differences, [1]);
    let (sent, differences) = export(2);
    assert!(
        matches!(&sent, Err(ExportError::TimedOut { .. })),
        "{sent:?}"
    );
    assert_eq!(differences, [3]);
    let (sent, differences) = export(4);
    sent.unwrap();
    assert_eq!(differences, [7]);
    let (sent, differences) = export(8);
    let error = sent.unwrap_err();
    assert!(
        error.to_string().contains("status 400") && error.to_string().contains("never"),
        "{error}"
    );
    assert_eq!(differences, [8]);
    let (sent, differences) = export(16);
    sent.unwrap();
    assert_eq!(differences, [16]);
}

#[test]
fn a_partial_success_is_an_error_that_is_not_sent_again() {
    let partial = ExportMetricsServiceResponse {
        partial_success: Some(ExportMetricsPartialSuccess {
            rejected_data_points: 1,
            error_message: "too old".to_owned(),
        }),
    };
    let (address, requests) =
        receiver(vec![answer("200 OK", &partial.encode_to_vec()), accepted()]);
    let (files, exporter) = exporter(sender(address));
    files.add(1);
    let error = exporter.export().unwrap_err();
    assert!(matches!(&error, ExportError::Rejected { points: 1, message } if message == "too old"));
    assert!(!error.is_retryable());
    files.add(2);
    exporter.export().unwrap();
    let sent: Vec<_> = (0..2)
        .map(|_| differences(&requests.recv_timeout(PATIENCE).unwrap()))
        .collect();
    assert_eq!(sent, [[1], [2]]);
}

#[test]
fn nobody_there_and_addresses_that_are_none_are_errors() {
    let (_, exporter) = exporter(sender("127.0.0.1:1".parse().unwrap()));
    let error = exporter.export().unwrap_err();
    assert!(matches!(error, ExportError::Unreachable { .. }) && error.source().is_some());
    for url in [
        "",
        "localhost:4318",
        "https://host/v1/metrics",
        "http://",
        "http:///v1/metrics",
    ] {
        assert_eq!(
            HttpSender::new(url).unwrap_err(),
            EndpointError::InvalidUrl,
            "{url}"
        );
    }
}

/// The thread exports each interval, and once more at the end; it goes on after an export that failed.
#[test]
fn a_running_exporter_sends_what_is_left_at_the_end() {
    let answers = vec![
        answer("503 Service Unavailable", b""),
        accepted(),
        accepted(),
    ];
    let (address, requests) = receiver(answers);
    let (files, exporter) = exporter(sender(address));
    files.add(1);
    let (failed, failures) = channel();
    let running = exporter.start(Duration::from_millis(20), move |error| {
        // The receiver is gone when later intervals end.
        let _ = failed.send(error.to_string());
    });
    let running = running.unwrap();
    assert_eq!(differences(&requests.recv_timeout(PATIENCE).unwrap()), [1]);
    assert!(failures.recv_timeout(PATIENCE).unwrap().contains("503"));
    assert_eq!(differences(&requests.recv_timeout(PATIENCE).unwrap()), [1]);
    drop(running);

    let (address, requests) = receiver(vec![accepted()]);
    let (files, exporter) = self::exporter(sender(address));
    let running = exporter
        .start(Duration::from_secs(3_600), |error| panic!("{error}"))
        .unwrap();
    files.add(5);
    drop(running);
    assert_eq!(differences(&requests.recv_timeout(PATIENCE).unwrap()), [5]);
}

#[test]
fn the_sdk_exports_both_in_one_request() {
    let (address, requests) = receiver(vec![accepted(), answer("503 Service Unavailable", b"")]);
    let (files, exporter) = exporter(sender(address));
    let resource = Resource::builder_empty()
        .with_service_name("search")
        .build();
    let builder = SdkMeterProvider::builder().with_resource(resource);
    let provider = builder.with_periodic_exporter(exporter).build();
    let hits = provider.meter("app").u64_counter("cache_hits").build();
    hits.add(2, &[]);
    files.add(3);
    provider.force_flush().unwrap();
    let request = requests.recv_timeout(PATIENCE).unwrap();
    assert_eq!(differences(&request), [3]);
    let request = ExportMetricsServiceRequest::decode(&*request.1).unwrap();
    assert_eq!(request.resource_metrics.len(), 1);
    let resource = request.resource_metrics[0].resource.as_ref().unwrap();
    assert_eq!(resource.attributes[0].key, "service.name");
    let scopes = request.resource_metrics[0].scope_metrics.iter();
    let names: Vec<_> = scopes
        .map(|scope| {
            (
                scope.scope.as_ref().unwrap().name.as_str(),
                scope.metrics[0].name.as_str(),
            )
        })
        .collect();
    assert_eq!(names, [("app", "cache_hits"), ("epoch-metrics", "files")]);
    // The SDK is told what failed.
    hits.add(1, &[]);
    let error = provider.shutdown().unwrap_err();
    assert!(
        matches!(&error, OTelSdkError::InternalFailure(_)),
        "{error:?}"
    );
}
