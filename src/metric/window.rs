//! The windows of a histogram.

use crate::engine::readout::Validity;
use crate::engine::throughput::Moment;
use crate::fold::windows::Windows;
use crate::metric::histogram::{Histogram, HistogramCore};
use crate::snapshot::histogram::HistogramSnapshot;
use crate::snapshot::window::HistogramWindow;
use crate::sync::PoisonError;
use std::sync::Arc;
use std::time::Duration;

impl HistogramCore {
    /// Keeps the snapshot of this second, if the windows need it.
    pub(crate) fn tick(&self) {
        self.observe(|_, _| ());
    }

    /// Keeps the snapshot of this second if the windows need it, and reads them. `None`: there are no windows.
    fn observe<R>(&self, read: impl FnOnce(&Windows, &HistogramSnapshot) -> R) -> Option<R> {
        let windows = self.windows.as_deref()?;
        // The clock showed this before it was asked below.
        let mut least = Duration::ZERO;
        loop {
            // Before the lock: the clock is the user's code.
            let now = self.context.now();
            let mut windows = windows.lock().unwrap_or_else(PoisonError::into_inner);
            let clock = windows.clock();
            if (least..clock).contains(&now) {
                // Another reader asked the clock later, and came first; or the clock went back, if it still shows less.
                least = clock;
                continue;
            }
            // Under the lock, so that kept snapshots are in the order of their times.
            let current = self.recorder.read(|_, _| false, || now);
            windows.observe(now, &current);
            return Some(read(&windows, &current));
        }
    }

    /// How long what pages show of the windows holds: they move on.
    pub(super) fn validity_of_windows(snapshot: &HistogramSnapshot) -> Validity {
        match snapshot.window_quantiles.as_deref() {
            Some(windows) if !windows.is_empty() => Validity::InSecond(windows.second),
            _ => Validity::Lasting,
        }
    }

    /// A snapshot with what pages show of the windows. `now`: a time before this call; the clock is not asked.
    pub(super) fn read_with_windows(&self, now: Moment) -> Arc<HistogramSnapshot> {
        let read = || self.recorder.read(|_, _| false, || now.exact);
        let Some(windows) = self.windows.as_deref() else {
            return read();
        };
        let mut windows = windows.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock, so that kept snapshots are in the order of their times.
        let current = read();
        // Otherwise another reader asked the clock later, and came first. (A clock that went back is noticed by the next tick.)
        if now.exact >= windows.clock() {
            windows.observe(now.exact, &current);
        }
        windows.export(now.coarse.as_secs(), &current)
    }

    /// Empties the windows, after a reset at the time `now`.
    pub(super) fn restart_windows(&self, now: Duration) {
        if let Some(windows) = &self.windows {
            let mut windows = windows.lock().unwrap_or_else(PoisonError::into_inner);
            windows.restart(now);
        }
    }
}

/// Quantiles over the last seconds.
impl Histogram {
    /// What was recorded in the last seconds, one for each of the histogram's
    /// [windows](crate::HistogramOptions::windows) in the order in which they were given; nothing if it has none.
    ///
    /// Holds everything that was recorded before this call in the [span](HistogramWindow::span) that it names. Of readers of the windows of one histogram
    /// each waits for the others; none waits for a writer.
    ///
    /// A clock that stands still lengthens the window: what is recorded meanwhile is recorded at one moment. If the clock goes back, the step
    /// back counts as no time. A [reset](Self::reset) empties the windows.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    /// use std::time::Duration;
    ///
    /// let options = HistogramOptions::durations().windows(&[5, 30, 60].map(Duration::from_secs));
    /// let latency = Registry::new().histogram("latency", "Latency.", options)?;
    /// latency.record_duration(Duration::from_millis(12));
    /// for window in latency.windows() {
    ///     println!("{:?}: p99 {:?}", window.window, window.snapshot.quantile_duration(0.99));
    ///     assert_eq!(window.snapshot.count(), 1);
    ///     assert!(window.span < window.window); // it was registered just now
    /// }
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    ///
    /// Pages show quantiles of them if the options say so ([`HistogramOptions::export_windows`](crate::HistogramOptions::export_windows)). Other
    /// quantiles, or a summary of each window with its own count, are for an [observable summary](crate::Registry::observable_summary):
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry, Summary, Unit};
    /// use std::time::Duration;
    ///
    /// let registry = Registry::new();
    /// let options = HistogramOptions::durations().windows(&[Duration::from_secs(60)]);
    /// let latency = registry.histogram("latency", "Latency.", options)?;
    /// let read = latency.clone();
    /// registry.observable_summary("latency_recent", "Latency of late.", Unit::Seconds, &["window"], move |_, observations| {
    ///     for window in read.windows() {
    ///         let held = &window.snapshot;
    ///         let summary = Summary::new(held.count(), held.sum()).quantile(0.5, held.quantile(0.5)).quantile(0.99, held.quantile(0.99));
    ///         // Fails only if a window is reported twice.
    ///         let _ = observations.observe(&[&format!("{}s", window.window.as_secs())], summary);
    ///     }
    /// })?;
    /// latency.record_duration(Duration::from_nanos(40));
    /// let page = registry.render_prometheus();
    /// assert!(page.contains("latency_recent_seconds{window=\"60s\",quantile=\"0.99\"} 0.00000004\n"), "{page}");
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn windows(&self) -> Vec<HistogramWindow> {
        self.core().observe(Windows::read).unwrap_or_default()
    }

    /// [`Self::windows`], of which one; `None` if the histogram does not have this window.
    pub fn window(&self, window: Duration) -> Option<HistogramWindow> {
        self.core()
            .observe(|windows, current| windows.read_one(window, current))?
    }
}
