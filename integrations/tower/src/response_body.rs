//! The body of a response, which ends the exchange.

use crate::exchange::Exchange;
use crate::families::Status;
use bytes::Buf;
use http::header::CONTENT_LENGTH;
use http::{Method, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project! {
    /// A response's body. Its last frame ends the request's duration; if it is dropped before, the request counts as cancelled.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: B,
        // `None`: nothing is left to measure.
        exchange: Option<Exchange>,
        class: Status,
        sent: u64,
        length: Option<u64>,
    }
}

impl<B: Body> ResponseBody<B> {
    /// The response with its body measured. `without_body`: none is sent, whatever the response has.
    pub(crate) fn measured(
        response: Response<B>,
        mut exchange: Option<Exchange>,
        without_body: bool,
    ) -> Response<Self> {
        let (class, body) = (Status::of(response.status()), response.body());
        // A server stops at the announced length, without a look whether the body has an end.
        let announced = response.headers().get(CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse().ok());
        let length = announced.or(body.size_hint().exact());
        if without_body || body.is_end_stream() || length == Some(0) {
            let exchange = exchange.take();
            exchange
                .into_iter()
                .for_each(|mut exchange| exchange.answered(class, 0));
        }
        response.map(|inner| Self {
            inner,
            exchange,
            class,
            sent: 0,
            length,
        })
    }
}

/// Whether a server sends no body with this response, whatever it has: RFC 9110, 6.4.1.
pub(crate) fn is_without_body(method: &Method, status: StatusCode) -> bool {
    let tunnel = method == Method::CONNECT && status.is_success();
    let none = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED];
    method == Method::HEAD || tunnel || status.is_informational() || none.contains(&status)
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(exchange) = this.exchange else {
            return this.inner.poll_frame(context);
        };
        let polled = exchange.run(|| this.inner.as_mut().poll_frame(context));
        match &polled {
            Poll::Pending => {}
            Poll::Ready(None) => exchange.answered(*this.class, *this.sent),
            Poll::Ready(Some(Err(_))) => exchange.failed(),
            Poll::Ready(Some(Ok(frame))) => {
                *this.sent += frame.data_ref().map_or(0, |data| data.remaining() as u64);
                let complete = this.length.is_some_and(|length| *this.sent >= length);
                if complete || this.inner.is_end_stream() {
                    exchange.answered(*this.class, *this.sent);
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
