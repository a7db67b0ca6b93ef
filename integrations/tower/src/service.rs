//! The service that the layer makes, and how it makes it.

use crate::layer::HttpMetrics;
use crate::request_body::RequestBody;
use crate::response_body::ResponseBody;
use crate::response_future::ResponseFuture;
use http::{Request, Response};
use http_body::Body;
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

/// A service whose requests are measured. [`HttpMetrics`] makes one of any service that takes a [`RequestBody`].
#[derive(Clone, Debug)]
pub struct HttpMetricsService<S> {
    inner: S,
    metrics: HttpMetrics,
}

impl<S> Layer<S> for HttpMetrics {
    type Service = HttpMetricsService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        HttpMetricsService {
            inner,
            metrics: self.clone(),
        }
    }
}

impl<S, B, R> Service<Request<B>> for HttpMetricsService<S>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>>,
    R: Body,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let method = request.method().clone();
        let (mut exchange, request) = self.metrics.begin(request);
        let inner = exchange.run(|| self.inner.call(request));
        ResponseFuture::new(inner, exchange, method)
    }
}
