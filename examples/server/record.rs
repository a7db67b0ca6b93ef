//! The interface that requests record through, so that the benchmark can run the same server without metrics.

use crate::trace::Trace;
use hyper::HeaderMap;
use std::time::Duration;

/// Records requests and batches.
///
/// [`Metrics`](crate::metrics::Metrics) records, [`Nothing`] does not. The server is compiled once for each of them, so a server without
/// metrics executes no branch and no call instead.
pub(crate) trait Record: Send + Sync + 'static {
    /// A point in time; nothing if no time is measured.
    type Moment: Copy + Send;

    /// The current time.
    fn now(&self) -> Self::Moment;

    /// The trace that a request with these headers belongs to, if inferences are recorded with it.
    fn trace(&self, headers: &HeaderMap) -> Option<Trace>;

    /// Records the `id`th inference, which began at `since` and is about to be answered, and returns its latency.
    fn inferred(&self, since: Self::Moment, id: u64, tokens: u64, origin: &Origin) -> Duration;

    /// Records a read of the cache of models, and whether it was a hit.
    fn model_read(&self, hit: bool);

    /// Records a model whose loading began at `since`.
    fn model_loaded(&self, since: Self::Moment);

    /// Records a batch and the number of requests that were left in the queue. `at_once` tells whether it took the fast path.
    fn batch(&self, size: usize, left: usize, at_once: bool);

    /// Records that the queue is empty.
    fn queue_empty(&self);

    /// Records a new mode of the batcher.
    fn mode(&self, mode: &str);
}

/// The request that an inference belongs to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// The inference was a part of a body.
    pub(crate) is_part: bool,
    pub(crate) trace: Option<Trace>,
}

/// Records nothing, and reads no clock.
#[derive(Debug)]
pub(crate) struct Nothing;

impl Record for Nothing {
    type Moment = ();

    fn now(&self) {}

    fn trace(&self, _: &HeaderMap) -> Option<Trace> {
        None
    }

    fn inferred(&self, (): (), _: u64, _: u64, _: &Origin) -> Duration {
        Duration::ZERO
    }

    fn model_read(&self, _: bool) {}

    fn model_loaded(&self, (): ()) {}

    fn batch(&self, _: usize, _: usize, _: bool) {}

    fn queue_empty(&self) {}

    fn mode(&self, _: &str) {}
}
