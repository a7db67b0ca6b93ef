//! What a histogram recorded in a window of time.

use crate::snapshot::histogram::HistogramSnapshot;
use std::time::Duration;

/// What a histogram recorded in the last seconds, for a histogram that [keeps windows](crate::HistogramOptions::windows).
///
/// The values are exactly those that were recorded in [`span`](Self::span), up to the moment of the read.
///
/// ```
/// use epoch_metrics::{HistogramOptions, ManualClock, Registry};
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// let (five, clock) = (Duration::from_secs(5), Arc::new(ManualClock::new()));
/// let registry = Registry::builder().clock(clock.clone()).build();
/// let options = HistogramOptions::values(0, 100).windows(&[five]);
/// let sizes = registry.histogram("sizes", "Sizes.", options)?;
/// for second in 0..20 {
///     sizes.record(if second < 10 { 1 } else { 50 });
///     clock.advance(Duration::from_secs(1));
///     registry.tick();
/// }
/// let window = sizes.window(five).expect("a window of this histogram");
/// assert_eq!((window.span, window.snapshot.count()), (five, 5));
/// assert_eq!(window.snapshot.quantile(0.01), Some(50));
/// assert_eq!(sizes.snapshot().quantile(0.01), Some(1)); // since the start
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct HistogramWindow {
    /// The length that was asked for.
    pub window: Duration,
    /// The time that is really covered, up to the read: at least [`window`](Self::window), unless the histogram was registered or reset more
    /// recently; then it is the time since. It is longer than the window by less than a second with [upkeep](crate::Registry::start_upkeep), by less than two
    /// if the windows were read or [ticked](crate::Registry::tick) once in each second, and otherwise by as long as there was no read or tick.
    pub span: Duration,
    /// The values, without recent samples and exemplars. It cannot be subtracted from another one.
    pub snapshot: HistogramSnapshot,
}
