//! Idle expiry: a series that has no handle, and was not looked up for a while, is removed.
//!
//! **Idle.** Each series of a family that expires carries the time of its last look-up ([`Stamp`]). A sweep, under the family's lock,
//! stamps those that have handles.
//!
//! [`sweep`](super::sweep) removes such series safely.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | stamp, when the next sweep is due | Relaxed | nothing: a number; that no handle is left is checked by itself | | |
//!
//! **Progress.** Stamping is wait-free. A sweep blocks.

use crate::engine::throughput::Moment;
use crate::sync::{AtomicU32, AtomicU64, Mutex, PoisonError, Relaxed, TryLockError};
use std::fmt::Debug;
use std::sync::Weak;
use std::time::Duration;

/// How long a family keeps series that are idle, in ticks of its own: a thousandth of that time, but at least a millisecond.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdleTime {
    /// Milliseconds.
    tick: u64,
    ticks: u32,
}

/// When a series was last looked up.
#[derive(Debug)]
pub(super) struct Stamp(AtomicU32);

impl IdleTime {
    pub(crate) fn new(idle: Duration) -> Self {
        let millis = millis(idle);
        let tick = (millis / 1_000).max(1);
        Self {
            tick,
            ticks: millis.div_ceil(tick) as u32,
        }
    }

    /// The first tick that is not before this time: the stamp of a look-up.
    #[inline]
    pub(crate) fn stamp(self, now: Duration) -> u32 {
        millis(now).div_ceil(self.tick) as u32
    }

    /// The milliseconds until a series with this stamp expires. `None`: it has been idle for long enough.
    pub(super) fn left(self, stamp: u32, now: Duration) -> Option<u64> {
        let tick = (millis(now) / self.tick) as u32;
        // Less than nothing, if the clock went back: that is not long.
        let passed = i64::from(tick.wrapping_sub(stamp).cast_signed());
        let left = u64::try_from(i64::from(self.ticks) - passed).ok()?;
        (left > 0).then(|| left.saturating_mul(self.tick))
    }

    /// The least and the most milliseconds from one sweep to the next.
    pub(super) fn between_sweeps(self) -> (u64, u64) {
        let most = u64::from(self.ticks).saturating_mul(self.tick);
        (most / 100 + 1, most)
    }
}

impl Stamp {
    pub(super) fn new(stamp: u32) -> Self {
        Self(AtomicU32::new(stamp))
    }

    #[inline]
    pub(super) fn set(&self, stamp: u32) {
        // Relaxed, both: a number. It is not stored over itself, so that look-ups do not contend.
        if self.0.load(Relaxed) != stamp {
            self.0.store(stamp, Relaxed);
        }
    }

    pub(super) fn get(&self) -> u32 {
        // Relaxed: a number.
        self.0.load(Relaxed)
    }
}

/// Milliseconds; what does not fit never comes.
pub(super) fn millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(u64::MAX)
}

/// A family whose series expire.
pub(crate) trait Expires: Debug + Send + Sync {
    /// Removes the series that are idle, and says when the next sweep is due, in milliseconds of the coarse clock.
    fn sweep(&self, now: Moment) -> u64;
}

/// The families of a registry whose series expire.
#[derive(Debug)]
pub(crate) struct Expiries {
    families: Mutex<Vec<Weak<dyn Expires>>>,
    /// When the next sweep is due, in milliseconds of the coarse clock.
    due: AtomicU64,
}

impl Default for Expiries {
    fn default() -> Self {
        Self {
            families: Mutex::new(Vec::new()),
            due: AtomicU64::new(u64::MAX),
        }
    }
}

impl Expiries {
    pub(crate) fn add(&self, family: Weak<dyn Expires>) {
        let mut families = self.families.lock().unwrap_or_else(PoisonError::into_inner);
        families.push(family);
        // Relaxed: a number. The next look sweeps, and finds out when the one after that is due.
        self.due.store(0, Relaxed);
    }

    /// Removes what is idle. `now` is asked for the time only if anything may expire.
    #[inline]
    pub(crate) fn sweep(&self, now: impl FnOnce() -> Moment) {
        // Relaxed: a number.
        let due = self.due.load(Relaxed);
        if due != u64::MAX {
            self.sweep_at(due, now());
        }
    }

    #[cold]
    fn sweep_at(&self, due: u64, now: Moment) {
        if millis(now.coarse) < due {
            return;
        }
        let mut families = match self.families.try_lock() {
            Ok(families) => families,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Another thread is at it.
            Err(TryLockError::WouldBlock) => return,
        };
        let mut due = u64::MAX;
        families.retain(|family| {
            let family = family.upgrade();
            if let Some(family) = &family {
                due = due.min(family.sweep(now));
            }
            family.is_some()
        });
        // Relaxed: a number.
        self.due.store(due, Relaxed);
    }
}
