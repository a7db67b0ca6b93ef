//! Throughput: what was finished in the last seconds, without a thread that keeps it up to date.

use crate::core::cached::Cached;
use crate::core::per_thread::{PerThread, SetOnce};
use crate::core::ring::{Ring, SECONDS, stamp};
use crate::error::OptionsError;
use crate::metric::Shared;
use crate::snapshot::throughput::{Rate, ThroughputSnapshot};
use crate::thread;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The longest window: what a ring remembers, less the current second and some for clocks that run late.
pub(crate) const MAX_WINDOW_SECONDS: u64 = SECONDS - 4;

/// An amount that is finished over time: requests, tokens, bytes; read as a total and as rates over windows.
///
/// A window of W seconds is the W whole seconds before the current one, whenever and however often it is read; after
/// silence it is zero, also when nobody wrote or read in between. Amounts saturate at 68.7 billion a second and thread.
/// After a [`Clock`](crate::Clock) went back, rates may miss amounts, and they are zero until it has passed the second of
/// the registration or the last reset again; the total stays exact.
#[derive(Clone, Debug)]
pub struct Throughput {
    core: Arc<ThroughputCore>,
}

#[derive(Debug)]
pub(crate) struct ThroughputCore {
    windows: Box<[u64]>,
    rings: PerThread<SetOnce<Ring>>,
    cache: Cached<Baseline, ThroughputSnapshot>,
    shared: Arc<Shared>,
}

/// What the last reset left behind.
#[derive(Clone, Debug, Default)]
struct Baseline {
    /// Nothing before this second counts,
    second: u64,
    /// nor this much in each, by its stamp: in it, and in later ones that a clock had been at before it went back.
    before: HashMap<u64, u64>,
    /// nor this much of the total.
    total: u64,
}

impl ThroughputCore {
    pub(crate) fn new(windows: &[Duration], shared: Arc<Shared>) -> Result<Self, OptionsError> {
        let seconds = |window: &Duration| {
            let seconds = window.as_secs();
            let whole = window.subsec_nanos() == 0 && (1..=MAX_WINDOW_SECONDS).contains(&seconds);
            if whole { Ok(seconds) } else { Err(OptionsError::Window { window: *window }) }
        };
        let again = |&(i, window): &(usize, &Duration)| windows[..i].contains(window);
        if let Some((_, window)) = windows.iter().enumerate().find(again) {
            return Err(OptionsError::DuplicateWindow { window: *window });
        }
        let windows = windows.iter().map(seconds).collect::<Result<Box<[u64]>, _>>()?;
        let now = shared.clock.coarse();
        let baseline = Baseline { second: now.as_secs(), ..Baseline::default() };
        let first = build(&windows, &baseline, now, 0, 0, |_| 0);
        Ok(Self { windows, rings: PerThread::default(), cache: Cached::new(baseline, first), shared })
    }

    fn calls(&self) -> u64 {
        let mut calls = 0_u64;
        self.rings.for_each(|_, _, ring| calls = calls.wrapping_add(ring.calls()));
        calls
    }

    /// Whether a snapshot, loaded before this call, holds everything and is of the current second.
    pub(crate) fn is_current(&self, snapshot: &ThroughputSnapshot) -> bool {
        snapshot.second == self.shared.clock.coarse().as_secs() && snapshot.calls == self.calls()
    }

    pub(crate) fn snapshot(&self) -> Arc<ThroughputSnapshot> {
        self.read(|published| self.is_current(published) || self.shared.young(published.taken))
    }

    /// A snapshot that holds everything, whatever staleness is allowed.
    pub(crate) fn fresh(&self) -> Arc<ThroughputSnapshot> {
        self.read(|published| self.is_current(published))
    }

    fn read(&self, current: impl Fn(&ThroughputSnapshot) -> bool) -> Arc<ThroughputSnapshot> {
        self.cache.read(current, |baseline, _| {
            let now = self.shared.clock.coarse();
            // Before the amounts: what comes from here on is looked at again next time.
            let calls = self.calls();
            build(&self.windows, baseline, now, calls, self.total(), |second| self.in_second(second))
        })
    }

    fn total(&self) -> u64 {
        let mut total = 0_u64;
        self.rings.for_each(|_, _, ring| total = total.wrapping_add(ring.total()));
        total
    }

    fn in_second(&self, second: u64) -> u64 {
        let mut amount = 0_u64;
        self.rings.for_each(|_, _, ring| amount = amount.saturating_add(ring.in_second(second)));
        amount
    }

    /// By its stamp, what is held of every second.
    fn held(&self) -> HashMap<u64, u64> {
        let mut held = HashMap::new();
        self.rings.for_each(|_, _, ring| ring.held().for_each(|(stamp, n)| *held.entry(stamp).or_default() += n));
        held
    }
}

fn build(
    windows: &[u64],
    since: &Baseline,
    now: Duration,
    calls: u64,
    total: u64,
    in_second: impl Fn(u64) -> u64,
) -> ThroughputSnapshot {
    let second = now.as_secs();
    let before = |second| since.before.get(&stamp(second)).copied().unwrap_or(0);
    let rate = |&window: &u64| {
        // After a clock went back behind the last reset there are no seconds to look at.
        let first = second.saturating_sub(window).max(since.second);
        let new = (first..second).map(|second| in_second(second).saturating_sub(before(second)));
        let amount = new.fold(0, u64::saturating_add);
        let passed = second.saturating_sub(first).clamp(1, window);
        Rate { window: Duration::from_secs(window), amount, per_second: amount as f64 / passed as f64 }
    };
    let rates = windows.iter().map(rate).collect();
    ThroughputSnapshot { rates, total: total.wrapping_sub(since.total), second, calls, taken: now }
}

impl Throughput {
    pub(crate) fn new(core: Arc<ThroughputCore>) -> Self {
        Self { core }
    }

    /// Adds an amount that is finished now.
    #[inline]
    pub fn add(&self, amount: u64) {
        let second = self.core.shared.clock.coarse().as_secs();
        match self.core.rings.get(thread::slot()) {
            Some((_, ring)) => ring.add(second, amount),
            None => thread::first_touch((Arc::as_ptr(&self.core).cast(), 0), amount, |slot, amount| {
                self.core.rings.get_or_make(slot, Ring::default).1.add(second, amount);
            }),
        }
    }

    /// Total and rates: the same snapshot as last time if nothing was added and the second is the same.
    pub fn snapshot(&self) -> Arc<ThroughputSnapshot> {
        self.core.snapshot()
    }

    /// Forgets everything added so far and returns it. An amount that is added meanwhile is in the total of what is returned or
    /// in the next one, never in both, never in neither. Later rates are of what was added later.
    pub fn reset(&self) -> ThroughputSnapshot {
        let core = &*self.core;
        let before = core.cache.replace(|baseline, _| {
            let now = core.shared.clock.coarse();
            // As in `read`, before the amounts; and these are looked at once, for both sides of the cut.
            let calls = core.calls();
            let (total, held) = (core.total(), core.held());
            let in_second = |second| held.get(&stamp(second)).copied().unwrap_or(0);
            let before = build(&core.windows, baseline, now, calls, total, in_second);
            *baseline = Baseline { second: now.as_secs(), before: held, total };
            (Some(build(&core.windows, baseline, now, calls, total, |_| 0)), before)
        });
        core.shared.resets.count();
        before
    }
}
