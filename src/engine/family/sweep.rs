//! A family's sweeps: series that are idle ([`expiry`](super::expiry)) leave, and are removed once nothing can reach them.
//!
//! **Protocol.** A handle can only be cloned from another one, or from the index. So a series that is idle is taken off the index first, and
//! *leaves*; the index drops its own handle when no look-up that found it is under way. If no handle is left then, none can be
//! made, and the series is removed, with all that was written to it. A look-up in between that finds nothing creates the series, as it
//! would any other: under the lock it finds the one that leaves, and puts it back.
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | off the index before the handles are counted | the lock | a series is removed that a handle writes to | `family::a_series_expires_without_handles` |
//!
//! **Progress.** That of the family's lock.

use super::expiry::{Expires, IdleTime, millis};
use super::{Family, Guarded, Members};
use crate::engine::throughput::Moment;
use crate::sync::Relaxed;
use std::fmt::Debug;
use std::time::Duration;

impl<S: Members> Family<S> {
    /// Puts a series back that leaves.
    pub(super) fn put_back(
        &self,
        guarded: &mut Guarded<S>,
        values: &[&str],
        stamp: Option<u32>,
    ) -> Option<S::Handle> {
        let position = self.leaves_no_more(guarded, guarded.leaves(values)?);
        let (members, lookup) = (&guarded.members, &self.lookup);
        let handle = members.handle(position)?;
        lookup.insert(members.labels(position)?, handle.clone(), position, stamp);
        Some(handle)
    }

    /// Takes a series off those that leave.
    pub(super) fn leaves_no_more(&self, guarded: &mut Guarded<S>, leaves: usize) -> usize {
        // Relaxed: as in `create`.
        self.leaving.fetch_sub(1, Relaxed);
        guarded.leaving.swap_remove(leaves)
    }

    /// Takes series off the index that are idle, and says in how many milliseconds the next one may be.
    fn dismiss(&self, guarded: &mut Guarded<S>, idle: IdleTime, now: Duration) -> u64 {
        let (least, mut next) = idle.between_sweeps();
        for position in guarded.members.positions() {
            let Some(labels) = guarded.members.labels(position) else {
                continue;
            };
            let values: Vec<&str> = labels.iter().collect();
            // The index has a handle of its own.
            let is_held = guarded.members.handles(position) > 1;
            let left = self.lookup.0.get(&values, |located| {
                let used = &located?.used;
                if is_held {
                    used.set(idle.stamp(now));
                }
                Some(idle.left(used.get(), now))
            });
            match left {
                Some(Some(left)) => next = next.min(left),
                Some(None) => {
                    // Relaxed: the index publishes it.
                    self.leaving.fetch_add(1, Relaxed);
                    guarded.leaving.push(position);
                    self.lookup.0.remove(&values);
                }
                // It is leaving already.
                None => {}
            }
        }
        next.max(least)
    }

    /// Removes each leaving series that has no handles left. `Err`: there was none.
    fn remove_leaving(&self, guarded: &mut Guarded<S>, now: Moment) -> Result<(), ()> {
        let mut removed = Err(());
        for at in (0..guarded.leaving.len()).rev() {
            let position = guarded.leaving[at];
            if guarded.members.handles(position) > 0 {
                continue;
            }
            if let Some(labels) = guarded.members.labels(position) {
                self.give_back_place(&labels.iter().collect::<Vec<_>>());
            }
            self.leaves_no_more(guarded, at);
            // Where series cannot be added up, what they held is of no use.
            match self.cap.overflow() {
                Some(_) => guarded.members.expire(position, now),
                None => drop(guarded.members.remove(position, now)),
            }
            removed = Ok(());
        }
        removed
    }
}

impl<S: Members + Debug + Send> Expires for Family<S>
where
    S::Handle: Debug,
{
    fn sweep(&self, now: Moment) -> u64 {
        let Some(idle) = self.idle else {
            return u64::MAX;
        };
        let mut next = 0;
        let _ = self.guarded.change(|guarded| {
            next = self.dismiss(guarded, idle, now.coarse);
            self.remove_leaving(guarded, now)
        });
        millis(now.coarse).saturating_add(next)
    }
}
