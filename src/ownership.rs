//! Whether threads get cells of their own: an option that the registry, metrics and the engine share.

/// Whether the threads that write to a metric share its cells, or each has its own.
///
/// Shared cells take the same memory whatever the number of threads, and a write to them is a few atomic read-modify-writes. A
/// thread's own cells take memory for each thread, and a write to them is a few plain loads and stores.
/// [`RegistryBuilder::ownership`](crate::RegistryBuilder::ownership) sets the default of a registry.
///
/// ```
/// use epoch_metrics::{Ownership, Registry};
///
/// let registry = Registry::builder().ownership(Ownership::Never).build();
/// let requests = registry.counter("requests", "Requests answered.")?;
/// requests.inc();
/// assert_eq!(requests.get(), 1);
/// assert_eq!(Ownership::default(), Ownership::Adaptive);
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ownership {
    /// Each thread has its own cells from its first write on, whatever
    /// [`RegistryBuilder::owned_bytes`](crate::RegistryBuilder::owned_bytes) says.
    Always,
    /// Threads share cells. A thread that wrote at least 256 times in every quarter of a second, for a second, gets its own,
    /// as long as [`RegistryBuilder::owned_bytes`](crate::RegistryBuilder::owned_bytes) has room.
    #[default]
    Adaptive,
    /// Threads share cells, however often they write.
    Never,
}
