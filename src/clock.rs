//! Time sources.
//!
//! Measured on the machine that the project is built on (ns a reading): the operating system's monotonic clock 23, its
//! coarse twin 4.4, the time-stamp counter through `quanta` 9.5. A timer reads the clock twice, so that is most of what a
//! timer costs; throughput only needs to know the second, and asks the coarse one.

use crate::sync::{AtomicBool, AtomicU64, Relaxed};
use std::fmt::Debug;
#[cfg(not(feature = "quanta"))]
use std::time::Instant;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A monotonic clock: time since some fixed instant.
///
/// The library tolerates a clock that stalls, jumps or goes back: an interval that would be negative is zero.
///
/// [`Self::now`] and [`Self::coarse`] count from the same instant. The library never subtracts a time of one from a time of the other: timers, ages,
/// staleness and uptime are differences of [`Self::now`], and [`Self::coarse`] tells a
/// [`Throughput`](crate::Throughput) which second it is. If the two drift apart, nothing but the second's boundary moves.
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
    /// The time now. Timers call this twice for each sample; a read calls it when something changed, to know a snapshot's age.
    fn now(&self) -> Duration;

    /// The time now, from the same instant on as [`Self::now`], for those who only need to know the second. It may lag by some
    /// milliseconds. [`Throughput::add`](crate::Throughput::add) calls this.
    fn coarse(&self) -> Duration {
        self.now()
    }

    /// The time of day: since 1970, in UTC. `None`, the default: this clock does not tell it, and
    /// [exemplars](crate::Histogram::record_with_exemplar) have no time. No interval is computed from it.
    fn unix_time(&self) -> Option<Duration> {
        None
    }
}

/// The default: the system's monotonic clock, or, with the `quanta` feature, the CPU's time-stamp counter. It counts from its
/// creation.
///
/// On Linux [`Clock::coarse`] is the time of the kernel's last timer tick, which comes every 1 to 10 ms: never ahead of
/// [`Clock::now`], and behind it by less than a tick. With `quanta` the two are different clocks, and may drift apart over hours.
/// Elsewhere the two are the same.
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
    /// The same instant as `origin`, by the system's monotonic clock.
    #[cfg(target_os = "linux")]
    coarse_origin: Duration,
}

impl SystemClock {
    /// A clock that begins now. With `quanta` the first one in a process calibrates the counter, up to 200 ms.
    ///
    /// # Panics
    /// On `wasm32-unknown-unknown`, which has no clock of its own: give a registry one with
    /// [`RegistryBuilder::clock`](crate::RegistryBuilder::clock).
    pub fn new() -> Self {
        #[cfg(all(target_family = "wasm", target_os = "unknown"))]
        panic!("this target has no clock: give one to Registry::builder().clock(..)");
        #[cfg(feature = "quanta")]
        let counter = quanta::Clock::new();
        Self {
            #[cfg(not(feature = "quanta"))]
            origin: Instant::now(),
            #[cfg(feature = "quanta")]
            origin: counter.now(),
            #[cfg(feature = "quanta")]
            counter,
            // After the other, so that a coarse time is never ahead of an exact one.
            #[cfg(target_os = "linux")]
            coarse_origin: read_system_clock(libc::CLOCK_MONOTONIC),
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
        return read_system_clock(libc::CLOCK_MONOTONIC_COARSE).saturating_sub(self.coarse_origin);
        #[cfg(not(target_os = "linux"))]
        self.now()
    }

    /// The system's time of day, which may be set forward and back.
    fn unix_time(&self) -> Option<Duration> {
        system_unix_time()
    }
}

/// `None`: it is before 1970.
fn system_unix_time() -> Option<Duration> {
    SystemTime::now().duration_since(UNIX_EPOCH).ok()
}

/// `CLOCK_MONOTONIC`, or `CLOCK_MONOTONIC_COARSE`: the same time as of the last timer tick, read without touching the hardware
/// clock.
#[cfg(target_os = "linux")]
#[inline]
pub(crate) fn read_system_clock(id: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid timespec to write to; the call touches nothing else. It cannot fail: both clocks have been
    // in every Linux since 2.6.32, and if it failed, the zero written above would stand.
    unsafe { libc::clock_gettime(id, &raw mut time) };
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
    /// The time of day at the time zero, modulo 2^64, if it was set.
    unix_nanos: AtomicU64,
    has_unix_time: AtomicBool,
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

    /// Sets the time of day, which then goes on with the time. A new clock has none.
    ///
    /// ```
    /// use epoch_metrics::{Clock, ManualClock};
    /// use std::time::Duration;
    ///
    /// let clock = ManualClock::new();
    /// clock.set_unix_time(Duration::from_secs(1_700_000_000));
    /// clock.advance(Duration::from_secs(2));
    /// assert_eq!(clock.unix_time(), Some(Duration::from_secs(1_700_000_002)));
    /// ```
    pub fn set_unix_time(&self, time: Duration) {
        let at_zero = nanos(time).wrapping_sub(nanos(self.now()));
        // Relaxed, both: a test orders its own steps.
        self.unix_nanos.store(at_zero, Relaxed);
        self.has_unix_time.store(true, Relaxed);
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

    fn unix_time(&self) -> Option<Duration> {
        // Relaxed, both: a test orders its own steps.
        let at_zero = self.unix_nanos.load(Relaxed);
        let time = || Duration::from_nanos(at_zero.wrapping_add(nanos(self.now())));
        self.has_unix_time.load(Relaxed).then(time)
    }
}

/// Tokio's clock (feature `tokio`), for tests of asynchronous code: it stands still, and is advanced, with the runtime.
///
/// In a runtime whose clock is [paused], a timer around a sleep of five seconds records five seconds, and the rates of a
/// throughput follow. Pausing is a feature of tokio (`test-util`), which this crate does not turn on; without it, and in a
/// runtime that is not paused, this is the system's monotonic clock.
///
/// [paused]: https://docs.rs/tokio/1/tokio/time/fn.pause.html
///
/// Which clock is read depends on the thread that asks, so write, read and render on threads of the runtime
/// (`tokio::spawn`, `spawn_blocking` and `Runtime::enter` make one). Any other thread reads the system's clock, which knows
/// nothing of an advance: to the library that is a clock that goes back.
///
/// # Panics
/// Tokio panics if its clock is read while a thread is being torn down, after any runtime of the process was paused.
///
/// ```
/// use epoch_metrics::{HistogramOptions, Registry, TokioClock};
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
/// runtime.block_on(async {
///     let registry = Registry::builder().clock(Arc::new(TokioClock::new())).build();
///     let latency = registry.histogram("latency", "Latency.", HistogramOptions::durations())?;
///     let timer = latency.start();
///     tokio::time::sleep(Duration::from_secs(5)).await; // returns at once
///     assert_eq!(timer.stop(), Ok(Duration::from_secs(5)));
///     Ok::<(), epoch_metrics::RegisterError>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "tokio")]
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    origin: tokio::time::Instant,
    /// The time of day at the origin.
    unix_origin: Option<Duration>,
}

#[cfg(feature = "tokio")]
impl TokioClock {
    /// A clock that begins now. Make it where its times are read: inside of the runtime.
    pub fn new() -> Self {
        Self {
            origin: tokio::time::Instant::now(),
            unix_origin: system_unix_time(),
        }
    }
}

#[cfg(feature = "tokio")]
impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "tokio")]
impl Clock for TokioClock {
    fn now(&self) -> Duration {
        // Saturates: another thread may read an earlier clock than the one that was read at the creation.
        self.origin.elapsed()
    }

    /// The system's time of day when the clock was made, and what has elapsed since: it is advanced with the runtime.
    fn unix_time(&self) -> Option<Duration> {
        self.unix_origin?.checked_add(self.now())
    }
}

/// A duration in nanoseconds, at most `u64::MAX`.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
