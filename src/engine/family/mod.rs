//! A family: series of one name that differ in their label values, found without a lock, created and removed under one.
//!
//! **Look-up.** In the index, without a lock. Of a series that is missing: take the lock, *look again*, take a place, add the series
//! to the members' list, raise the version, add it to the index. Of two threads that create the same series at the same moment, the
//! second one finds the first one's. A series that was found is in the next snapshot, because the list comes before the index.
//!
//! **Removal.** Under the same lock: off the list, off the index. Handles stay usable. What is written through them is *detached*: it
//! belongs to no series, and the members keep its sum. The index itself holds a handle, until the last look-up that found it is over.
//!
//! **Expiry.** See [`expiry`].
//!
//! **Cap.** When no place is left, a look-up of a missing series yields the overflow series, whose label values are all
//! [`OVERFLOW`]: two look-ups in the index, no lock. The overflow series needs no place, so that it can always be made.
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | second look-up under the lock | the lock | two series with the same labels | `family::two_create_one` |
//! | removal from list and index under one lock | the lock | two series with the same labels, or none | `family::creation_races_removal` |
//! | a series that leaves is put back, not made anew | the lock | one is removed that a handle writes to | `family::a_series_expires_without_handles` |
//!
//! **Progress.** A look-up of an existing series, and one that the cap turns away, are lock-free. Everything else blocks.

pub(crate) mod cap;
pub(crate) mod cells;
pub(crate) mod dirty;
pub(crate) mod expiry;
pub(crate) mod labels;
pub(crate) mod list;
pub(crate) mod objects;
mod sweep;

use crate::engine::throughput::Moment;
use crate::engine::versioned::{Version, Versioned};
use crate::index::Index;
use crate::sync::{AtomicUsize, Relaxed};
use cap::Cap;
use expiry::{IdleTime, Stamp};
use labels::LabelValues;
use std::fmt::Debug;
use std::sync::Arc;

/// Every label value of the series that takes what comes beyond the cap.
pub(crate) const OVERFLOW: &str = "overflow";

/// What the series of a family are made of. All methods are called under the family's lock.
pub(crate) trait Members {
    /// What a look-up finds.
    type Handle: Clone + Send + Sync;
    type Value;
    /// What readers copy.
    type List;

    /// Adds a series, and returns its handle and its position.
    fn create(&mut self, labels: &LabelValues) -> (Self::Handle, usize);
    /// Takes the series off its position, and returns its value. What is written later is detached.
    fn remove(&mut self, position: usize, now: Moment) -> Option<Self::Value>;
    /// Takes the series off its position, with all that was written to it detached.
    fn expire(&mut self, position: usize, now: Moment);
    /// A further handle of the series at this position.
    fn handle(&self, position: usize) -> Option<Self::Handle>;
    /// How many handles of it there are. When it is zero, what was written through them is visible.
    fn handles(&self, position: usize) -> usize;
    /// The positions of all series.
    fn positions(&self) -> Vec<usize>;
    fn list(&self) -> &Arc<Self::List>;
    /// The labels of the series at this position.
    fn labels(&self, position: usize) -> Option<&LabelValues>;
    /// All series with their values, in the order of their positions.
    fn values(&self, now: Moment) -> Vec<(LabelValues, Self::Value)>;
    /// The sum of all values.
    fn sum(&self, now: Moment) -> Self::Value;
    /// What was written to series after they were removed.
    fn detached(&self, now: Moment) -> Self::Value;
    fn len(&self) -> usize;
}

/// A list that readers copy.
pub(crate) trait Listed<L>: Debug + Send + Sync {
    fn list(&self) -> Arc<L>;
    /// The cap, and what it turned away.
    fn cap(&self) -> &Cap;
}

/// The handles of a family by label values. It can be read without the family.
#[derive(Debug)]
pub(crate) struct Lookup<H>(Index<Located<H>>);

#[derive(Debug)]
struct Located<H> {
    handle: H,
    position: u32,
    used: Stamp,
}

/// What a family's lock protects.
#[derive(Debug)]
struct Guarded<S> {
    members: S,
    /// Positions of series that are off the index, and not removed yet.
    leaving: Vec<usize>,
}

/// The family has as many series as it may have, and no overflow series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// See the module's header.
#[derive(Debug)]
pub(crate) struct Family<S: Members> {
    lookup: Arc<Lookup<S::Handle>>,
    guarded: Versioned<Guarded<S>>,
    cap: Cap,
    idle: Option<IdleTime>,
    /// How many series are leaving.
    leaving: AtomicUsize,
}

impl<H: Send + Sync> Lookup<H> {
    /// Calls `found` with the handle of the series that has these label values, if there is one. `stamp`: of a family that expires.
    #[inline]
    pub(crate) fn find<R>(
        &self,
        values: &[&str],
        stamp: Option<u32>,
        found: impl FnOnce(Option<&H>) -> R,
    ) -> R {
        self.0.get(values, |located| {
            if let (Some(located), Some(stamp)) = (located, stamp) {
                located.used.set(stamp);
            }
            found(located.map(|located| &located.handle))
        })
    }

    fn insert(&self, labels: &LabelValues, handle: H, position: usize, stamp: Option<u32>) {
        let located = Located {
            handle,
            position: position as u32,
            used: Stamp::new(stamp.unwrap_or_default()),
        };
        self.0.insert(labels.clone(), located);
    }
}

impl<S: Members> Guarded<S> {
    /// Where the series with these label values is, which may be leaving.
    fn position(&self, lookup: &Lookup<S::Handle>, values: &[&str]) -> Option<usize> {
        let found = lookup
            .0
            .get(values, |located| Some(located?.position as usize));
        found.or_else(|| Some(self.leaving[self.leaves(values)?]))
    }

    /// Which of the leaving series has these label values.
    fn leaves(&self, values: &[&str]) -> Option<usize> {
        let labels = |position: &usize| self.members.labels(*position);
        let is = |position| labels(position).is_some_and(|labels| labels.are(values));
        self.leaving.iter().position(is)
    }
}

impl<S: Members> Family<S> {
    /// `idle`: how long to keep a series that has no handle and is not looked up.
    pub(crate) fn new(
        members: S,
        version: &Arc<Version>,
        cap: Cap,
        idle: Option<IdleTime>,
    ) -> Self {
        let guarded = Guarded {
            members,
            leaving: Vec::new(),
        };
        Self {
            lookup: Arc::new(Lookup(Index::default())),
            guarded: Versioned::sharing(guarded, version),
            cap,
            idle,
            leaving: AtomicUsize::new(0),
        }
    }

    pub(crate) fn lookup(&self) -> &Arc<Lookup<S::Handle>> {
        &self.lookup
    }

    /// How long series are kept that are idle, if they expire.
    pub(crate) fn idle_time(&self) -> Option<IdleTime> {
        self.idle
    }

    /// The handle of the series with these label values, which is created if it is missing, or that of the overflow series. `stamp`: of
    /// a family that expires, as in all look-ups.
    pub(crate) fn get_or_create(
        &self,
        values: &[&str],
        stamp: Option<u32>,
    ) -> Result<S::Handle, Full> {
        match self.lookup.find(values, stamp, |found| found.cloned()) {
            Some(handle) => Ok(handle),
            None => self.create(values, stamp),
        }
    }

    /// [`Self::get_or_create`], of a series that a look-up has not found.
    pub(crate) fn create(&self, values: &[&str], stamp: Option<u32>) -> Result<S::Handle, Full> {
        let needs_place = !self.cap.is_overflow(values);
        // Relaxed: who misses a series in the index because it leaves sees that one does.
        let none_leaves = self.leaving.load(Relaxed) == 0;
        if needs_place && self.cap.is_reached() && none_leaves {
            return self.overflow(stamp);
        }
        let labels = LabelValues::new(values);
        let created = self.guarded.change_then(
            |guarded| {
                if let Some(handle) = self.lookup.find(values, stamp, |found| found.cloned()) {
                    return Err(Some(handle));
                }
                if let Some(handle) = self.put_back(guarded, values, stamp) {
                    return Err(Some(handle));
                }
                if needs_place && !self.cap.try_take() {
                    return Err(None);
                }
                Ok(guarded.members.create(&labels))
            },
            |(handle, position)| {
                self.lookup
                    .insert(&labels, handle.clone(), *position, stamp)
            },
        );
        match created {
            Ok((handle, _)) | Err(Some(handle)) => Ok(handle),
            Err(None) => self.overflow(stamp),
        }
    }

    /// The overflow series, which takes what a look-up of a further series was for.
    #[cold]
    fn overflow(&self, stamp: Option<u32>) -> Result<S::Handle, Full> {
        self.cap.count_overflow();
        let labels = self.cap.overflow().ok_or(Full)?;
        const IN_PLACE: usize = 8;
        match [OVERFLOW; IN_PLACE].get(..labels) {
            Some(values) => self.get_or_create(values, stamp),
            None => self.get_or_create(&vec![OVERFLOW; labels], stamp),
        }
    }

    /// Removes the series with these label values, and returns its value.
    pub(crate) fn remove(&self, values: &[&str], now: Moment) -> Option<S::Value> {
        self.remove_if(values, now, |_| true)
    }

    /// Removes this very series, unless it was removed already.
    pub(crate) fn remove_series(&self, labels: &LabelValues, now: Moment) -> Option<S::Value> {
        let values: Vec<&str> = labels.iter().collect();
        self.remove_if(&values, now, |found| found.is(labels))
    }

    fn remove_if(
        &self,
        values: &[&str],
        now: Moment,
        condition: impl FnOnce(&LabelValues) -> bool,
    ) -> Option<S::Value> {
        let removed = self.guarded.change_then(
            |guarded| {
                let position = guarded.position(&self.lookup, values).ok_or(())?;
                let labels = guarded.members.labels(position);
                if !labels.is_some_and(condition) {
                    return Err(());
                }
                if let Some(leaves) = guarded.leaves(values) {
                    self.leaves_no_more(guarded, leaves);
                }
                guarded.members.remove(position, now).ok_or(())
            },
            |_| {
                self.lookup.0.remove(values);
                self.give_back_place(values);
            },
        );
        removed.ok()
    }

    fn give_back_place(&self, values: &[&str]) {
        if !self.cap.is_overflow(values) {
            self.cap.give_back();
        }
    }

    /// Calls `read` with the members, while no series is created or removed.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&S) -> R) -> R {
        self.guarded.read(|guarded| read(&guarded.members))
    }
}

impl<S: Members + Debug + Send> Listed<S::List> for Family<S>
where
    S::Handle: Debug,
{
    fn list(&self) -> Arc<S::List> {
        self.read(|members| Arc::clone(members.list()))
    }

    fn cap(&self) -> &Cap {
        &self.cap
    }
}
