//! Idle expiry: series that nobody looked up for a time, and of which nobody has a handle, are removed.
//!
//! **Idle.** Each series of a family that expires carries the time of its last look-up ([`Stamp`]). A sweep, under the family's lock,
//! stamps those of which there are handles.
//!
//! [`sweep`](super::sweep) says how a series is removed that nobody may reach.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | stamp, when the next sweep is due | Relaxed | nothing: a number; that no handle is left is checked by itself | | |
//!
//! **Progress.** Stamping is wait-free. A sweep blocks.

use crate::engine::throughput::Moment;
use crate::sync::{AtomicU64, Mutex, PoisonError, Relaxed, TryLockError};
use std::fmt::Debug;
use std::sync::Weak;
use std::time::Duration;

/// When a series was last looked up: milliseconds of the coarse clock.
#[derive(Debug)]
pub(super) struct Stamp(AtomicU64);

impl Stamp {
    pub(super) fn new(now: Duration) -> Self {
        Self(AtomicU64::new(millis(now)))
    }

    #[inline]
    pub(super) fn set(&self, now: Duration) {
        let now = millis(now);
        // Relaxed, both: a number. It is not stored over itself, so that look-ups do not contend.
        if self.0.load(Relaxed) != now {
            self.0.store(now, Relaxed);
        }
    }

    /// When the series expires that was last looked up then.
    pub(super) fn expires(&self, after: Duration) -> u64 {
        // Relaxed: a number.
        self.0.load(Relaxed).saturating_add(millis(after))
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
