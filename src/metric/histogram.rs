//! Histograms: a block for each thread, folded into snapshots by readers.

use crate::clock::nanos;
use crate::engine::family::dirty::DirtyBit;
use crate::engine::family::objects::Object;
use crate::engine::histogram::Recorder;
use crate::engine::readout::{SnapshotSource, Validity};
use crate::engine::throughput::Moment;
use crate::error::RecordError;
use crate::fold::histogram::Accumulator;
use crate::fold::windows::Windows;
use crate::kind::Unit;
use crate::metric::context::MetricContext;
use crate::metric::family::{Member, sealed};
use crate::metric::options::ValidOptions;
use crate::ownership::Ownership;
use crate::snapshot::histogram::HistogramSnapshot;
use crate::snapshot::latest::Latest;
use crate::sync::Mutex;
use crate::thread::ThisThread;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A distribution of values: whole numbers, or durations.
///
/// Threads share a histogram's cells, and a record is three atomic read-modify-writes, until a thread records so often that it gets
/// [cells of its own](crate::Ownership); then a record is a handful of plain stores. A histogram that keeps
/// [recent](crate::HistogramOptions::recent) samples, the default of a single one, gives each thread its own from the first record on. A first
/// record, and the first value in each octave, allocates and may block; [`Self::warm`] does so beforehand. Clones
/// record into the same metric. Not for signal handlers, as a [`Counter`](crate::Counter).
///
/// A global allocator may record into it. What it records during a thread's first write, which allocates, is written after that: 32
/// different values, each as often as it came. Further ones count as rejected.
///
/// ```
/// use epoch_metrics::{HistogramOptions, Registry};
/// use std::time::Duration;
///
/// let latency = Registry::new().histogram("latency", "Latency.", HistogramOptions::durations())?;
/// latency.record_duration(Duration::from_millis(12));
/// {
///     let _timer = latency.start(); // records when dropped
/// }
/// assert_eq!(latency.snapshot().count(), 2);
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct Histogram {
    core: Arc<HistogramCore>,
}

/// What all clones of a handle share.
#[derive(Debug)]
pub(crate) struct HistogramCore {
    pub(super) recorder: Recorder<Accumulator>,
    unit: Unit,
    pub(super) windows: Option<Box<Mutex<Windows>>>,
    /// Pages show quantiles of the windows.
    exports_windows: bool,
    pub(super) context: Arc<MetricContext>,
}

impl HistogramCore {
    /// `dirty`: of a series.
    pub(crate) fn new(
        options: &ValidOptions,
        context: Arc<MetricContext>,
        dirty: DirtyBit,
    ) -> Self {
        let ValidOptions {
            unit,
            digits,
            config,
            ownership,
            ..
        } = *options;
        // The order of recent samples lies in a thread's own queue.
        let ownership = match ownership {
            _ if config.recent > 0 => Ownership::Always,
            Some(ownership) => ownership,
            None => context.promotion.ownership,
        };
        let promotion = Arc::clone(&context.promotion);
        let created = context.now();
        let windows = (!options.windows.is_empty())
            .then(|| Mutex::new(Windows::new(options.windows.clone(), created)).into());
        let kind = (digits, unit);
        let mut recorder = Recorder::new(config, kind, created, ownership, promotion, dirty);
        if options.exemplars {
            let bounds = options.bounds.iter().map(|bound| bound.value);
            recorder = recorder.with_exemplars(bounds.collect());
        }
        Self {
            recorder,
            unit,
            windows,
            exports_windows: options.export_windows,
            context,
        }
    }
}

impl SnapshotSource for HistogramCore {
    type Snapshot = HistogramSnapshot;

    fn validity(&self, snapshot: &HistogramSnapshot) -> Validity {
        let samples = self.recorder.validity(snapshot, snapshot.uncertain);
        samples.and(Self::validity_of_windows(snapshot))
    }

    fn read_at(&self, now: Moment) -> Arc<HistogramSnapshot> {
        if self.exports_windows {
            self.read_with_windows(now)
        } else {
            self.value(now)
        }
    }
}

impl Object for HistogramCore {
    type Value = Arc<HistogramSnapshot>;

    fn value(&self, now: Moment) -> Self::Value {
        self.recorder.read(|_, _| false, || now.exact)
    }

    fn since(later: &Self::Value, earlier: &Self::Value) -> Self::Value {
        let since = later.since(earlier).map(Arc::new);
        // A reset came between: the later one holds what was recorded after it.
        since.unwrap_or_else(|_| Arc::clone(later))
    }

    fn add(a: &Self::Value, b: &Self::Value) -> Self::Value {
        let sum = a.merge(b).map(Arc::new);
        // The members of a family have the same buckets.
        sum.unwrap_or_else(|_| Arc::clone(a))
    }
}

impl sealed::Sealed for Histogram {}

impl Member for Histogram {
    type Value = Arc<HistogramSnapshot>;
}

impl Histogram {
    pub(crate) fn new(core: Arc<HistogramCore>) -> Self {
        Self { core }
    }

    pub(crate) fn core(&self) -> &Arc<HistogramCore> {
        &self.core
    }

    /// Records a value, in the histogram's unit (nanoseconds for [`Unit::Seconds`]). A value outside the range counts as
    /// rejected and changes nothing else.
    #[inline]
    pub fn record(&self, value: u64) {
        self.core.recorder.record(ThisThread, value);
    }

    /// [`Self::record`], with the reason why a value was rejected.
    ///
    /// # Errors
    /// If the value is outside the range. It was counted as rejected.
    pub fn try_record(&self, value: u64) -> Result<(), RecordError> {
        self.record(value);
        self.check_range(value)
    }

    /// Fails if a value is not recorded because it is outside the range.
    pub(super) fn check_range(&self, value: u64) -> Result<(), RecordError> {
        let layout = &self.core.recorder.config().layout;
        let (min, max) = layout.range();
        if layout.contains(value) {
            Ok(())
        } else {
            Err(RecordError::OutOfRange { value, min, max })
        }
    }

    /// Records a duration: nanoseconds, rounded down; beyond 584 years, the largest number of 64 bits. It counts as rejected
    /// if it is outside an explicit range, or if the unit is not [`Unit::Seconds`].
    #[inline]
    pub fn record_duration(&self, duration: Duration) {
        match u64::try_from(duration.as_nanos()) {
            Ok(nanos) if self.core.unit == Unit::Seconds => self.record(nanos),
            _ => self.record_no_nanoseconds(),
        }
    }

    /// A duration that has no number of nanoseconds here: it is too long for one, or the histogram does not take durations.
    #[cold]
    fn record_no_nanoseconds(&self) {
        if self.core.unit == Unit::Seconds {
            self.record(u64::MAX);
        } else {
            self.reject();
        }
    }

    /// [`Self::record_duration`], with the reason why a duration was rejected.
    ///
    /// # Errors
    /// If the duration is outside the range, or the unit is not [`Unit::Seconds`]. It was counted as rejected.
    pub fn try_record_duration(&self, duration: Duration) -> Result<(), RecordError> {
        if self.core.unit == Unit::Seconds {
            self.try_record(nanos(duration))
        } else {
            self.reject();
            Err(RecordError::NotADuration)
        }
    }

    /// Counts a value as rejected without recording anything, for callers that validate values themselves.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let ratios = Registry::new().histogram("ratio_percent", "Ratios.", HistogramOptions::values(0, 100))?;
    /// let record = |ratio: f64| if ratio >= 0.0 { ratios.record((ratio * 100.0) as u64) } else { ratios.reject() };
    /// record(0.5);
    /// record(f64::NAN);
    /// assert_eq!((ratios.snapshot().count(), ratios.snapshot().rejected()), (1, 1));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    #[cold]
    pub fn reject(&self) {
        self.core.recorder.reject(ThisThread);
    }

    pub(super) fn unit(&self) -> Unit {
        self.core.unit
    }

    /// The time now, by the registry's clock.
    pub(crate) fn now(&self) -> Duration {
        self.core.context.now()
    }

    /// A snapshot that holds everything that was recorded before this call, or, with
    /// [`max_staleness`](crate::RegistryBuilder::max_staleness), is no older than that by the coarse clock. It is the same `Arc` as last time if
    /// nothing was recorded since.
    ///
    /// Waits for no writer. Of readers that find something new at the same time, one builds and the others wait for it.
    #[inline]
    pub fn snapshot(&self) -> Arc<HistogramSnapshot> {
        let context = &self.core.context;
        self.core.recorder.read(
            |published, now| context.within_staleness(published.taken, now),
            || context.now(),
        )
    }

    /// The last published snapshot, however old, without waiting.
    pub fn latest(&self) -> Latest<HistogramSnapshot> {
        let snapshot = self.core.recorder.latest();
        let taken = snapshot.taken;
        Latest::new(snapshot, taken, self.core.context.now())
    }

    /// Forgets everything recorded so far and returns it. A sample that is recorded at the same time is either in what is
    /// returned or in the next snapshot, never in both and never in neither.
    ///
    /// Each thread's samples are cut at a moment of their own, the first one after the call at which the thread is not seen
    /// inside a record; threads that record without pause do not delay that. If a thread is stopped inside a record, so that a
    /// snapshot would be [`uncertain`](HistogramSnapshot::uncertain), this waits for that thread. While it waits it yields the
    /// processor, other readers go on and see everything as before, and a second reset waits for this one. The samples of threads that share cells
    /// are cut together, after those of the others, when all who were inside a record at that moment have left it.
    /// [`Self::try_reset`] does not wait so long.
    ///
    /// What it returns is a prefix of each thread's samples, with one exception: a thread that shares cells, and was stopped at the very
    /// beginning of a record since before an earlier reset, may have that one sample on the later side and its next ones on the
    /// earlier.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let sizes = Registry::new().histogram("sizes", "Sizes.", HistogramOptions::values(0, 100))?;
    /// sizes.record(7);
    /// assert_eq!(sizes.reset().count(), 1);
    /// assert_eq!(sizes.snapshot().count(), 0);
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn reset(&self) -> HistogramSnapshot {
        let context = &self.core.context;
        let now = context.now();
        let forgotten = self.core.recorder.reset(now, &context.generation);
        self.core.restart_windows(now);
        forgotten
    }

    /// [`Self::reset`], unless it would have to wait long: `None`, and nothing is forgotten, if another reset is under way, or if
    /// a writer is still inside a record after a bounded number of attempts, between which the processor was yielded.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let sizes = Registry::new().histogram("sizes", "Sizes.", HistogramOptions::values(0, 100))?;
    /// sizes.record(7);
    /// match sizes.try_reset() {
    ///     Some(forgotten) => assert_eq!(forgotten.count(), 1),
    ///     None => assert_eq!(sizes.snapshot().count(), 1),
    /// }
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn try_reset(&self) -> Option<HistogramSnapshot> {
        let context = &self.core.context;
        let now = context.now();
        let forgotten = self.core.recorder.try_reset(now, &context.generation)?;
        self.core.restart_windows(now);
        Some(forgotten)
    }
}

impl fmt::Debug for Histogram {
    /// The last published snapshot's totals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let latest = self.core.recorder.latest();
        let mut out = f.debug_struct("Histogram");
        out.field("unit", &self.core.unit)
            .field("count", &latest.count())
            .field("sum", &latest.sum());
        out.finish_non_exhaustive()
    }
}
