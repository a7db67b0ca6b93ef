//! The future of a response.

use crate::exchange::Exchange;
use crate::response_body::{ResponseBody, is_without_body};
use http::{Method, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// The response of a measured service. If it is dropped before it is ready, the request counts as cancelled.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        // `None`: it is ready.
        exchange: Option<Exchange>,
        method: Method,
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) fn new(inner: F, exchange: Exchange, method: Method) -> Self {
        Self {
            inner,
            exchange: Some(exchange),
            method,
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let polled = match this.exchange {
            Some(exchange) => exchange.run(|| this.inner.poll(context)),
            // It was ready before: the inner future answers that.
            None => this.inner.poll(context),
        };
        let result = ready!(polled);
        let exchange = this.exchange.take();
        Poll::Ready(match result {
            Ok(response) => {
                let without_body = is_without_body(this.method, response.status());
                Ok(ResponseBody::measured(response, exchange, without_body))
            }
            Err(error) => {
                exchange
                    .into_iter()
                    .for_each(|mut exchange| exchange.failed());
                Err(error)
            }
        })
    }
}
