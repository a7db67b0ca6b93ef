//! The mode that the server is in, and the log of its changes.

use crate::CachedValue;
use std::sync::Arc;
use std::time::Duration;

/// Changes that are kept.
const KEPT: usize = 64;

/// A change of mode.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Transition {
    /// The mode before.
    pub from: Arc<str>,
    /// The mode after.
    pub to: Arc<str>,
    /// When it changed: the collector's uptime. Never less than that of the change before.
    pub at: Duration,
}

/// The mode at one moment.
///
/// ```
/// let metrics = epoch_metrics::MetricsCollector::new();
/// ["fast", "batching", "fast"].into_iter().for_each(|mode| metrics.record_mode_transition(mode));
/// let modes = metrics.mode_transitions();
/// assert_eq!(modes.count, 2); // the first mode is no change
/// assert_eq!((&*modes.transitions[0].from, &*modes.transitions[0].to), ("fast", "batching"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ModeSnapshot {
    /// The mode that was recorded last; `None` before the first.
    pub mode: Option<Arc<str>>,
    /// How often it changed.
    pub count: u64,
    /// The last 64 changes, oldest first.
    pub transitions: Vec<Transition>,
}

impl ModeSnapshot {
    /// The snapshot after entering a mode. The first mode is no change.
    fn after(&self, mode: &str, at: Duration) -> Self {
        let mut after = self.clone();
        if self.mode.as_deref() == Some(mode) {
            return after;
        }
        let to: Arc<str> = Arc::from(mode);
        if let Some(from) = self.mode.clone() {
            after.count += 1;
            let surplus = (after.transitions.len() + 1).saturating_sub(KEPT);
            after.transitions.drain(..surplus);
            // Two threads may have read the clock in another order than they change the mode.
            let last = after.transitions.last().map_or(at, |last| last.at);
            after.transitions.push(Transition {
                from,
                to: Arc::clone(&to),
                at: at.max(last),
            });
        }
        Self {
            mode: Some(to),
            ..after
        }
    }
}

/// Enters a mode. `now` is called before the log is locked.
pub(super) fn enter(modes: &CachedValue<ModeSnapshot>, mode: &str, now: impl FnOnce() -> Duration) {
    if modes.latest().mode.as_deref() != Some(mode) {
        let at = now();
        modes.update(|before| before.after(mode, at));
    }
}
