//! A rendered page as the body of a response, without a copy of its bytes.

use axum::body::{Bytes, HttpBody};
use epoch_metrics::{Rendered, RenderedChunk};
use http_body::{Frame, SizeHint};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The pieces of a page that are still to be sent.
pub(crate) struct PageBody {
    chunks: VecDeque<RenderedChunk>,
    bytes: u64,
}

impl PageBody {
    pub(crate) fn new(page: &Rendered) -> Self {
        Self {
            chunks: page.chunks().collect(),
            bytes: page.len() as u64,
        }
    }
}

impl HttpBody for PageBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = self.chunks.pop_front().map(|chunk| {
            self.bytes -= chunk.len() as u64;
            Ok(Frame::data(Bytes::from_owner(chunk)))
        });
        Poll::Ready(chunk)
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes)
    }
}
