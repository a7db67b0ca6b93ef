//! A snapshot as it was published last, with its age.

use std::sync::Arc;
use std::time::Duration;

/// The last published snapshot, and how old it is: for readers that must not wait, not even for another reader.
///
/// ```
/// use epoch_metrics::{HistogramOptions, Registry};
///
/// let latency = Registry::new().histogram("latency", "Latency.", HistogramOptions::durations())?;
/// latency.snapshot(); // some reader publishes
/// let latest = latency.latest();
/// println!("{} samples, {:?} ago", latest.snapshot.count(), latest.age);
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Latest<T> {
    /// The snapshot.
    pub snapshot: Arc<T>,
    /// Time since it was taken.
    pub age: Duration,
}

impl<T> Latest<T> {
    /// `taken` and `now` by the same clock. A clock that went back makes the age zero.
    pub(crate) fn new(snapshot: Arc<T>, taken: Duration, now: Duration) -> Self {
        Self {
            snapshot,
            age: now.saturating_sub(taken),
        }
    }
}
