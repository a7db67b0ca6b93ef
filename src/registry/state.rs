//! What all clones of a registry share: the catalog, and the cached snapshot.
//!
//! The concurrent steps are the engine's: [`Versioned`] for the catalog, [`Sources`] for the order of reading,
//! [`SnapshotCache`] for the snapshot.

use crate::engine::family::cap::Places;
use crate::engine::read_order::{ReadCache, Readout, Sources};
use crate::engine::rebuilds::Rebuilds;
use crate::engine::snapshot_cache::SnapshotCache;
use crate::engine::throughput::Moment;
use crate::engine::versioned::{Version, Versioned};
use crate::error::RegisterError;
use crate::metric::context::MetricContext;
use crate::metric::histogram::HistogramCore;
use crate::metric::throughput::ThroughputCore;
use crate::registry::catalog::Catalog;
use crate::registry::names::{Naming, reserve};
use crate::registry::observer::Observer;
use crate::registry::own::OwnFamilies;
use crate::registry::registered::{Refusal, Registered};
use crate::registry::rendering::RenderCaches;
use crate::registry::snapshot::RegistrySnapshot;
use crate::sample::description::FamilyDescription;
use std::sync::Arc;
use std::time::Duration;

/// See the module's header.
#[derive(Debug)]
pub(super) struct RegistryState {
    pub(super) context: Arc<MetricContext>,
    pub(super) naming: Naming,
    pub(super) own: Option<OwnFamilies>,
    /// Which rebuilds of the snapshot are under way.
    pub(super) rebuilds: Arc<Rebuilds>,
    /// Places for the series of all families.
    pub(super) places: Arc<Places>,
    registered: Versioned<Registered>,
    cache: SnapshotCache<ReadCache<HistogramCore, ThroughputCore>, RegistrySnapshot>,
    /// What pages looked like last.
    pub(super) rendered: Arc<RenderCaches>,
}

impl RegistryState {
    pub(super) fn new(
        context: MetricContext,
        naming: Naming,
        own: Option<OwnFamilies>,
        max_series: usize,
        keep_rendered: bool,
    ) -> Self {
        let taken = context.now();
        let mut registered = Registered::default();
        for family in own.iter().flat_map(OwnFamilies::descriptions) {
            // There are no names yet that these could clash with.
            let _ = reserve(&mut registered.names, &[(&family.name, family.kind)]);
        }
        let rejected = own.as_ref().map(|own| Arc::clone(&own.rejected));
        registered.catalog = Arc::new(Catalog::new(rejected, Arc::clone(&context.promotion)));
        let empty = || RegistrySnapshot {
            catalog: Arc::default(),
            version: 0,
            readout: Readout::default(),
            second: 0,
            taken,
        };
        Self {
            context: Arc::new(context),
            naming,
            own,
            rebuilds: Arc::default(),
            places: Arc::new(Places::new(max_series)),
            registered: Versioned::new(registered),
            cache: SnapshotCache::new(ReadCache::default(), empty()),
            rendered: Arc::new(RenderCaches::new(empty(), keep_rendered)),
        }
    }

    /// The version that everything that is registered shares.
    pub(super) fn version(&self) -> &Arc<Version> {
        self.registered.version()
    }

    /// Adds families that `add` puts into the catalog, all or nothing, and keeps the handle that it returns. If the first one is
    /// registered already with the same description and options, returns that handle.
    pub(super) fn register<M, O>(
        &self,
        families: Vec<FamilyDescription>,
        options: O,
        add: impl FnOnce(&mut Catalog, &[Arc<FamilyDescription>]) -> M,
    ) -> Result<M, RegisterError>
    where
        M: Clone + Send + Sync + 'static,
        O: PartialEq + Send + Sync + 'static,
    {
        let families = families.into_iter().map(Arc::new).collect();
        let registered = self
            .registered
            .change(|registered| registered.register(families, options, add));
        match registered {
            Ok(metric) | Err(Refusal::Known(metric)) => Ok(metric),
            Err(Refusal::Taken(error)) => Err(error),
        }
    }

    /// Removes what is registered under this name.
    pub(super) fn unregister(&self, name: &str) -> bool {
        let change = |registered: &mut Registered| registered.unregister(name).ok_or(());
        self.registered.change(change).is_ok()
    }

    /// Changes the help text of what is registered under this name.
    pub(super) fn describe(&self, name: &str, help: &str) -> bool {
        let change = |registered: &mut Registered| registered.describe(name, help).ok_or(());
        self.registered.change(change).is_ok()
    }

    /// Takes the names of an observed family.
    pub(super) fn add_observer(&self, observer: Observer) -> Result<(), RegisterError> {
        self.registered
            .change(|registered| registered.add_observer(observer))
    }

    pub(super) fn observers(&self) -> Arc<[Observer]> {
        self.registered
            .read(|registered| Arc::clone(&registered.observers))
    }

    /// Families that are registered.
    pub(super) fn families(&self) -> usize {
        self.registered
            .read(|registered| registered.catalog.families.len())
    }

    pub(super) fn snapshot(&self) -> Arc<RegistrySnapshot> {
        self.context.expire();
        // Before anything is locked: the clock is the user's code.
        let (second, exact) = (self.context.second(), self.context.now_for_staleness());
        let published = self.cache.latest();
        if self.is_current(&published, second, exact) {
            return published;
        }
        // The request first: a rebuild that started before it is not of a later second than `now`, and may be replaced.
        let request = self.cache.request();
        let now = self.context.moment();
        let second = now.coarse.as_secs();
        // One that was rebuilt after the request holds everything, but another reader's time may be of an earlier second.
        let serves = |published: &RegistrySnapshot, newer| {
            newer && published.second >= second || self.is_current(published, second, exact)
        };
        self.cache
            .answer(request, serves, |cache, _| self.rebuild(cache, now))
    }

    /// Keeps what windows and decaying rates need of this second.
    pub(super) fn tick(&self) {
        self.context.expire();
        let catalog = self
            .registered
            .read(|registered| Arc::clone(&registered.catalog));
        for group in catalog.histograms.iter() {
            group.for_each(HistogramCore::tick);
        }
        for group in catalog.throughputs.iter() {
            group.for_each(ThroughputCore::tick);
        }
    }

    pub(super) fn latest(&self) -> Arc<RegistrySnapshot> {
        self.cache.latest()
    }

    fn is_current(&self, published: &RegistrySnapshot, second: u64, now: Option<Duration>) -> bool {
        let sources = self.sources(&published.catalog);
        // What is newly registered or reset shows at once, whatever staleness is allowed.
        if self.version().get() != published.version || sources.was_reset(&published.readout) {
            return false;
        }
        sources.is_current(&published.readout, second)
            || now.is_some_and(|now| self.context.within_staleness(published.taken, now))
    }

    fn rebuild(
        &self,
        cache: &mut ReadCache<HistogramCore, ThroughputCore>,
        now: Moment,
    ) -> RegistrySnapshot {
        // Before the catalog and the families' lists: what changes from here on is read again next time.
        let version = self.version().get();
        let catalog = self
            .registered
            .read(|registered| Arc::clone(&registered.catalog));
        let readout = self.sources(&catalog).read(cache, now);
        RegistrySnapshot {
            catalog,
            version,
            readout,
            second: now.coarse.as_secs(),
            taken: now.exact,
        }
    }

    fn sources<'a>(&'a self, catalog: &'a Catalog) -> Sources<'a, HistogramCore, ThroughputCore> {
        Sources {
            generation: &self.context.generation,
            changes: &self.context.promotion.changes,
            rebuilds: &self.rebuilds,
            histograms: &catalog.histograms,
            throughputs: &catalog.throughputs,
            pages: &catalog.pages,
        }
    }
}
