//! What the layer adds to a request, in nanoseconds: the median of many rounds of a service that answers at once.
//! `cargo run --profile bench -p epoch-metrics-tower --example cost`

use bytes::Bytes;
use epoch_metrics::Registry;
use epoch_metrics_tower::HttpMetrics;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tower::{Layer, Service, service_fn};

const CALLS: u32 = 10_000;
/// A thread that counts all the time has cells of its own after a second.
const WARM_UP: Duration = Duration::from_millis(1_400);
const ROUNDS: usize = 200;

fn answer<B>(_: Request<B>) -> Ready<Result<Response<Full<Bytes>>, Infallible>> {
    ready(Ok(Response::new(Full::new(Bytes::from_static(b"hello")))))
}

/// Nanoseconds for a request: the service is called, and its body polled to the end, as a server does.
fn measure<S, R>(mut service: S) -> f64
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>, Error = Infallible>,
    R: Body,
{
    let context = &mut Context::from_waker(Waker::noop());
    let mut rounds = Vec::new();
    let begun = Instant::now();
    while rounds.len() < ROUNDS {
        let started = Instant::now();
        for _ in 0..CALLS {
            let mut request = Request::new(Full::new(Bytes::from_static(b"question")));
            *request.uri_mut() = http::Uri::from_static("/users/7");
            let Poll::Ready(Ok(response)) = pin!(service.call(black_box(request))).poll(context)
            else {
                continue;
            };
            let mut body = pin!(response.into_body());
            while !body.is_end_stream() && body.as_mut().poll_frame(context).is_ready() {}
        }
        let each = started.elapsed().as_nanos() as f64 / f64::from(CALLS);
        rounds.extend((begun.elapsed() > WARM_UP).then_some(each));
    }
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let layer = HttpMetrics::new(&Registry::new())?.route_by(|_, _| Some("/users/{id}"));
    let plain = measure(service_fn(answer::<Full<Bytes>>));
    let measured = measure(layer.layer(service_fn(answer)));
    println!(
        "plain {plain:.0} ns, measured {measured:.0} ns, difference {:.0} ns",
        measured - plain
    );
    Ok(())
}
