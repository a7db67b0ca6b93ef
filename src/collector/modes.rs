//! The mode that the server is in, and the log of its changes: one published value that writers exchange.

use arc_swap::ArcSwap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Changes that are kept.
const KEPT: usize = 64;

/// A change of mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The mode before.
    pub from: Arc<str>,
    /// The mode after.
    pub to: Arc<str>,
    /// When: the collector's uptime.
    pub at: Duration,
}

/// The mode at one moment.
#[derive(Clone, Debug, Default)]
pub struct ModeSnapshot {
    /// The mode recorded last; `None` before the first.
    pub mode: Option<Arc<str>>,
    /// How often it changed.
    pub count: u64,
    /// The last 64 changes, oldest first.
    pub transitions: VecDeque<Transition>,
}

impl ModeSnapshot {
    /// What entering another mode makes of it. The first mode is no change.
    fn after(&self, mode: &str, at: Duration) -> Self {
        let to: Arc<str> = Arc::from(mode);
        let mut after = Self { mode: Some(Arc::clone(&to)), ..self.clone() };
        if let Some(from) = self.mode.clone() {
            after.count += 1;
            after.transitions.push_back(Transition { from, to, at });
            let surplus = after.transitions.len().saturating_sub(KEPT);
            after.transitions.drain(..surplus);
        }
        after
    }
}

#[derive(Debug, Default)]
pub(crate) struct Modes {
    state: ArcSwap<ModeSnapshot>,
}

impl Modes {
    /// `now` is asked again whenever another thread was first, so that the log is in order.
    pub(crate) fn enter(&self, mode: &str, now: impl Fn() -> Duration) {
        loop {
            let before = self.state.load();
            if before.mode.as_deref() == Some(mode) {
                return;
            }
            let after = Arc::new(before.after(mode, now()));
            if Arc::ptr_eq(&self.state.compare_and_swap(&*before, after), &before) {
                return;
            }
        }
    }

    pub(crate) fn snapshot(&self) -> Arc<ModeSnapshot> {
        self.state.load_full()
    }

    pub(crate) fn reset(&self) {
        self.state.store(Arc::default());
    }
}
