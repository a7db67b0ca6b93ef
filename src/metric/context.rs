//! What all metrics of a registry share.

use crate::clock::Clock;
use crate::engine::generation::Generation;
use std::sync::Arc;
use std::time::Duration;

/// Clock, staleness, and the generation that resets bump.
#[derive(Debug)]
pub(crate) struct MetricContext {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) max_staleness: Duration,
    pub(crate) generation: Generation,
}

/// A handle may be used on both sides of `catch_unwind`: nothing here is ever half-changed, whatever a user's clock does.
impl std::panic::RefUnwindSafe for MetricContext {}

impl MetricContext {
    pub(crate) fn new(clock: Arc<dyn Clock>, max_staleness: Duration) -> Self {
        Self {
            clock,
            max_staleness,
            generation: Generation::default(),
        }
    }

    /// Whether a snapshot that was taken at `taken`, by the coarse clock, may be served even if it is not current.
    #[inline]
    pub(crate) fn within_staleness(&self, taken: Duration) -> bool {
        // If the clock went back, no snapshot is within the staleness.
        self.max_staleness > Duration::ZERO
            && self
                .clock
                .coarse()
                .checked_sub(taken)
                .is_some_and(|age| age < self.max_staleness)
    }
}
