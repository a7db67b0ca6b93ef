//! The interface that requests record through, so that the benchmark can run the same server without metrics.

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

    /// Records the `id`th inference, which began at `since` and is about to be answered, and returns its latency. `part` tells whether it
    /// was a part of a body.
    fn inferred(&self, since: Self::Moment, id: u64, tokens: u64, part: bool) -> Duration;

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

/// Records nothing, and reads no clock.
#[derive(Debug)]
pub(crate) struct Nothing;

impl Record for Nothing {
    type Moment = ();

    fn now(&self) {}

    fn inferred(&self, (): (), _: u64, _: u64, _: bool) -> Duration {
        Duration::ZERO
    }

    fn model_read(&self, _: bool) {}

    fn model_loaded(&self, (): ()) {}

    fn batch(&self, _: usize, _: usize, _: bool) {}

    fn queue_empty(&self) {}

    fn mode(&self, _: &str) {}
}
