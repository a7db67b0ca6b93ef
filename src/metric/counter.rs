//! Counters: one cell for each thread.

use crate::engine::counter::page::Page;
use crate::thread::ThisThread;
use std::fmt;
use std::sync::Arc;

/// A number that only goes up, until it wraps at 2^64.
///
/// Adding is two stores to memory that no other thread writes. A thread's first write to a page of 256 counters and gauges allocates
/// and may block. Clones count into the same metric.
///
/// Not for signal handlers: one that interrupts a write to any counter or gauge of the registry on its own thread, or any metric's
/// first write, may lose a write or deadlock.
///
/// ```
/// let requests = epoch_metrics::Registry::new().counter("requests", "Requests answered.")?;
/// let clone = requests.clone();
/// std::thread::spawn(move || clone.add(2)).join().expect("the thread ends");
/// requests.inc();
/// assert_eq!(requests.get(), 3);
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct Counter {
    page: Arc<Page>,
    index: u8,
}

impl Counter {
    pub(crate) fn new(page: Arc<Page>, index: u8) -> Self {
        Self { page, index }
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `n`.
    #[inline]
    pub fn add(&self, n: u64) {
        self.page.add(ThisThread, self.index, n);
    }

    /// The value now: everything that was added before this call, and possibly some of what is added during it. Sums one
    /// cell for each thread.
    pub fn get(&self) -> u64 {
        self.page.value(self.index)
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Counter").field(&self.get()).finish()
    }
}
