//! Families: metrics of one name that differ in their label values.

use crate::error::LabelError;
use crate::registry::{AddSeries, Inner};
use crate::sync::{PoisonError, RwLock};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// The values of a series' labels, in the order of the family's label names.
pub(crate) type LabelValues = Arc<[Box<str>]>;

/// Metrics of one name that differ in their label values.
///
/// [`with`](Self::with) returns a handle, never a guard: look it up once for each value that you know, and keep it. Looking
/// up takes a read lock and hashes the values; recording through the handle does neither.
#[derive(Clone, Debug)]
pub struct Family<M> {
    members: Arc<Members<M>>,
}

#[derive(Debug)]
struct Members<M> {
    registry: Arc<Inner>,
    /// Where the registry keeps the family.
    family: usize,
    labels: usize,
    add: AddSeries<M>,
    hasher: RandomState,
    /// By the hash of their label values.
    by_hash: RwLock<HashMap<u64, Vec<(LabelValues, M)>>>,
}

impl<M: Clone> Family<M> {
    pub(crate) fn new(registry: Arc<Inner>, family: usize, labels: usize, add: AddSeries<M>) -> Self {
        let (hasher, by_hash) = (RandomState::new(), RwLock::default());
        Self { members: Arc::new(Members { registry, family, labels, add, hasher, by_hash }) }
    }

    /// The member with these label values, one for each label in the order of registration; made if it is new.
    ///
    /// # Errors
    /// If there are not as many values as labels.
    pub fn with(&self, values: &[&str]) -> Result<M, LabelError> {
        let of = &*self.members;
        if values.len() != of.labels {
            return Err(LabelError::WrongCount { expected: of.labels, given: values.len() });
        }
        let hash = of.hasher.hash_one(values);
        let find = |members: &HashMap<u64, Vec<(LabelValues, M)>>| {
            let same = |held: &LabelValues| held.iter().map(AsRef::as_ref).eq(values.iter().copied());
            members.get(&hash)?.iter().find(|(held, _)| same(held)).map(|(_, member)| member.clone())
        };
        if let Some(member) = find(&of.by_hash.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(member);
        }
        let mut members = of.by_hash.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(member) = find(&members) {
            return Ok(member);
        }
        let labels: LabelValues = values.iter().map(|value| Box::from(*value)).collect();
        let member = (of.add)(&of.registry, of.family, Arc::clone(&labels));
        members.entry(hash).or_default().push((labels, member.clone()));
        Ok(member)
    }
}
