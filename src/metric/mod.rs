//! The handles that users hold: cheap to clone, alive as long as they are held, never guards.

pub(crate) mod counter;
pub(crate) mod family;
pub(crate) mod gauge;
pub(crate) mod histogram;
pub(crate) mod options;
pub(crate) mod throughput;
pub(crate) mod timer;

use crate::clock::Clock;
use crate::core::cells::Cells;
use crate::core::resets::Resets;
use std::sync::Arc;
use std::time::Duration;

/// What all metrics of a registry share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) cells: Cells,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) max_staleness: Duration,
    pub(crate) resets: Resets,
}

/// A handle may be used on both sides of `catch_unwind`: nothing here is ever half-changed, whatever a user's clock does.
impl std::panic::RefUnwindSafe for Shared {}

impl Shared {
    pub(crate) fn new(clock: Arc<dyn Clock>, max_staleness: Duration) -> Self {
        Self { cells: Cells::default(), clock, max_staleness, resets: Resets::default() }
    }

    /// Whether something taken at `taken`, by the coarse clock, may be served without looking whether it is still current.
    #[inline]
    pub(crate) fn young(&self, taken: Duration) -> bool {
        // A clock that went back makes nothing young.
        self.max_staleness > Duration::ZERO
            && self.clock.coarse().checked_sub(taken).is_some_and(|age| age < self.max_staleness)
    }
}
