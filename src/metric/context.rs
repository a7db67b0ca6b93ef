//! What all metrics of a registry share.

use crate::clock::Clock;
use crate::engine::family::expiry::Expiries;
use crate::engine::generation::Generation;
use crate::engine::slot::adaptive::Promotion;
use crate::engine::throughput::Moment;
use std::sync::Arc;
use std::time::Duration;

/// Clock, staleness, the generation that resets bump, and when threads get cells of their own.
///
/// Times that are subtracted (ages, staleness, timers, uptime) all come from [`Self::now`]. The clock's coarse method
/// only tells throughputs which second it is. So nothing depends on how well the two methods agree.
#[derive(Debug)]
pub(crate) struct MetricContext {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) max_staleness: Duration,
    pub(crate) generation: Generation,
    /// When threads get cells of their own.
    pub(crate) promotion: Arc<Promotion>,
    /// Families whose series expire.
    pub(crate) expiries: Expiries,
}

/// A handle may be used on both sides of `catch_unwind`: nothing here is ever half-changed, whatever a user's clock does.
impl std::panic::RefUnwindSafe for MetricContext {}

impl MetricContext {
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        max_staleness: Duration,
        promotion: Promotion,
    ) -> Self {
        Self {
            clock,
            max_staleness,
            generation: Generation::default(),
            promotion: Arc::new(promotion),
            expiries: Expiries::default(),
        }
    }

    /// The time that everything is stamped and measured with.
    #[inline]
    pub(crate) fn now(&self) -> Duration {
        self.clock.now()
    }

    /// [`Self::now`], if any staleness is allowed: otherwise a hit need not know it.
    #[inline]
    pub(crate) fn now_for_staleness(&self) -> Option<Duration> {
        (self.max_staleness > Duration::ZERO).then(|| self.now())
    }

    /// The second that throughputs add to.
    #[inline]
    pub(crate) fn second(&self) -> u64 {
        self.clock.coarse().as_secs()
    }

    /// When a throughput is read, registered or reset.
    pub(crate) fn moment(&self) -> Moment {
        Moment {
            coarse: self.clock.coarse(),
            exact: self.now(),
        }
    }

    /// Removes the series that are idle.
    #[inline]
    pub(crate) fn expire(&self) {
        self.expiries.sweep(|| self.moment());
    }

    /// Whether a snapshot that was taken at `taken`, by [`Self::now`], may be served at the time `now` even if it is not current.
    #[inline]
    pub(crate) fn within_staleness(&self, taken: Duration, now: Duration) -> bool {
        // If the clock went back, no snapshot is within the staleness.
        now.checked_sub(taken)
            .is_some_and(|age| age < self.max_staleness)
    }
}
