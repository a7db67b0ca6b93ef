//! A tonic server with the layer, called by a tonic client over a socket.

use epoch_metrics::Registry;
use epoch_metrics_tower::HttpMetrics;
use std::time::Duration;
use tokio::net::TcpListener;
use tonic::Code;
use tonic::transport::{Channel, Server};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// The calls that the server answers.
const CALLS: [&str; 2] = [
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
];

async fn start(registry: &Registry) -> HealthClient<Channel> {
    let layer = HttpMetrics::new(registry)
        .unwrap()
        .route_by(|uri, _| CALLS.into_iter().find(|call| *call == uri.path()));
    let (_, health) = tonic_health::server::health_reporter();
    let address = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let server = Server::builder().layer(layer).add_service(health);
    tokio::spawn(server.serve(address));
    let channel = Channel::from_shared(format!("http://{address}")).unwrap();
    loop {
        match channel.connect().await {
            Ok(channel) => return HealthClient::new(channel),
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

async fn wait(registry: &Registry, line: &str) {
    for _ in 0..2_000 {
        if registry.render_prometheus().contains(line) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{line} is not in {}", registry.render_prometheus());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_measured() {
    let registry = Registry::new();
    let mut client = start(&registry).await;
    let request = |service: &str| HealthCheckRequest {
        service: service.to_owned(),
    };
    for _ in 0..3 {
        client.check(request("")).await.unwrap();
    }
    // An error of gRPC is a response of HTTP.
    let error = client.check(request("unknown")).await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    let labels = r#"{method="POST",route="/grpc.health.v1.Health/Check",status="2xx"}"#;
    wait(
        &registry,
        &format!("http_server_requests_total{labels} 4\n"),
    )
    .await;
    wait(
        &registry,
        &format!("http_server_request_duration_seconds_count{labels} 4\n"),
    )
    .await;

    // A stream without an end, until the client drops it.
    let mut watched = client.watch(request("")).await.unwrap().into_inner();
    watched.message().await.unwrap().unwrap();
    wait(&registry, "http_server_active_requests 1\n").await;
    drop(watched);
    let labels = r#"{method="POST",route="/grpc.health.v1.Health/Watch",status="cancelled"}"#;
    wait(
        &registry,
        &format!("http_server_requests_total{labels} 1\n"),
    )
    .await;
    wait(&registry, "http_server_active_requests 0\n").await;
}
