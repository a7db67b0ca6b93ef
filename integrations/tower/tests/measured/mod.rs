//! A measured service with a clock that stands still, and bodies whose frames come one by one.

use bytes::Bytes;
use epoch_metrics::{HistogramSnapshot, ManualClock, Registry, SeriesSnapshot, Value};
use epoch_metrics_tower::{HttpMetrics, RequestBody};
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::Full;
use std::collections::VecDeque;
use std::future::ready;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tower::{Layer, ServiceExt, service_fn};

/// What a body does when it is polled; at the end it has no more frames.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    Data(&'static str),
    Wait,
    Fail,
    Panic,
}

pub(crate) struct Script {
    steps: VecDeque<Step>,
    /// Whether it says so when no step is left.
    pub(crate) knows_its_end: bool,
}

impl Body for Script {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        match self.steps.pop_front() {
            Some(Step::Data(data)) => {
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(data.as_bytes())))))
            }
            Some(Step::Wait) => Poll::Pending,
            Some(Step::Fail) => Poll::Ready(Some(Err("failed"))),
            Some(Step::Panic) => panic!("the body's mistake"),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.knows_its_end && self.steps.is_empty()
    }
}

/// A registry with its clock, and the layer.
pub(crate) struct Measured {
    pub(crate) registry: Registry,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) layer: HttpMetrics,
}

impl Measured {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ManualClock::new());
        let registry = Registry::builder().clock(clock.clone()).build();
        let layer = HttpMetrics::new(&registry).unwrap();
        Self {
            registry,
            clock,
            layer,
        }
    }

    /// The response of a handler to a request; its body is still to be polled.
    pub(crate) fn respond<R: Body>(
        &self,
        request: Request<Full<Bytes>>,
        response: Response<R>,
    ) -> Response<impl Body<Data = R::Data, Error = R::Error> + use<R>> {
        let mut response = Some(response);
        let handler = service_fn(move |_: Request<RequestBody<Full<Bytes>>>| {
            ready(Ok::<_, ()>(response.take().unwrap()))
        });
        let call = self.layer.layer(handler).oneshot(request);
        match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(response) => response.unwrap(),
            Poll::Pending => panic!("the handler is ready at once"),
        }
    }

    pub(crate) fn requests(&self, status: &str) -> u64 {
        self.sum("http_server_requests", status, |value| match value {
            Value::Counter(count) => count,
            _ => panic!("{value:?}"),
        })
    }

    /// Durations of a status class.
    pub(crate) fn durations(&self, status: &str) -> u64 {
        self.sum("http_server_request_duration_seconds", status, |value| {
            count(&histogram(value))
        })
    }

    fn sum(&self, family: &str, status: &str, read: impl Fn(Value) -> u64) -> u64 {
        let snapshot = self.registry.snapshot();
        let family = snapshot.family(family).unwrap();
        let has = |series: &SeriesSnapshot<'_>| series.labels().any(|label| label.1 == status);
        let series = family.series().filter(has);
        series.map(|series| read(series.value())).sum()
    }

    /// The one series of a family.
    pub(crate) fn only(&self, family: &str) -> Arc<HistogramSnapshot> {
        let snapshot = self.registry.snapshot();
        let mut series = snapshot.family(family).unwrap().series();
        assert_eq!(series.len(), 1);
        histogram(series.next().unwrap().value())
    }

    pub(crate) fn active(&self) -> i64 {
        self.registry
            .gauge("http_server_active_requests", "")
            .unwrap()
            .get()
    }
}

pub(crate) fn histogram(value: Value) -> Arc<HistogramSnapshot> {
    match value {
        Value::Histogram(histogram) => histogram,
        _ => panic!("{value:?}"),
    }
}

pub(crate) fn count(histogram: &HistogramSnapshot) -> u64 {
    histogram.count()
}

pub(crate) fn request() -> Request<Full<Bytes>> {
    Request::new(Full::default())
}

/// Polls a body once: whether there is a frame or an error, rather than the end.
pub(crate) fn poll<B: Body + Unpin>(body: &mut B) -> Poll<bool> {
    let polled = Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()));
    polled.map(|frame| frame.is_some())
}

pub(crate) fn script(steps: &[Step]) -> Script {
    Script {
        steps: steps.iter().copied().collect(),
        knows_its_end: false,
    }
}
