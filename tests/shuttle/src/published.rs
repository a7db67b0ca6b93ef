//! Stands in for `ArcSwap`: a lock that shuttle sees, held for one step.

use shuttle::sync::Mutex;
use std::sync::Arc;

/// See `src/published.rs`.
#[derive(Debug)]
pub(crate) struct Published<T>(Mutex<Arc<T>>);

impl<T> Published<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        Self(Mutex::new(value))
    }

    pub(crate) fn load(&self) -> Arc<T> {
        Arc::clone(&self.0.lock().expect("no user code runs under this lock"))
    }

    pub(crate) fn store(&self, value: Arc<T>) {
        *self.0.lock().expect("no user code runs under this lock") = value;
    }
}
