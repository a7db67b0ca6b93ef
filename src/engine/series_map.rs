//! The series of a family by their label values: found, or created once.
//!
//! **Protocol.** Look up under the read lock; if the series is missing, take the write lock, *look again*, create. Of two
//! threads that create the same series at the same moment, the second one finds the first one's.
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | second look-up under the write lock | the lock | two series with the same labels | `series_map::two_create_one` |
//!
//! **Progress.** Blocking. A look-up of an existing series does not wait for other look-ups.

use crate::sync::{PoisonError, RwLock};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// The values of a series' labels, in the order of the label names.
pub(crate) type LabelValues = Arc<[Box<str>]>;

/// See the module's header.
#[derive(Debug)]
pub(crate) struct SeriesMap<V> {
    hasher: RandomState,
    /// The series that have the same hash.
    by_hash: RwLock<HashMap<u64, Vec<(LabelValues, V)>>>,
}

impl<V> Default for SeriesMap<V> {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            by_hash: RwLock::new(HashMap::new()),
        }
    }
}

impl<V: Clone> SeriesMap<V> {
    /// The series with these label values; the one that `create` returns if it is new.
    pub(crate) fn get_or_create(
        &self,
        values: &[&str],
        create: impl FnOnce(LabelValues) -> V,
    ) -> V {
        let hash = self.hasher.hash_one(values);
        if let Some(found) = find(
            &self.by_hash.read().unwrap_or_else(PoisonError::into_inner),
            hash,
            values,
        ) {
            return found;
        }
        let mut by_hash = self.by_hash.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = find(&by_hash, hash, values) {
            return found;
        }
        let labels: LabelValues = values.iter().map(|value| Box::from(*value)).collect();
        let created = create(Arc::clone(&labels));
        by_hash
            .entry(hash)
            .or_default()
            .push((labels, created.clone()));
        created
    }
}

fn find<V: Clone>(
    by_hash: &HashMap<u64, Vec<(LabelValues, V)>>,
    hash: u64,
    values: &[&str],
) -> Option<V> {
    let same = |labels: &LabelValues| labels.iter().map(AsRef::as_ref).eq(values.iter().copied());
    by_hash
        .get(&hash)?
        .iter()
        .find(|(labels, _)| same(labels))
        .map(|(_, series)| series.clone())
}
