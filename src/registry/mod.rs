//! The registry: names, families, observable metrics, and one snapshot of everything.

mod builder;
mod catalog;
#[cfg(feature = "gzip")]
mod compression;
mod families;
mod family_snapshot;
mod merge;
mod names;
mod observables;
mod observer;
mod own;
mod own_cells;
mod own_labels;
mod page;
mod page_error;
mod page_part;
mod registered;
mod renderer;
mod rendering;
mod series_snapshot;
mod single;
mod snapshot;
mod state;
mod throughputs;

pub use builder::RegistryBuilder;
pub use family_snapshot::FamilySnapshot;
pub use observer::Observations;
pub use page::Page;
pub use page_error::PageError;
pub use series_snapshot::SeriesSnapshot;
pub use snapshot::RegistrySnapshot;

use crate::clock::Clock;
use crate::snapshot::latest::Latest;
use state::RegistryState;
use std::fmt;
use std::sync::Arc;

/// A set of metrics that are exposed together. Clones are the same registry, and a handle outlives its registry.
///
/// ```
/// use epoch_metrics::{HistogramOptions, Registry};
///
/// let registry = Registry::new();
/// let requests = registry.counter("http_requests", "Requests answered.")?;
/// let latency = registry.histogram("http_latency", "Time to answer.", HistogramOptions::durations())?;
///
/// {
///     let _timer = latency.start();
///     requests.inc();
/// }
/// assert_eq!(requests.get(), 1);
/// assert_eq!(latency.snapshot().count(), 1);
/// assert!(registry.render_prometheus().contains("http_requests_total 1\n"));
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct Registry {
    state: Arc<RegistryState>,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// An empty registry with the system's clock, whose reads are always current.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Options for a registry.
    pub fn builder() -> RegistryBuilder {
        RegistryBuilder::default()
    }

    /// Removes the metric, the family or the observable metric of this name, and frees the name. `false`: there is none.
    ///
    /// Handles stay usable, but nothing shows what is written through them. The name is the one that it was registered with, or that
    /// snapshots show: without the suffixes that a page adds.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::new();
    /// registry.counter("requests", "Requests answered.")?;
    /// assert!(registry.unregister("requests"));
    /// registry.gauge("requests", "Requests under way.")?;
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn unregister(&self, name: &str) -> bool {
        self.state
            .naming
            .candidates(name)
            .iter()
            .any(|name| self.state.unregister(name))
    }

    /// Changes the help text of a registered metric or family. `false`: there is none of this name.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::new();
    /// registry.counter("requests", "")?.inc();
    /// assert!(registry.describe("requests", "Requests answered."));
    /// assert!(registry.render_prometheus().starts_with("# HELP requests_total Requests answered.\n"));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn describe(&self, name: &str, help: &str) -> bool {
        let candidates = self.state.naming.candidates(name);
        candidates
            .iter()
            .any(|name| self.state.describe(name, help))
    }

    /// Every metric: the same snapshot as last time if nothing was written, reset or registered since, and, if there is a
    /// throughput, the second is the same.
    ///
    /// Waits for no writer. Of readers that find something new at the same time, one builds and the others wait for it.
    pub fn snapshot(&self) -> Arc<RegistrySnapshot> {
        self.state.snapshot()
    }

    /// The last published snapshot, however old, without waiting.
    pub fn latest(&self) -> Latest<RegistrySnapshot> {
        let snapshot = self.state.latest();
        let taken = snapshot.taken;
        Latest::new(snapshot, taken, self.state.context.now())
    }

    /// A snapshot, and what the observable metrics report for it: what [`Self::render_prometheus`] and [`Self::render_json`]
    /// render. [`Page::merge`] makes one page of several registries.
    ///
    /// Calls the callbacks of the observable metrics in this thread, one after the other, under no lock: while one of them
    /// takes its time, registrations, snapshots and pages of other threads go on.
    pub fn page(&self) -> Page {
        let observers = self.state.observers();
        let usage = self.state.context.promotion.budget.usage();
        let caches = Arc::clone(&self.state.rendered);
        Page::new(
            self.snapshot(),
            &observers,
            self.state.own.as_ref(),
            usage,
            caches,
        )
    }

    /// The time source.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.state.context.clock
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("families", &self.state.families())
            .finish_non_exhaustive()
    }
}
