//! A family: series of one name that differ in their label values, found without a lock, created and removed under one.
//!
//! **Look-up.** In the index, without a lock. Of a series that is missing: take the lock, *look again*, take a place, add the series
//! to the members' list, raise the version, add it to the index. Of two threads that create the same series at the same moment, the
//! second one finds the first one's. A series that was found is in the next snapshot, because the list comes before the index.
//!
//! **Removal.** Under the same lock: off the list, off the index. Handles stay usable. What is written through them is *detached*: it
//! belongs to no series, and the members keep its sum. The index itself holds a handle, until the last look-up that found it is over.
//!
//! **Cap.** When no place is left, a look-up of a missing series yields the overflow series, whose label values are all
//! [`OVERFLOW`]: two look-ups in the index, no lock. The overflow series needs no place, so that it can always be made.
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | second look-up under the lock | the lock | two series with the same labels | `family::two_create_one` |
//! | removal from list and index under one lock | the lock | two series with the same labels, or none | `family::creation_races_removal` |
//!
//! **Progress.** A look-up of an existing series, and one that the cap turns away, are lock-free. Everything else blocks.

pub(crate) mod cap;
pub(crate) mod cells;
pub(crate) mod labels;
pub(crate) mod list;
pub(crate) mod objects;

use crate::engine::throughput::Moment;
use crate::engine::versioned::{Version, Versioned};
use crate::index::Index;
use cap::Cap;
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
}

/// The family has as many series as it may have, and no overflow series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// See the module's header.
#[derive(Debug)]
pub(crate) struct Family<S: Members> {
    lookup: Arc<Lookup<S::Handle>>,
    members: Versioned<S>,
    cap: Cap,
}

impl<H: Send + Sync> Lookup<H> {
    /// Calls `found` with the handle of the series that has these label values, if there is one.
    #[inline]
    pub(crate) fn find<R>(&self, values: &[&str], found: impl FnOnce(Option<&H>) -> R) -> R {
        self.0.get(values, |located| {
            found(located.map(|located| &located.handle))
        })
    }

    fn position(&self, values: &[&str]) -> Option<usize> {
        self.0
            .get(values, |located| Some(located?.position as usize))
    }
}

impl<S: Members> Family<S> {
    pub(crate) fn new(members: S, version: &Arc<Version>, cap: Cap) -> Self {
        Self {
            lookup: Arc::new(Lookup(Index::default())),
            members: Versioned::sharing(members, version),
            cap,
        }
    }

    pub(crate) fn lookup(&self) -> &Arc<Lookup<S::Handle>> {
        &self.lookup
    }

    /// The handle of the series with these label values, which is created if it is missing, or that of the overflow series.
    pub(crate) fn get_or_create(&self, values: &[&str]) -> Result<S::Handle, Full> {
        match self.lookup.find(values, |found| found.cloned()) {
            Some(handle) => Ok(handle),
            None => self.create(values),
        }
    }

    /// [`Self::get_or_create`], of a series that a look-up has not found.
    pub(crate) fn create(&self, values: &[&str]) -> Result<S::Handle, Full> {
        let needs_place = !self.cap.is_overflow(values);
        if needs_place && self.cap.is_reached() {
            return self.overflow();
        }
        let labels = LabelValues::new(values);
        let created = self.members.change_then(
            |members| {
                if let Some(handle) = self.lookup.find(values, |found| found.cloned()) {
                    return Err(Some(handle));
                }
                if needs_place && !self.cap.try_take() {
                    return Err(None);
                }
                Ok(members.create(&labels))
            },
            |(handle, position)| {
                let located = Located {
                    handle: handle.clone(),
                    position: *position as u32,
                };
                self.lookup.0.insert(labels.clone(), located);
            },
        );
        match created {
            Ok((handle, _)) | Err(Some(handle)) => Ok(handle),
            Err(None) => self.overflow(),
        }
    }

    /// The overflow series, which takes what a look-up of a further series was for.
    #[cold]
    fn overflow(&self) -> Result<S::Handle, Full> {
        self.cap.count_overflow();
        let labels = self.cap.overflow().ok_or(Full)?;
        const IN_PLACE: usize = 8;
        match [OVERFLOW; IN_PLACE].get(..labels) {
            Some(values) => self.get_or_create(values),
            None => self.get_or_create(&vec![OVERFLOW; labels]),
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
        let removed = self.members.change_then(
            |members| {
                let position = self.lookup.position(values).ok_or(())?;
                if !members.labels(position).is_some_and(condition) {
                    return Err(());
                }
                members.remove(position, now).ok_or(())
            },
            |_| {
                self.lookup.0.remove(values);
                if !self.cap.is_overflow(values) {
                    self.cap.give_back();
                }
            },
        );
        removed.ok()
    }

    /// Calls `read` with the members, while no series is created or removed.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&S) -> R) -> R {
        self.members.read(read)
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
