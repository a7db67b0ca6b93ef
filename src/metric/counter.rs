//! Counters: one cell that threads share, and one for each thread that counts often.

use crate::engine::counter::handles::CellHandle;
use crate::metric::family::{Member, sealed};
use crate::thread::ThisThread;
use std::fmt;

/// A number that only goes up, until it wraps at 2^64.
///
/// Threads share its cell: adding is one atomic addition. A thread that writes often to the page of 256 counters and gauges that
/// this one is on gets [cells of its own](crate::Ownership) there; adding is then two stores to memory that no other thread writes.
/// A thread's first write to a page, and the write that gets it its own cells, allocate and may block; [`warm`](Self::warm)
/// does that beforehand. Clones count into the same metric.
///
/// Not for signal handlers: one that interrupts a write to any metric of the registry on its own thread, or any metric's first
/// write, may lose a write or deadlock.
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
    cell: CellHandle,
}

impl sealed::Sealed for Counter {}

impl Member for Counter {
    type Value = u64;
}

impl Counter {
    pub(crate) fn new(cell: CellHandle) -> Self {
        Self { cell }
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `n`.
    #[inline]
    pub fn add(&self, n: u64) {
        self.cell.page().add(ThisThread, self.cell.index(), n);
    }

    /// Raises the value to `value`, such as one that another library counts; never lowers it. What other threads
    /// [add](Self::add) at the same time comes on top.
    ///
    /// Takes a lock that those share who raise a counter. It must not be called by a global allocator.
    ///
    /// ```
    /// let accepted = epoch_metrics::Registry::new().counter("accepted", "Connections accepted.")?;
    /// accepted.raise_to(7);
    /// accepted.raise_to(5);
    /// assert_eq!(accepted.get(), 7);
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn raise_to(&self, value: u64) {
        self.cell.raise_to(ThisThread, value);
    }

    /// Makes the calling thread's own cells on this counter's page, whether the registry's
    /// [`owned_bytes`](crate::RegistryBuilder::owned_bytes) has room or not. From then on no write of this thread to a counter of the
    /// page allocates, or is an atomic read-modify-write. With [`Ownership::Never`](crate::Ownership::Never) it makes the shared cells,
    /// so that writing to this counter does not allocate.
    ///
    /// ```
    /// let requests = epoch_metrics::Registry::new().counter("requests", "Requests answered.")?;
    /// let worker = std::thread::spawn(move || {
    ///     requests.warm(); // once, before the thread serves requests
    ///     requests.inc();
    ///     requests.get()
    /// });
    /// assert_eq!(worker.join().expect("the thread ends"), 1);
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn warm(&self) {
        self.cell.page().warm(ThisThread, self.cell.index());
    }

    /// The value now: everything that was added before this call, and possibly some of what is added during it. Sums the shared
    /// cell, and one for each thread that has its own.
    pub fn get(&self) -> u64 {
        self.cell.value()
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Counter").field(&self.get()).finish()
    }
}
