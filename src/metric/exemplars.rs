//! Recording with exemplars.

use crate::clock::nanos;
use crate::error::RecordError;
use crate::kind::Unit;
use crate::metric::histogram::Histogram;
use crate::metric::timer::Timer;
use crate::sample::escaping::is_legacy_label;
use crate::snapshot::exemplar::Exemplar;
use crate::thread::ThisThread;
use std::borrow::Borrow;
use std::time::Duration;

/// Samples that come with labels.
impl Histogram {
    /// The most characters that all names and values of an exemplar's labels may have together, as OpenMetrics has it.
    pub const MAX_EXEMPLAR_CHARS: usize = 128;

    /// [`try_record`](Self::try_record), and keeps the labels, such as the identifier of a trace, as the newest
    /// [exemplar](crate::HistogramSnapshot::exemplars) of the value's bucket.
    ///
    /// Without [`HistogramOptions::exemplars`](crate::HistogramOptions::exemplars) this records the value alone, and does not look at the
    /// labels. With it, a call allocates, asks the clock for the [time of day](crate::Clock::unix_time), and is lock-free; it must
    /// not come from a global allocator. Of values that are recorded at the same moment any may be the bucket's exemplar.
    ///
    /// # Errors
    /// If the value is outside the range; it was counted as rejected. Or if a label's name is not made of ASCII letters, digits
    /// and `_`, is there twice or begins with a digit or `__`, or if all names and values together have more than
    /// [`MAX_EXEMPLAR_CHARS`](Self::MAX_EXEMPLAR_CHARS) characters; then the value was recorded, without an exemplar.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry, Unit};
    ///
    /// let registry = Registry::new();
    /// let options = HistogramOptions::values(0, 1 << 20).unit(Unit::Bytes).export_bounds(&[1_000]).exemplars(true);
    /// let body = registry.histogram("body", "Body sizes.", options)?;
    /// body.record_with_exemplar(700, &[("trace_id", "4bf92f35")])?;
    /// let page = registry.render_openmetrics();
    /// assert!(page.contains(r#"body_bytes_bucket{le="1000.0"} 1 # {trace_id="4bf92f35"} 700 "#), "{page}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn record_with_exemplar(
        &self,
        value: u64,
        labels: &[(&str, &str)],
    ) -> Result<(), RecordError> {
        let core = self.core();
        if !core.recorder.has_exemplars() {
            return self.try_record(value);
        }
        if let Err(error) = check(labels) {
            return self.try_record(value).and(Err(error));
        }
        core.recorder.record_with_exemplar(ThisThread, value, || {
            Exemplar::new(labels, value, core.context.clock.unix_time())
        });
        self.check_range(value)
    }

    /// [`record_with_exemplar`](Self::record_with_exemplar), of a duration.
    ///
    /// # Errors
    /// As there; or if the unit is not [`Unit::Seconds`], and the duration was counted as rejected.
    pub fn record_duration_with_exemplar(
        &self,
        duration: Duration,
        labels: &[(&str, &str)],
    ) -> Result<(), RecordError> {
        if self.unit() == Unit::Seconds {
            self.record_with_exemplar(nanos(duration), labels)
        } else {
            self.try_record_duration(duration)
        }
    }
}

impl<H: Borrow<Histogram>> Timer<H> {
    /// [`stop`](Self::stop), with the labels of an [exemplar](Histogram::record_with_exemplar).
    ///
    /// # Errors
    /// Those of [`Histogram::record_duration_with_exemplar`].
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let options = HistogramOptions::durations().exemplars(true);
    /// let latency = Registry::new().histogram("latency", "Latency.", options)?;
    /// let timer = latency.start();
    /// let elapsed = timer.stop_with_exemplar(&[("trace_id", "4bf92f35")])?;
    /// let snapshot = latency.snapshot();
    /// let exemplar = snapshot.exemplars().next().expect("one was recorded");
    /// assert_eq!(u128::from(exemplar.value()), elapsed.as_nanos());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stop_with_exemplar(self, labels: &[(&str, &str)]) -> Result<Duration, RecordError> {
        self.stop_by(|histogram, elapsed| histogram.record_duration_with_exemplar(elapsed, labels))
    }
}

/// What OpenMetrics asks of an exemplar's labels.
fn check(labels: &[(&str, &str)]) -> Result<(), RecordError> {
    let (mut chars, max) = (0, Histogram::MAX_EXEMPLAR_CHARS);
    for (at, (name, value)) in labels.iter().enumerate() {
        let repeated = labels[..at].iter().any(|(before, _)| before == name);
        if repeated || !is_legacy_label(name) || name.starts_with("__") {
            return Err(RecordError::ExemplarLabelName);
        }
        chars += name.chars().count() + value.chars().count();
    }
    if chars > max {
        return Err(RecordError::ExemplarTooLong { chars, max });
    }
    Ok(())
}
