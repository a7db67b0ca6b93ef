//! The body of a request, whose bytes are counted as the service reads them.

use crate::route::Route;
use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

pin_project! {
    /// A request's body, whose size is recorded when the service drops it: the bytes that were read of it.
    #[derive(Debug)]
    pub struct RequestBody<B> {
        #[pin]
        inner: B,
        count: Count,
    }
}

/// Bytes so far.
#[derive(Debug)]
struct Count {
    bytes: u64,
    route: Arc<Route>,
}

impl Drop for Count {
    fn drop(&mut self) {
        self.route.request_size(self.bytes);
    }
}

impl<B> RequestBody<B> {
    pub(crate) fn new(inner: B, route: Arc<Route>) -> Self {
        let count = Count { bytes: 0, route };
        Self { inner, count }
    }
}

impl<B: Body> Body for RequestBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let polled = this.inner.poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            this.count.bytes += frame.data_ref().map_or(0, |data| data.remaining() as u64);
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
