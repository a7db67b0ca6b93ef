//! Options of a registry.

use crate::clock::{Clock, SystemClock};
use crate::metric::context::MetricContext;
use std::sync::Arc;
use std::time::Duration;

/// Builder for a [`Registry`](crate::Registry); [`Registry::builder`](crate::Registry::builder) makes one.
///
/// ```
/// use epoch_metrics::{ManualClock, Registry};
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// let clock = Arc::new(ManualClock::new());
/// let registry = Registry::builder().clock(clock).max_staleness(Duration::from_millis(100)).build();
/// # let _ = registry;
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct RegistryBuilder {
    clock: Option<Arc<dyn Clock>>,
    max_staleness: Duration,
}

impl RegistryBuilder {
    /// The time source; defaults to [`SystemClock`].
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// How old a snapshot may be and still be served although something changed. Zero, the default, always serves a current
    /// one.
    pub fn max_staleness(mut self, age: Duration) -> Self {
        self.max_staleness = age;
        self
    }

    pub(super) fn context(self) -> MetricContext {
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock::new()));
        MetricContext::new(clock, self.max_staleness)
    }
}
