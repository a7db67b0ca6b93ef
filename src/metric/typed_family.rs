//! Families whose label values are given by name, in a type.

use crate::error::LabelError;
use crate::metric::family::{Family, Member};
use crate::metric::label_set::{LabelSet, check_names};
use std::fmt;
use std::marker::PhantomData;

impl<M: Member> Family<M> {
    /// The same family, whose label values are given as an `L`: values cannot be swapped.
    ///
    /// # Errors
    /// If the labels of the family are not those of `L`, in the same order.
    ///
    /// See [`label_set!`](crate::label_set) for an example.
    pub fn typed<L: LabelSet>(&self) -> Result<TypedFamily<M, L>, LabelError> {
        check_names::<L>(&self.names)?;
        Ok(TypedFamily {
            family: self.clone(),
            labels: PhantomData,
        })
    }
}

/// A [`Family`] whose label values are given as an `L`; [`Family::typed`] makes one.
///
/// ```
/// epoch_metrics::label_set! { struct Job { queue } }
///
/// let jobs = epoch_metrics::Registry::new().counter_family("jobs", "Jobs done.", &["queue"])?;
/// let jobs = jobs.typed::<Job>()?;
/// jobs.with_ref(Job { queue: "fast" }, |counter| counter.inc())?;
/// assert_eq!(jobs.with(Job { queue: "fast" })?.get(), 1);
/// assert_eq!(jobs.remove(Job { queue: "fast" }), Some(1));
/// assert!(jobs.get(Job { queue: "fast" }).is_none() && jobs.family().is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TypedFamily<M: Member, L> {
    family: Family<M>,
    labels: PhantomData<fn() -> L>,
}

impl<M: Member, L> Clone for TypedFamily<M, L> {
    fn clone(&self) -> Self {
        Self {
            family: self.family.clone(),
            labels: PhantomData,
        }
    }
}

impl<M: Member, L: LabelSet> TypedFamily<M, L> {
    /// [`Family::with`].
    ///
    /// # Errors
    /// Those of the family's method; the number of values is always right.
    pub fn with(&self, labels: L) -> Result<M, LabelError> {
        labels.with_values(|values| self.family.with(values))
    }

    /// [`Family::with_ref`].
    ///
    /// # Errors
    /// Those of the family's method; the number of values is always right.
    pub fn with_ref<R>(&self, labels: L, with: impl FnOnce(&M) -> R) -> Result<R, LabelError> {
        labels.with_values(|values| self.family.with_ref(values, with))
    }

    /// [`Family::get`].
    pub fn get(&self, labels: L) -> Option<M> {
        labels.with_values(|values| self.family.get(values))
    }

    /// [`Family::remove`].
    pub fn remove(&self, labels: L) -> Option<M::Value> {
        labels.with_values(|values| self.family.remove(values))
    }

    /// The family, for what concerns all of its series.
    pub fn family(&self) -> &Family<M> {
        &self.family
    }
}

impl<M: Member, L: LabelSet> fmt::Debug for TypedFamily<M, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedFamily")
            .field("labels", &L::NAMES)
            .finish_non_exhaustive()
    }
}
