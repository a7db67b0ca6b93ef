//! Histograms: a block for each thread, folded into snapshots by readers.

use crate::core::block::{Block, Head};
use crate::core::layout::Layout;
use crate::core::recorder::Recorder;
use crate::core::segments::Position;
use crate::error::RecordError;
use crate::metric::Shared;
use crate::metric::options::{Accepted, Unit};
use crate::metric::timer::Timer;
use crate::snapshot::accumulator::Accumulator;
use crate::snapshot::histogram::HistogramSnapshot;
use crate::thread;
use std::sync::Arc;
use std::time::Duration;

/// A distribution of values: whole numbers, or durations.
///
/// Recording is a handful of stores to memory that no other thread writes. Clones record into the same metric.
#[derive(Clone, Debug)]
pub struct Histogram {
    core: Arc<HistogramCore>,
}

/// What was published last, and how long ago that was.
#[derive(Clone, Debug)]
pub struct Latest<T> {
    /// The snapshot.
    pub snapshot: Arc<T>,
    /// Time since it was taken.
    pub age: Duration,
}

/// What all clones of a handle share.
#[derive(Debug)]
pub(crate) struct HistogramCore {
    recorder: Recorder<Accumulator>,
    unit: Unit,
    bounds: Vec<u64>,
    shared: Arc<Shared>,
}

impl HistogramCore {
    pub(crate) fn new(options: Accepted, shared: Arc<Shared>) -> Self {
        let Accepted { unit, digits, shape, bounds } = options;
        let accumulator = Accumulator::new(shape.layout, digits, unit, shape.recent);
        let recorder = Recorder::new(shape, accumulator, shared.clock.now());
        Self { recorder, unit, bounds, shared }
    }

    /// The high ends of the buckets that are exported as `le`, rising.
    pub(crate) fn bounds(&self) -> &[u64] {
        &self.bounds
    }

    #[inline]
    fn young(&self, snapshot: &HistogramSnapshot) -> bool {
        self.shared.young(snapshot.taken)
    }

    /// Whether nothing was recorded since a snapshot, loaded before this call, was built.
    pub(crate) fn is_current(&self, snapshot: &HistogramSnapshot) -> bool {
        self.recorder.is_current(snapshot)
    }

    /// A snapshot that holds everything, whatever staleness is allowed.
    pub(crate) fn fresh(&self) -> Arc<HistogramSnapshot> {
        self.recorder.read(|_| false, || self.shared.clock.coarse())
    }

    #[inline]
    pub(crate) fn snapshot(&self) -> Arc<HistogramSnapshot> {
        self.recorder.read(|published| self.young(published), || self.shared.clock.coarse())
    }

    /// Samples that readers have folded so far.
    pub(crate) fn folded(&self) -> u64 {
        self.recorder.folded()
    }

    fn layout(&self) -> &Layout {
        &self.recorder.shape().layout
    }
}

impl Histogram {
    pub(crate) fn new(core: Arc<HistogramCore>) -> Self {
        Self { core }
    }

    pub(crate) fn core(&self) -> &Arc<HistogramCore> {
        &self.core
    }

    /// Records a value, in the histogram's unit (nanoseconds for [`Unit::Seconds`]). A value out of range is counted as
    /// rejected and changes nothing else.
    #[inline]
    pub fn record(&self, value: u64) {
        let recorded =
            self.core.recorder.blocks().get(thread::slot()).is_some_and(|(head, block)| block.record(head, value));
        if !recorded {
            self.record_slow(value);
        }
    }

    /// [`Self::record`], saying why a value was refused.
    ///
    /// # Errors
    /// If the value lies out of range. It has been counted as rejected.
    pub fn try_record(&self, value: u64) -> Result<(), RecordError> {
        self.record(value);
        let layout = self.core.layout();
        let (min, max) = layout.range();
        if layout.contains(value) { Ok(()) } else { Err(RecordError::OutOfRange { value, min, max }) }
    }

    /// Records a duration: nanoseconds, rounded down. Out of range, or if the unit is not [`Unit::Seconds`], it is counted
    /// as rejected.
    #[inline]
    pub fn record_duration(&self, duration: Duration) {
        match u64::try_from(duration.as_nanos()) {
            Ok(nanos) if self.core.unit == Unit::Seconds => self.record(nanos),
            _ => self.reject(),
        }
    }

    /// [`Self::record_duration`], saying why a duration was refused.
    ///
    /// # Errors
    /// If the duration lies out of range, or the unit is not [`Unit::Seconds`]. It has been counted as rejected.
    pub fn try_record_duration(&self, duration: Duration) -> Result<(), RecordError> {
        if self.core.unit != Unit::Seconds {
            self.reject();
            return Err(RecordError::NotADuration);
        }
        match u64::try_from(duration.as_nanos()) {
            Ok(nanos) => self.try_record(nanos),
            Err(_) => {
                self.reject();
                let (min, max) = self.core.layout().range();
                Err(RecordError::OutOfRange { value: u64::MAX, min, max })
            }
        }
    }

    /// Counts a value as rejected without recording anything: for callers that refuse values themselves.
    #[cold]
    pub fn reject(&self) {
        match self.core.recorder.blocks().get(thread::slot()) {
            Some((head, _)) => head.reject(),
            None => thread::first_touch((Arc::as_ptr(&self.core).cast(), 1), 0, |slot, _| self.touch(slot).0.reject()),
        }
    }

    /// Records what [`Self::record`] did not, or refuses it.
    #[inline(never)]
    fn record_slow(&self, value: u64) {
        if !self.core.layout().contains(value) {
            return self.reject();
        }
        match self.core.recorder.blocks().get(thread::slot()) {
            Some((head, block)) => {
                // Again, for a slot that is not among the first.
                if !block.record(head, value) {
                    block.record_any(head, value);
                }
            }
            None => {
                let metric = (Arc::as_ptr(&self.core).cast(), 0);
                thread::first_touch(metric, value, |slot, value| {
                    let (head, block) = self.touch(slot);
                    block.record_any(head, value);
                });
            }
        }
    }

    fn touch(&self, slot: Position) -> (&Head, &Block) {
        self.core.recorder.blocks().get_or_make(slot, || self.core.recorder.block())
    }

    /// Starts a timer that records the time until it is dropped.
    #[inline]
    pub fn start(&self) -> Timer<'_> {
        Timer::start(self)
    }

    pub(crate) fn now(&self) -> Duration {
        self.core.shared.clock.now()
    }

    /// A snapshot that holds everything that happened before this call (or, with
    /// [`max_staleness`](crate::RegistryBuilder::max_staleness), is no older than that): the very same one as last time if
    /// nothing was recorded since.
    ///
    /// Waits for no writer. Of readers that find something new at the same time, one builds and the others wait for it.
    #[inline]
    pub fn snapshot(&self) -> Arc<HistogramSnapshot> {
        self.core.snapshot()
    }

    /// The last published snapshot, however old, without waiting for anybody.
    pub fn latest(&self) -> Latest<HistogramSnapshot> {
        let snapshot = self.core.recorder.latest();
        let age = self.core.shared.clock.coarse().saturating_sub(snapshot.taken);
        Latest { snapshot, age }
    }

    /// Forgets everything recorded so far and returns it. A sample that is recorded meanwhile is in what is returned or in
    /// the next snapshot, never in both, never in neither.
    ///
    /// If a writer is stopped inside a record in such a way that a snapshot would be
    /// [`uncertain`](HistogramSnapshot::uncertain), this waits for it, yielding the processor and keeping no other reader out.
    pub fn reset(&self) -> HistogramSnapshot {
        loop {
            if let Some(before) = self.core.recorder.try_reset(self.core.shared.clock.coarse()) {
                self.core.shared.resets.count();
                return before;
            }
            std::thread::yield_now();
        }
    }
}
