//! Ticks: what a registry does once a second so that windows and decaying rates are exact however seldom they are read.

use crate::clock::Clock;
use crate::registry::Registry;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle, current};
use std::time::Duration;

/// How long upkeep waits at least, whatever the clock says.
const LEAST_WAIT: Duration = Duration::from_millis(10);

/// A thread that ticks a registry, until this is dropped; [`Registry::start_upkeep`] starts it.
///
/// Dropping it waits for a tick that is under way. It keeps the registry alive.
#[must_use = "upkeep ends when this is dropped"]
pub struct Upkeep {
    /// Nothing is ever sent: that it is dropped ends the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Registry {
    /// Notes what the [windows](crate::HistogramOptions::windows) of histograms need of this second, and removes series that are
    /// [idle](crate::FamilyOptions::expire_after).
    ///
    /// Called at the beginning of each second, it makes windows exact to a second although nobody reads them. A second call in the same second of the
    /// registry's clock changes nothing. It waits for no writer, costs a snapshot of each histogram that keeps windows and was recorded into,
    /// and does nothing for others. [Decaying rates](crate::ThroughputSnapshot::decaying_rates) need it twice a minute.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, ManualClock, Registry};
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// let (second, clock) = (Duration::from_secs(1), Arc::new(ManualClock::new()));
    /// let registry = Registry::builder().clock(clock.clone()).build();
    /// let sizes = registry.histogram("sizes", "Sizes.", HistogramOptions::values(0, 9).windows(&[second]))?;
    /// sizes.record(1);
    /// clock.advance(second);
    /// registry.tick(); // without it, the window would begin at the registration
    /// sizes.record(2);
    /// clock.advance(second);
    /// let window = sizes.window(second).expect("a window of this histogram");
    /// assert_eq!((window.span, window.snapshot.sum()), (second, 2));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn tick(&self) {
        self.state.tick();
    }

    /// Starts a thread that calls [`Self::tick`] at the beginning of each second of the registry's clock, until the returned guard is
    /// dropped. If a tick panics, which only the clock can make it do, the next one comes nevertheless.
    ///
    /// The thread asks the registry's clock from outside of any asynchronous runtime: with a clock that shows each thread another time, as a paused
    /// `TokioClock` does, call [`Self::tick`] in the runtime instead.
    ///
    /// # Errors
    /// If the operating system has no thread for it.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    /// use std::time::Duration;
    ///
    /// let registry = Registry::new();
    /// let options = HistogramOptions::durations().windows(&[Duration::from_secs(5)]);
    /// let latency = registry.histogram("latency", "Latency.", options)?;
    /// let upkeep = registry.start_upkeep()?; // keep it as long as the server runs
    /// latency.record_duration(Duration::from_millis(7));
    /// drop(upkeep);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn start_upkeep(&self) -> io::Result<Upkeep> {
        let (stop, stopped) = channel();
        let registry = self.clone();
        let thread = Builder::new().name("metrics-upkeep".to_owned());
        let thread = thread.spawn(move || tick_until(&stopped, &registry))?;
        Ok(Upkeep {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

fn tick_until(stopped: &Receiver<()>, registry: &Registry) {
    loop {
        // A tick changes nothing that a panic of the clock could leave half-changed.
        let tick = || {
            registry.tick();
            until_next_second(&**registry.clock())
        };
        let wait = catch_unwind(AssertUnwindSafe(tick)).unwrap_or(LEAST_WAIT);
        if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

fn until_next_second(clock: &dyn Clock) -> Duration {
    const SECOND: u32 = 1_000_000_000;
    let left = SECOND - clock.now().subsec_nanos();
    Duration::from_nanos(left.into()).max(LEAST_WAIT)
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // The thread itself may drop the last guard, if a clock owns it.
            if thread.thread().id() != current().id() {
                // It does not panic, and if it did, nothing could be done.
                let _ = thread.join();
            }
        }
    }
}

impl fmt::Debug for Upkeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upkeep").finish_non_exhaustive()
    }
}
