//! Time sources.
//!
//! Measured on the machine that the project is built on (ns a reading): the operating system's monotonic clock 23, its
//! coarse twin 4.4, the time-stamp counter through `quanta` 9.5. A timer reads the clock twice, so that is most of what a
//! timer costs; throughput only needs to know the second, and asks the coarse one.

use crate::sync::{AtomicU64, Relaxed};
use std::fmt::Debug;
use std::time::Duration;
#[cfg(not(all(feature = "quanta", target_os = "linux")))]
use std::time::Instant;

/// A monotonic clock: time since some fixed instant.
///
/// The library tolerates a clock that stalls, jumps or goes back: an interval that would be negative is zero.
///
/// ```
/// use epoch_metrics::{Clock, Registry};
/// use std::sync::Arc;
/// use std::time::{Duration, Instant};
///
/// #[derive(Debug)]
/// struct SinceStart(Instant);
///
/// impl Clock for SinceStart {
///     fn now(&self) -> Duration {
///         self.0.elapsed()
///     }
/// }
///
/// let registry = Registry::builder().clock(Arc::new(SinceStart(Instant::now()))).build();
/// assert!(registry.clock().now() < Duration::from_secs(60));
/// ```
pub trait Clock: Debug + Send + Sync {
    /// The time now. Timers call this twice for each sample.
    fn now(&self) -> Duration;

    /// The time now, within a few milliseconds, to tell which second it is. It need not agree with [`Self::now`].
    fn coarse(&self) -> Duration {
        self.now()
    }
}

/// The default: the system's monotonic clock, or, with the `quanta` feature, the CPU's time-stamp counter.
///
/// ```
/// use epoch_metrics::{Clock, SystemClock};
///
/// let clock = SystemClock::new();
/// assert!(clock.now() <= clock.now());
/// ```
#[derive(Debug)]
pub struct SystemClock {
    #[cfg(not(feature = "quanta"))]
    origin: Instant,
    #[cfg(feature = "quanta")]
    counter: quanta::Clock,
    #[cfg(feature = "quanta")]
    origin: quanta::Instant,
    #[cfg(not(target_os = "linux"))]
    coarse_origin: Instant,
}

impl SystemClock {
    /// A clock that begins now. With `quanta` the first one in a process calibrates the counter, up to 200 ms.
    pub fn new() -> Self {
        #[cfg(feature = "quanta")]
        let counter = quanta::Clock::new();
        Self {
            #[cfg(not(feature = "quanta"))]
            origin: Instant::now(),
            #[cfg(feature = "quanta")]
            origin: counter.now(),
            #[cfg(feature = "quanta")]
            counter,
            #[cfg(not(target_os = "linux"))]
            coarse_origin: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[inline]
    fn now(&self) -> Duration {
        #[cfg(feature = "quanta")]
        return self.counter.now().saturating_duration_since(self.origin);
        #[cfg(not(feature = "quanta"))]
        self.origin.elapsed()
    }

    #[inline]
    fn coarse(&self) -> Duration {
        #[cfg(target_os = "linux")]
        return coarse_monotonic();
        #[cfg(not(target_os = "linux"))]
        self.coarse_origin.elapsed()
    }
}

/// `CLOCK_MONOTONIC_COARSE`: the time of the last timer tick, read without touching the hardware clock.
#[cfg(target_os = "linux")]
fn coarse_monotonic() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid timespec to write to; the call touches nothing else. It cannot fail: the clock has been
    // in every Linux since 2.6.32, and if it failed, the zero written above would stand.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A clock for tests that stands still until it is set or advanced.
///
/// ```
/// use epoch_metrics::{Clock, ManualClock};
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// clock.advance(Duration::from_secs(2));
/// assert_eq!(clock.now(), Duration::from_secs(2));
/// ```
#[derive(Debug, Default)]
pub struct ManualClock {
    nanos: AtomicU64,
}

impl ManualClock {
    /// A clock that stands at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the time: forward, or back.
    ///
    /// Times beyond 2^64 ns (584 years) become the largest that fits.
    pub fn set(&self, time: Duration) {
        // Relaxed: a test orders its own steps.
        self.nanos.store(nanos(time), Relaxed);
    }

    /// Moves the time forward.
    pub fn advance(&self, by: Duration) {
        // Relaxed: a test orders its own steps.
        self.nanos.fetch_add(nanos(by), Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        // Relaxed: a test orders its own steps.
        Duration::from_nanos(self.nanos.load(Relaxed))
    }
}

/// A duration in nanoseconds, at most `u64::MAX`.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
