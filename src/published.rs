//! One `Arc` that is replaced by one thread and read by many: an [`arc_swap::ArcSwap`].
//!
//! A file of its own so that models can replace it: loom does not see into `ArcSwap`.

use arc_swap::ArcSwap;
use std::sync::Arc;

/// A value that is published by `store` (Release) and read by `load` (Acquire).
#[derive(Debug)]
pub(crate) struct Published<T>(ArcSwap<T>);

impl<T> Published<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        Self(ArcSwap::new(value))
    }

    /// Acquire: what the publisher did before `store` is visible to the caller.
    #[inline]
    pub(crate) fn load(&self) -> Arc<T> {
        self.0.load_full()
    }

    /// Release: publishes what the caller did before.
    pub(crate) fn store(&self, value: Arc<T>) {
        self.0.store(value);
    }
}
