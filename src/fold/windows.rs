//! What a histogram's windows are cut from: snapshots that were kept as time went on.
//!
//! **Slots.** Time is divided into slots of a second. The first read or tick in each slot keeps the histogram's snapshot. A window
//! begins at the newest kept snapshot that is as old as the window, or else at the oldest, and ends now: what it holds is the difference
//! of two snapshots, exact, and its span is the time between them.
//!
//! **Memory.** Snapshots that no window can begin at any more are dropped, so there are at most two more than the longest window has seconds.
//!
//! **Time** is the sum of the clock's steps forward: a step back counts as no time at all.

use crate::snapshot::exported::WindowQuantiles;
use crate::snapshot::histogram::HistogramSnapshot;
use crate::snapshot::window::HistogramWindow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// See the module's header.
#[derive(Debug)]
pub(crate) struct Windows {
    lengths: Box<[Duration]>,
    longest: Duration,
    /// When each snapshot was taken, the oldest first; there is at least one. `None`: nothing was recorded before that time.
    kept: VecDeque<(Duration, Option<Arc<HistogramSnapshot>>)>,
    /// The clock at the last read.
    clock: Duration,
    /// How far the clock has gone back, all in all.
    back: Duration,
    /// The last snapshot with what pages show of the windows, and the one that it was made of.
    exported: Option<[Arc<HistogramSnapshot>; 2]>,
}

impl Windows {
    /// Of a histogram that is created now.
    pub(crate) fn new(lengths: Box<[Duration]>, now: Duration) -> Self {
        Self {
            longest: lengths.iter().copied().max().unwrap_or_default(),
            lengths,
            kept: [(now, None)].into(),
            clock: now,
            back: Duration::ZERO,
            exported: None,
        }
    }

    /// The clock at the last read.
    pub(crate) fn clock(&self) -> Duration {
        self.clock
    }

    /// What is kept.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> &VecDeque<(Duration, Option<Arc<HistogramSnapshot>>)> {
        &self.kept
    }

    /// Begins anew, after a reset at the time `now`.
    pub(crate) fn restart(&mut self, now: Duration) {
        *self = Self::new(std::mem::take(&mut self.lengths), now);
    }

    /// Takes in that the histogram holds `current` at the time `now`.
    pub(crate) fn observe(&mut self, now: Duration, current: &Arc<HistogramSnapshot>) {
        let before = self.time();
        self.back = self.back.saturating_add(self.clock.saturating_sub(now));
        self.clock = now;
        let time = self.time();
        let last = self.kept.back();
        let held = last.and_then(|(_, held)| held.clone());
        if held
            .as_ref()
            .is_some_and(|held| held.origin != current.origin)
        {
            // A reset that has not called `restart` yet.
            self.kept.clear();
            self.kept.push_back((before, None));
        }
        let is_new = |(at, _): &(Duration, _)| at.as_secs() < time.as_secs();
        if self.kept.back().is_some_and(is_new) {
            let same = held.filter(|held| held.is_same_read(current));
            let kept = same.unwrap_or_else(|| HistogramSnapshot::counts_alone(current));
            self.kept.push_back((time, Some(kept)));
        }
        while self
            .kept
            .get(1)
            .is_some_and(|(at, _)| self.is_old(*at, self.longest))
        {
            self.kept.pop_front();
        }
    }

    /// All windows, after [`Self::observe`] of the same snapshot.
    pub(crate) fn read(&self, current: &HistogramSnapshot) -> Vec<HistogramWindow> {
        let lengths = self.lengths.iter();
        lengths
            .map(|window| self.window(*window, current))
            .collect()
    }

    /// The snapshot with what pages show of all windows in this second of the coarse clock: the same as before if that cannot have changed.
    pub(crate) fn export(
        &mut self,
        second: u64,
        current: &Arc<HistogramSnapshot>,
    ) -> Arc<HistogramSnapshot> {
        let stands = |exported: &&Arc<HistogramSnapshot>| {
            let windows = exported.window_quantiles.as_ref();
            windows.is_some_and(|windows| windows.second == second || windows.is_empty())
        };
        if let Some([made_of, exported]) = &self.exported
            && Arc::ptr_eq(made_of, current)
            && stands(&exported)
        {
            return Arc::clone(exported);
        }
        let windows = self.read(current).into_iter();
        let windows = windows.map(|window| window.snapshot.exported_quantiles());
        let windows = WindowQuantiles {
            second,
            windows: windows.collect(),
        };
        let exported = Arc::new(HistogramSnapshot {
            window_quantiles: Some(Arc::new(windows)),
            ..HistogramSnapshot::clone(current)
        });
        self.exported = Some([Arc::clone(current), Arc::clone(&exported)]);
        exported
    }

    /// One of the windows; `None` if it is not among them.
    pub(crate) fn read_one(
        &self,
        window: Duration,
        current: &HistogramSnapshot,
    ) -> Option<HistogramWindow> {
        let is_there = self.lengths.contains(&window);
        is_there.then(|| self.window(window, current))
    }

    fn window(&self, window: Duration, current: &HistogramSnapshot) -> HistogramWindow {
        let old = self
            .kept
            .partition_point(|(at, _)| self.is_old(*at, window));
        let begin = self.kept.get(old.saturating_sub(1));
        let (at, held) = begin.map_or((self.time(), None), |(at, held)| (*at, held.as_ref()));
        // They are snapshots of one histogram without a reset in between, so this does not fail.
        let since = held.and_then(|held| current.since(held).ok());
        HistogramWindow {
            window,
            span: self.time().saturating_sub(at),
            snapshot: since.unwrap_or_else(|| HistogramSnapshot {
                origin: None,
                recent: None,
                exemplars: Arc::default(),
                ..current.clone()
            }),
        }
    }

    /// Whether a window of this length may begin at this time.
    fn is_old(&self, at: Duration, window: Duration) -> bool {
        self.time().saturating_sub(at) >= window
    }

    fn time(&self) -> Duration {
        self.clock.saturating_add(self.back)
    }
}
