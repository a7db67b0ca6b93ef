//! A hyper server that measures its requests and serves its page at `/metrics`.
//! `cargo run -p epoch-metrics-tower --example hyper`, then `curl localhost:3001/` and `curl localhost:3001/metrics`.

use bytes::Bytes;
use epoch_metrics::{PROMETHEUS_CONTENT_TYPE, Registry};
use epoch_metrics_tower::{HttpMetrics, RequestBody};
use http::header::CONTENT_TYPE;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tower::{Layer, service_fn};

/// The values of the label `route`.
const ROUTES: [&str; 2] = ["/", "/metrics"];

async fn answer(
    registry: Registry,
    request: Request<RequestBody<Incoming>>,
) -> http::Result<Response<Full<Bytes>>> {
    let page = match request.uri().path() {
        "/metrics" => registry.render_prometheus(),
        "/" => "hello\n".to_owned(),
        _ => return Response::builder().status(404).body(Full::default()),
    };
    let response = Response::builder().header(CONTENT_TYPE, PROMETHEUS_CONTENT_TYPE);
    response.body(Full::from(page))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::new();
    let layer = HttpMetrics::new(&registry)?
        .route_by(|uri, _| ROUTES.into_iter().find(|route| *route == uri.path()));
    let service = layer.layer(service_fn(move |request| answer(registry.clone(), request)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3001").await?;
    println!("http://{}/metrics", listener.local_addr()?);
    loop {
        let stream = TokioIo::new(listener.accept().await?.0);
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(http1::Builder::new().serve_connection(stream, service));
    }
}
