//! Stands in for the concurrent map: a lock that shuttle sees, held for one step.

use crate::engine::family::labels::LabelValues;
use shuttle::sync::Mutex;
use std::fmt;
use std::sync::Arc;

/// See `src/index.rs`.
pub(crate) struct Index<V>(Mutex<Vec<(LabelValues, Arc<V>)>>);

impl<V> Default for Index<V> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<V> Index<V> {
    pub(crate) fn get<R>(&self, values: &[&str], found: impl FnOnce(Option<&V>) -> R) -> R {
        let value = {
            let entries = self.0.lock().expect("no user code runs under this lock");
            let entry = entries.iter().find(|(labels, _)| labels.are(values));
            entry.map(|(_, value)| Arc::clone(value))
        };
        found(value.as_deref())
    }

    pub(crate) fn insert(&self, labels: LabelValues, value: V) {
        let mut entries = self.0.lock().expect("no user code runs under this lock");
        entries.push((labels, Arc::new(value)));
    }

    pub(crate) fn remove(&self, values: &[&str]) {
        let mut entries = self.0.lock().expect("no user code runs under this lock");
        let at = entries.iter().position(|(labels, _)| labels.are(values));
        let removed = at.map(|at| entries.swap_remove(at));
        drop(entries);
        drop(removed);
    }
}

impl<V> fmt::Debug for Index<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Index")
    }
}
