//! Throughput: what was finished in the last seconds, without a thread that keeps it up to date.

use crate::engine::family::objects::Object;
use crate::engine::readout::{SnapshotSource, Validity};
use crate::engine::throughput::Moment;
use crate::engine::throughput::Tracker;
use crate::engine::throughput::ring::SECONDS;
use crate::error::OptionsError;
use crate::fold::throughput::RateWindows;
use crate::metric::context::MetricContext;
use crate::metric::family::{Member, sealed};
use crate::metric::window_lengths::valid_windows;
use crate::snapshot::latest::Latest;
use crate::snapshot::throughput::ThroughputSnapshot;
use crate::thread::ThisThread;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The longest window: the seconds that are remembered, less the current one and some for clocks that run late.
const MAX_WINDOW_SECONDS: u64 = SECONDS - 4;

/// An amount that is finished over time (requests, tokens, bytes), read as a total and as rates over windows.
///
/// A window of W seconds is the W whole seconds before the current one, whenever and however often it is read, without those
/// before the registration or the last reset: [`Rate::span`](crate::Rate::span) says how many are left, and there is no rate
/// while none is. After silence the rate is zero, even if there were no reads or writes in between. Amounts saturate at 68.7
/// billion a second and thread.
///
/// Seconds are those of [`Clock::coarse`](crate::Clock::coarse). What a clock skips counts as seconds without amounts. If it
/// goes back, a second that it passes twice holds the amounts of both times, or only the later ones if a second that is a
/// multiple of 64 away was written to in between; behind the registration or the last reset there is no rate. The total is
/// exact in any case.
///
/// ```
/// use epoch_metrics::{ManualClock, Registry};
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// let clock = Arc::new(ManualClock::new());
/// let tokens = Registry::builder().clock(clock.clone()).build().throughput("tokens", "Tokens finished.")?;
/// for _ in 0..5 {
///     tokens.add(100);
///     clock.advance(Duration::from_secs(1));
/// }
/// assert_eq!(tokens.snapshot().per_second(Duration::from_secs(5)), Some(100.0));
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct Throughput {
    core: Arc<ThroughputCore>,
}

/// What all clones of a handle share.
#[derive(Debug)]
pub(crate) struct ThroughputCore {
    tracker: Tracker<RateWindows>,
    context: Arc<MetricContext>,
}

impl ThroughputCore {
    pub(crate) fn new(
        windows: &[Duration],
        context: Arc<MetricContext>,
    ) -> Result<Self, OptionsError> {
        let windows = valid_windows(windows, MAX_WINDOW_SECONDS)?;
        Ok(Self::with_valid_windows(&windows, context))
    }

    /// With windows of whole seconds, as [`Self::new`] takes them.
    pub(crate) fn with_valid_windows(windows: &[Duration], context: Arc<MetricContext>) -> Self {
        let windows = windows.iter().map(Duration::as_secs).collect();
        let created = context.moment();
        Self {
            tracker: Tracker::new(
                RateWindows::new(windows, created),
                created,
                Arc::clone(&context.promotion),
            ),
            context,
        }
    }
}

impl SnapshotSource for ThroughputCore {
    type Snapshot = ThroughputSnapshot;

    fn validity(&self, snapshot: &ThroughputSnapshot) -> Validity {
        Validity::InSecond(snapshot.second)
    }

    fn read_at(&self, now: Moment) -> Arc<ThroughputSnapshot> {
        self.tracker.read(|_| false, now.coarse.as_secs(), || now)
    }
}

impl ThroughputCore {
    /// Reads it before the ring forgets seconds that decaying rates need.
    pub(crate) fn tick(&self) {
        let second = self.context.second();
        if second.abs_diff(self.tracker.latest().second) >= SECONDS / 4 {
            self.read_at(self.context.moment());
        }
    }
}

impl Object for ThroughputCore {
    type Value = u64;

    fn value(&self, now: Moment) -> u64 {
        self.read_at(now).total()
    }

    fn since(later: &u64, earlier: &u64) -> u64 {
        // Less than before: a reset came between.
        later.checked_sub(*earlier).unwrap_or(*later)
    }

    fn add(a: &u64, b: &u64) -> u64 {
        a.wrapping_add(*b)
    }
}

impl sealed::Sealed for Throughput {}

impl Member for Throughput {
    type Value = u64;
}

impl Throughput {
    pub(crate) fn new(core: Arc<ThroughputCore>) -> Self {
        Self { core }
    }

    pub(crate) fn core(&self) -> &Arc<ThroughputCore> {
        &self.core
    }

    /// Adds an amount that is finished now.
    #[inline]
    pub fn add(&self, amount: u64) {
        let second = self.core.context.second();
        self.core.tracker.add(ThisThread, second, amount);
    }

    /// Total and rates: the same snapshot as last time if nothing was added and the second is the same.
    pub fn snapshot(&self) -> Arc<ThroughputSnapshot> {
        let context = &self.core.context;
        let (second, now) = (context.second(), context.now_for_staleness());
        let young = |taken| now.is_some_and(|now| context.within_staleness(taken, now));
        self.core.tracker.read(
            |published| young(published.taken),
            second,
            || context.moment(),
        )
    }

    /// The last published snapshot, however old, without waiting.
    pub fn latest(&self) -> Latest<ThroughputSnapshot> {
        let snapshot = self.core.tracker.latest();
        let taken = snapshot.taken;
        Latest::new(snapshot, taken, self.core.context.now())
    }

    /// Forgets everything added so far and returns it. An amount that is added at the same time is either in the total of
    /// what is returned or in the next one, never in both and never in neither. Rates begin again with the next whole second. It waits for no writer.
    pub fn reset(&self) -> ThroughputSnapshot {
        let context = &self.core.context;
        self.core
            .tracker
            .reset(context.moment(), &context.generation)
    }
}

impl fmt::Debug for Throughput {
    /// The last published snapshot's total.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let latest = self.core.tracker.latest();
        f.debug_struct("Throughput")
            .field("total", &latest.total())
            .finish_non_exhaustive()
    }
}
