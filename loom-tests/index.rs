//! Stands in for the concurrent map, with exactly the edges that `src/index.rs` promises: `insert` releases, a `get` that finds
//! the value acquires, and a value is dropped after the last `get` that found it.

use crate::engine::family::labels::LabelValues;
use crate::sync::{Acquire, AtomicUsize, Release};
use loom::sync::Arc;
use std::fmt;
use std::sync::Mutex;

/// Insertions that a model can make into one index.
const INSERTIONS: usize = 24;

/// The entries are handed over by a lock that loom does not see.
pub(crate) struct Index<V> {
    /// One for each insertion: 1 from then on. A `get` that still reads 0 has missed it.
    inserted: [AtomicUsize; INSERTIONS],
    entries: Mutex<Entries<V>>,
}

struct Entries<V> {
    /// Insertions so far.
    insertions: usize,
    /// Each with the number of its insertion.
    present: Vec<(LabelValues, usize, Arc<V>)>,
}

impl<V> Default for Index<V> {
    fn default() -> Self {
        Self {
            inserted: std::array::from_fn(|_| AtomicUsize::new(0)),
            entries: Mutex::new(Entries {
                insertions: 0,
                present: Vec::new(),
            }),
        }
    }
}

impl<V> Index<V> {
    pub(crate) fn get<R>(&self, values: &[&str], found: impl FnOnce(Option<&V>) -> R) -> R {
        let number = self.number(values);
        let number = number.filter(|number| self.inserted[*number].load(Acquire) == 1);
        // It may have been removed since.
        let value = number.and_then(|number| self.value(number));
        found(value.as_deref())
    }

    fn number(&self, values: &[&str]) -> Option<usize> {
        let entries = self.entries.lock().unwrap();
        let entry = entries.present.iter().find(|entry| entry.0.are(values))?;
        Some(entry.1)
    }

    fn value(&self, number: usize) -> Option<Arc<V>> {
        let entries = self.entries.lock().unwrap();
        let entry = entries.present.iter().find(|entry| entry.1 == number)?;
        Some(Arc::clone(&entry.2))
    }

    pub(crate) fn insert(&self, labels: LabelValues, value: V) {
        let value = Arc::new(value);
        let mut entries = self.entries.lock().unwrap();
        let number = entries.insertions;
        entries.insertions += 1;
        entries.present.push((labels, number, value));
        drop(entries);
        self.inserted[number].store(1, Release);
    }

    pub(crate) fn remove(&self, values: &[&str]) {
        let mut entries = self.entries.lock().unwrap();
        let at = entries.present.iter().position(|entry| entry.0.are(values));
        let removed = at.map(|at| entries.present.swap_remove(at));
        drop(entries);
        drop(removed);
    }
}

impl<V> fmt::Debug for Index<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Index")
    }
}
