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
mod own_rendering;
mod page;
mod page_error;
mod page_family;
mod page_part;
mod registered;
mod renderer;
mod rendering;
mod selection;
mod series_id;
mod series_snapshot;
mod single;
mod snapshot;
mod spare;
mod state;
mod throughputs;
mod upkeep;

pub use builder::RegistryBuilder;
pub use family_snapshot::FamilySnapshot;
pub use observer::Observations;
pub use page::Page;
pub use page_error::PageError;
pub use page_family::PageFamily;
pub use series_id::SeriesId;
pub use series_snapshot::SeriesSnapshot;
pub use snapshot::RegistrySnapshot;
pub use upkeep::Upkeep;

use crate::clock::Clock;
use crate::snapshot::latest::Latest;
use selection::Selection;
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

/// Nothing is left half-changed, whatever panics: what a panic interrupts is done anew by the next reader (`tests/faults`).
impl std::panic::RefUnwindSafe for Registry {}
impl std::panic::UnwindSafe for Registry {}

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
        self.selected(None)
    }

    /// [`Self::page`] with the families of these names alone; with no names, everything. A name may be the family's, as snapshots show it, or
    /// that of one of its samples (`requests_total`); a name that ends in `*` means all families whose names begin with the rest.
    ///
    /// A scrape that comes often can ask for little: what is not asked for is not rendered, and callbacks of other observable metrics
    /// are not called. The snapshot holds everything all the same.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::new();
    /// registry.counter("requests", "Requests answered.")?.inc();
    /// registry.gauge("queued", "Requests that wait.")?;
    /// let page = registry.page_of(["requests_total"]);
    /// assert!(page.render_prometheus().ends_with("requests_total 1\n"));
    /// assert_eq!(registry.page_of(["req*", "queued"]).render_prometheus().matches("# TYPE").count(), 2);
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn page_of(&self, names: impl IntoIterator<Item: AsRef<str>>) -> Page {
        self.selected(Selection::new(names))
    }

    /// [`Self::page_of`] the values of `name[]` in a URL's query, as other exporters take them; without one, everything.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::new();
    /// registry.counter("requests", "Requests answered.")?.inc();
    /// registry.gauge("queued", "Requests that wait.")?;
    /// let page = registry.page_of_query("name%5B%5D=queued");
    /// assert!(page.render_prometheus().ends_with("queued 0\n"));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn page_of_query(&self, query: &str) -> Page {
        self.selected(Selection::of_query(query))
    }

    fn selected(&self, selection: Option<Selection>) -> Page {
        let observers = self.state.observers();
        let usage = self.state.context.promotion.budget.usage();
        let caches = Arc::clone(&self.state.rendered);
        let own = self.state.own.as_ref();
        Page::new(self.snapshot(), &observers, own, usage, caches, selection)
    }

    /// What all names begin with, before a `_`: the [prefix](RegistryBuilder::prefix) of the registry, if it has one.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::builder().prefix("app")?.build();
    /// assert_eq!(registry.prefix(), Some("app"));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn prefix(&self) -> Option<&str> {
        self.state.naming.prefix()
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
