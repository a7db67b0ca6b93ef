//! Stands in for `ArcSwap`, with exactly the edges that its documentation promises: `store` releases, `load` acquires, and
//! nothing leads from a reader to a writer.

use crate::sync::{Acquire, AtomicUsize, Release};
use std::sync::{Arc, Mutex};

/// The values themselves are handed over by index, which loom does not see.
#[derive(Debug)]
pub(crate) struct Published<T> {
    newest: AtomicUsize,
    versions: Mutex<Vec<Arc<T>>>,
}

impl<T> Published<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        Self {
            newest: AtomicUsize::new(0),
            versions: Mutex::new(vec![value]),
        }
    }

    pub(crate) fn load(&self) -> Arc<T> {
        let newest = self.newest.load(Acquire);
        Arc::clone(&self.versions.lock().unwrap()[newest])
    }

    pub(crate) fn store(&self, value: Arc<T>) {
        let mut versions = self.versions.lock().unwrap();
        versions.push(value);
        let newest = versions.len() - 1;
        drop(versions);
        self.newest.store(newest, Release);
    }
}
