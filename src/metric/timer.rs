//! Timers: guards that record how long they lived, and futures that record how long they took.

use crate::error::RecordError;
use crate::metric::counter::Counter;
use crate::metric::histogram::Histogram;
use std::borrow::Borrow;
use std::time::Duration;

/// Records the time since it was started when it is dropped. [`Histogram::start`] and [`Histogram::start_owned`] make one.
///
/// It records whenever it is dropped: after the work, at an early return, while a panic unwinds, and when the future that
/// holds it is cancelled. Where those are not to count as latencies, call [`discard`](Self::discard) there, or time the future
/// with [`Histogram::time`], which tells them apart.
///
/// An interval too short for the clock is recorded as one nanosecond.
///
/// ```
/// use epoch_metrics::{HistogramOptions, Registry};
///
/// let latency = Registry::new().histogram("latency", "Latency.", HistogramOptions::durations())?;
/// {
///     let _timer = latency.start();
///     // … the work to be timed …
/// } // recorded here
/// latency.start().discard(); // records nothing
/// assert_eq!(latency.snapshot().count(), 1);
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Debug)]
#[must_use = "a timer that is dropped at once times nothing"]
pub struct Timer<H: Borrow<Histogram>> {
    /// `None`: recorded, or discarded.
    histogram: Option<H>,
    started: Duration,
}

impl Histogram {
    /// Starts a timer that records the time until it is dropped, and borrows the histogram.
    #[inline]
    pub fn start(&self) -> Timer<&Self> {
        Timer {
            histogram: Some(self),
            started: self.now(),
        }
    }

    /// Starts a timer that holds the histogram: to be moved into a task, a response body, or another thread.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let latency = Registry::new().histogram("latency", "Latency.", HistogramOptions::durations())?;
    /// let timer = latency.start_owned();
    /// std::thread::spawn(move || drop(timer)).join().expect("it does not panic");
    /// assert_eq!(latency.snapshot().count(), 1);
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn start_owned(&self) -> Timer<Self> {
        Timer {
            histogram: Some(self.clone()),
            started: self.now(),
        }
    }

    /// Records how long `future` takes from this call to its completion. If it is dropped before, because its task was cancelled or
    /// panicked, nothing is recorded, and `unfinished` is raised by one instead.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let registry = Registry::new();
    /// let latency = registry.histogram("latency", "Time to answer.", HistogramOptions::durations())?;
    /// let unfinished = registry.counter("unfinished", "Requests that were cancelled or panicked.")?;
    /// let answer = latency.time(&unfinished, async { "answer" });
    /// drop(answer); // as a runtime does when a client goes away
    /// assert_eq!((latency.snapshot().count(), unfinished.get()), (0, 1));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn time<F: Future>(
        &self,
        unfinished: &Counter,
        future: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        let timed = Timed {
            timer: Some(self.start_owned()),
            unfinished: unfinished.clone(),
        };
        async move {
            let output = future.await;
            timed.finish();
            output
        }
    }
}

/// The timer of a future.
struct Timed {
    /// `None`: finished.
    timer: Option<Timer<Histogram>>,
    unfinished: Counter,
}

impl Timed {
    fn finish(mut self) {
        drop(self.timer.take());
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            timer.discard();
            self.unfinished.inc();
        }
    }
}

impl<H: Borrow<Histogram>> Timer<H> {
    /// Records now, and returns what was recorded.
    ///
    /// # Errors
    /// If the histogram does not take durations, or not this one. It was counted as rejected.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, RecordError, Registry};
    ///
    /// let registry = Registry::new();
    /// let latency = registry.histogram("latency", "Latency.", HistogramOptions::durations())?;
    /// let elapsed = latency.start().stop()?;
    /// assert_eq!(latency.snapshot().sum(), elapsed.as_nanos());
    ///
    /// let sizes = registry.histogram("sizes", "Sizes.", HistogramOptions::default())?;
    /// assert_eq!(sizes.start().stop(), Err(RecordError::NotADuration));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn stop(self) -> Result<Duration, RecordError> {
        self.stop_by(Histogram::try_record_duration)
    }

    /// Records now, with `record`.
    #[inline]
    pub(super) fn stop_by(
        mut self,
        record: impl FnOnce(&Histogram, Duration) -> Result<(), RecordError>,
    ) -> Result<Duration, RecordError> {
        let Some(histogram) = self.histogram.take() else {
            // Only `stop`, `discard` and `drop` take it, and each is the last call.
            return Ok(Duration::ZERO);
        };
        let elapsed = self.elapsed(histogram.borrow());
        record(histogram.borrow(), elapsed)?;
        Ok(elapsed)
    }

    /// Records nothing.
    pub fn discard(mut self) {
        self.histogram = None;
    }

    #[inline]
    fn elapsed(&self, histogram: &Histogram) -> Duration {
        let elapsed = histogram.now().saturating_sub(self.started);
        elapsed.max(Duration::from_nanos(1))
    }
}

impl<H: Borrow<Histogram>> Drop for Timer<H> {
    #[inline]
    fn drop(&mut self) {
        if let Some(histogram) = self.histogram.take() {
            let histogram = histogram.borrow();
            histogram.record_duration(self.elapsed(histogram));
        }
    }
}
