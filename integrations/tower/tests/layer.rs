//! How requests are measured, with bodies whose frames come one by one and a clock that stands still in between.

mod measured;

use bytes::Bytes;
use epoch_metrics_tower::{HttpMetrics, RequestBody};
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Empty, Full};
use measured::{Measured, Script, Step, poll, request, script};
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tower::{Layer, Service, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_streaming_body_is_timed_to_its_last_frame() {
    let measured = Measured::new();
    let steps = [Step::Data("first"), Step::Wait, Step::Data("second")];
    let response = measured.respond(request(), Response::new(script(&steps)));
    let mut body = Box::pin(response.into_body());
    for _ in steps {
        measured.clock.advance(SECOND);
        let _ = poll(&mut body);
        assert_eq!((measured.requests("2xx"), measured.active()), (0, 1));
    }
    measured.clock.advance(SECOND);
    assert_eq!(poll(&mut body), Poll::Ready(false));
    measured.clock.advance(SECOND);
    drop(body);
    let durations = measured.only("http_server_request_duration_seconds");
    assert_eq!((durations.count(), durations.sum()), (1, 4_000_000_000));
    assert_eq!(
        measured.only("http_server_response_body_size_bytes").sum(),
        11
    );
    assert_eq!((measured.requests("2xx"), measured.active()), (1, 0));
}

#[test]
fn the_end_is_seen_without_a_poll_for_it() {
    let measured = Measured::new();
    // A body that says so with its last frame.
    let mut knows = script(&[Step::Data("hello")]);
    knows.knows_its_end = true;
    let response = Response::new(knows);
    let mut body = Box::pin(measured.respond(request(), response).into_body());
    assert_eq!(measured.requests("2xx"), 0);
    let _ = poll(&mut body);
    assert_eq!(measured.requests("2xx"), 1);
    // A length that was announced.
    let response = Response::builder().header("content-length", "6");
    let steps = [Step::Data("abc"), Step::Data("def")];
    let response = response.body(script(&steps)).unwrap();
    let mut body = Box::pin(measured.respond(request(), response).into_body());
    let _ = poll(&mut body);
    assert_eq!(measured.requests("2xx"), 1);
    let _ = poll(&mut body);
    assert_eq!(measured.requests("2xx"), 2);
    // The end itself is not a second one.
    assert_eq!(poll(&mut body), Poll::Ready(false));
    drop(body);
    assert_eq!(
        (measured.requests("2xx"), measured.durations("2xx")),
        (2, 2)
    );
    assert_eq!(measured.requests("cancelled"), 0);
}

#[test]
fn responses_without_a_body_end_at_once() {
    let measured = Measured::new();
    let head = |method: Method, status: StatusCode| {
        let request = Request::builder().method(method).body(Full::default());
        let response = Response::builder().status(status);
        let response = response.body(script(&[Step::Data("not sent")])).unwrap();
        drop(measured.respond(request.unwrap(), response));
    };
    head(Method::HEAD, StatusCode::OK);
    head(Method::GET, StatusCode::NO_CONTENT);
    head(Method::CONNECT, StatusCode::OK);
    head(Method::GET, StatusCode::NOT_MODIFIED);
    head(Method::GET, StatusCode::SWITCHING_PROTOCOLS);
    drop(measured.respond(request(), Response::new(Empty::<Bytes>::new())));
    let ended = ["1xx", "2xx", "3xx", "cancelled"].map(|status| measured.requests(status));
    assert_eq!(ended, [1, 4, 1, 0]);
    assert_eq!(measured.durations("2xx"), 4);
    // These are not sent either, and that is a loss.
    head(Method::GET, StatusCode::OK);
    head(Method::CONNECT, StatusCode::BAD_REQUEST);
    assert_eq!(measured.requests("cancelled"), 2);
}

/// Each request counts once, and none of these is among the durations.
#[test]
fn what_is_not_answered_is_told_apart() {
    let measured = Measured::new();
    let layer = &measured.layer;
    let unwound = |call: &dyn Fn()| catch_unwind(AssertUnwindSafe(call)).unwrap_err();
    let context = || Context::from_waker(Waker::noop());

    // Dropped before it is polled, and while it waits.
    type Never = Result<Response<Script>, &'static str>;
    let mut service = layer.layer(service_fn(|_| pending::<Never>()));
    drop(service.call(request()));
    let mut waiting = Box::pin(service.call(request()));
    assert!(waiting.as_mut().poll(&mut context()).is_pending());
    assert_eq!((measured.requests("cancelled"), measured.active()), (1, 1));
    drop(waiting);
    assert_eq!((measured.requests("cancelled"), measured.active()), (2, 0));

    // A panic in the call, in the future, and one that is caught outside before the future is dropped.
    unwound(&|| {
        let mut service = layer.layer(service_fn(|_| -> std::future::Ready<Never> {
            panic!("in the call")
        }));
        drop(service.call(request()));
    });
    let mut panics = layer.layer(service_fn(async |_| -> Never { panic!("in the future") }));
    let mut future = Box::pin(panics.call(request()));
    let polled = catch_unwind(AssertUnwindSafe(|| {
        future.as_mut().poll(&mut context()).is_ready()
    }));
    polled.unwrap_err();
    drop(future);
    assert_eq!((measured.requests("panicked"), measured.active()), (2, 0));

    // Bodies.
    let body = |steps: &[Step]| {
        let response = measured.respond(request(), Response::new(script(steps)));
        Box::pin(response.into_body())
    };
    let mut hung_up = body(&[Step::Data("half")]);
    let _ = poll(&mut hung_up);
    drop(hung_up);
    let mut fails = body(&[Step::Data("half"), Step::Fail]);
    let _ = poll(&mut fails);
    let _ = poll(&mut fails);
    drop(fails);
    unwound(&|| _ = poll(&mut body(&[Step::Panic])));
    let mut error = layer.layer(service_fn(|_| ready(Never::Err("no answer"))));
    let mut failed = pin!(error.call(request()));
    assert!(failed.as_mut().poll(&mut context()).is_ready());

    let ended = ["cancelled", "panicked", "failed", "2xx"].map(|status| measured.requests(status));
    assert_eq!(ended, [3, 3, 2, 0]);
    assert_eq!(measured.active(), 0);
    assert_eq!(measured.durations("2xx"), 0);
    let snapshot = measured.registry.snapshot();
    let durations = snapshot.family("http_server_request_duration_seconds");
    assert_eq!(durations.unwrap().series().len(), 0);
}

#[test]
fn labels_are_bounded() {
    let measured = Measured::new();
    let routes = measured
        .layer
        .clone()
        .route_by(|uri, _| uri.path().starts_with("/users/").then_some("/users/{id}"));
    for i in 0..1_000 {
        let method = Method::from_bytes(format!("M{i}").as_bytes()).unwrap();
        for layer in [&measured.layer, &routes] {
            let request = Request::builder()
                .method(method.clone())
                .uri(format!("/users/{i}?q={i}"))
                .body(Full::<Bytes>::default());
            let handler = service_fn(|_| ready(Ok::<_, ()>(Response::new(Empty::<Bytes>::new()))));
            let call = layer.layer(handler).oneshot(request.unwrap());
            let ended = pin!(call).poll(&mut Context::from_waker(Waker::noop()));
            assert!(ended.is_ready());
        }
    }
    let page = measured.registry.render_prometheus();
    for route in ["unmatched", "/users/{id}"] {
        let series = format!(
            "http_server_requests_total{{method=\"other\",route=\"{route}\",status=\"2xx\"}} 1000\n"
        );
        assert!(page.contains(&series), "{page}");
    }
    let samples = page
        .lines()
        .filter(|line| line.starts_with("http_server_requests_total"));
    assert_eq!(samples.count(), 2);
}

/// A request's size is what the service reads of it.
#[test]
fn request_bodies_are_counted_as_they_are_read() {
    let measured = Measured::new();
    let sizes = || measured.only("http_server_request_body_size_bytes");
    let post = |steps: &[Step]| {
        let request = Request::builder().method(Method::POST);
        request.body(script(steps)).unwrap()
    };
    let reads = service_fn(async |request: Request<RequestBody<Script>>| {
        let read = request.into_body().collect().await;
        Ok::<_, ()>(Response::new(Full::new(read.unwrap().to_bytes())))
    });
    let call = measured
        .layer
        .layer(reads)
        .oneshot(post(&[Step::Data("abc"), Step::Data("defg")]));
    let Poll::Ready(Ok(response)) = pin!(call).poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("everything is there")
    };
    assert_eq!((sizes().count(), sizes().sum()), (1, 7));
    assert_eq!(response.into_body().size_hint().exact(), Some(7));
    let ignores = service_fn(|_| ready(Ok::<_, ()>(Response::new(Empty::<Bytes>::new()))));
    let call = measured
        .layer
        .layer(ignores)
        .oneshot(post(&[Step::Data("not read")]));
    assert!(
        pin!(call)
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    );
    assert_eq!((sizes().count(), sizes().sum()), (2, 7));
}

#[test]
fn a_second_layer_finds_the_same_metrics() {
    let measured = Measured::new();
    let second = HttpMetrics::new(&measured.registry).unwrap();
    for layer in [&measured.layer, &second] {
        let handler = service_fn(|_: Request<RequestBody<Full<Bytes>>>| {
            ready(Ok::<_, ()>(Response::new(Empty::<Bytes>::new())))
        });
        let call = layer.layer(handler).oneshot(request());
        assert!(
            pin!(call)
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_ready()
        );
    }
    assert_eq!(measured.requests("2xx"), 2);
}
