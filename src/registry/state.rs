//! What all clones of a registry share: the catalog, and the cached snapshot.
//!
//! The concurrent steps are the engine's: [`Versioned`] for the catalog, [`Sources`] for the order of reading,
//! [`SnapshotCache`] for the snapshot.

use crate::engine::counter::page_cache::PageCache;
use crate::engine::read_order::{Readout, Sources};
use crate::engine::snapshot_cache::SnapshotCache;
use crate::engine::throughput::Moment;
use crate::engine::versioned::Versioned;
use crate::error::RegisterError;
use crate::metric::context::MetricContext;
use crate::metric::histogram::HistogramCore;
use crate::metric::throughput::ThroughputCore;
use crate::registry::catalog::Catalog;
use crate::registry::names::{Naming, reserve};
use crate::registry::observer::Observer;
use crate::registry::own::OwnFamilies;
use crate::registry::snapshot::RegistrySnapshot;
use crate::sample::description::FamilyDescription;
use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// See the module's header.
#[derive(Debug)]
pub(super) struct RegistryState {
    pub(super) context: Arc<MetricContext>,
    pub(super) naming: Naming,
    pub(super) own: Option<OwnFamilies>,
    registered: Versioned<Registered>,
    cache: SnapshotCache<PageCache, RegistrySnapshot>,
}

#[derive(Debug)]
struct Registered {
    catalog: Arc<Catalog>,
    /// Every name that a page uses.
    names: HashSet<String>,
    observers: Arc<[Observer]>,
}

impl RegistryState {
    pub(super) fn new(context: MetricContext, naming: Naming, own: Option<OwnFamilies>) -> Self {
        let taken = context.now();
        let mut names = HashSet::new();
        for family in own.iter().flat_map(OwnFamilies::descriptions) {
            // There are no names yet that these could clash with.
            let _ = reserve(&mut names, &[(&family.name, family.kind)]);
        }
        let registered = Registered {
            catalog: Arc::new(Catalog::new(Arc::clone(&context.promotion))),
            names,
            observers: [].into(),
        };
        let empty = RegistrySnapshot {
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
            registered: Versioned::new(registered),
            cache: SnapshotCache::new(PageCache::default(), empty),
        }
    }

    /// Adds families, and lets `add` add series to them; it gets the index of the first one. All or nothing.
    pub(super) fn register<R>(
        &self,
        families: Vec<FamilyDescription>,
        add: impl FnOnce(&mut Catalog, usize) -> R,
    ) -> Result<R, RegisterError> {
        self.registered.change(|registered| {
            let names: Vec<_> = families
                .iter()
                .map(|family| (family.name.as_str(), family.kind))
                .collect();
            reserve(&mut registered.names, &names)?;
            let catalog = Arc::make_mut(&mut registered.catalog);
            let first = catalog.families.len();
            families
                .into_iter()
                .for_each(|family| catalog.add_family(family));
            Ok(add(catalog, first))
        })
    }

    /// Changes the catalog in a way that needs no new names.
    pub(super) fn extend<R>(&self, add: impl FnOnce(&mut Catalog) -> R) -> R {
        let changed = self
            .registered
            .change(|registered| Ok::<R, Infallible>(add(Arc::make_mut(&mut registered.catalog))));
        match changed {
            Ok(result) => result,
            Err(never) => match never {},
        }
    }

    /// Takes the names of an observed family.
    pub(super) fn add_observer(&self, observer: Observer) -> Result<(), RegisterError> {
        self.registered.change(|registered| {
            let description = &observer.description;
            reserve(
                &mut registered.names,
                &[(&description.name, description.kind)],
            )?;
            registered.observers = registered
                .observers
                .iter()
                .cloned()
                .chain([observer])
                .collect();
            Ok(())
        })
    }

    pub(super) fn observers(&self) -> Arc<[Observer]> {
        self.registered
            .read(|registered, _| Arc::clone(&registered.observers))
    }

    /// Families and series that are registered.
    pub(super) fn size(&self) -> (usize, usize) {
        self.registered.read(|registered, _| {
            let families = &registered.catalog.families;
            (
                families.len(),
                families.iter().map(|family| family.series.len()).sum(),
            )
        })
    }

    pub(super) fn snapshot(&self) -> Arc<RegistrySnapshot> {
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
            .answer(request, serves, |pages, _| self.rebuild(pages, now))
    }

    pub(super) fn latest(&self) -> Arc<RegistrySnapshot> {
        self.cache.latest()
    }

    fn is_current(&self, published: &RegistrySnapshot, second: u64, now: Option<Duration>) -> bool {
        let sources = self.sources(&published.catalog);
        // What is newly registered or reset shows at once, whatever staleness is allowed.
        if self.registered.version() != published.version || sources.was_reset(&published.readout) {
            return false;
        }
        sources.is_current(&published.readout, second)
            || now.is_some_and(|now| self.context.within_staleness(published.taken, now))
    }

    fn rebuild(&self, pages: &mut PageCache, now: Moment) -> RegistrySnapshot {
        let (catalog, version) = self
            .registered
            .read(|registered, version| (Arc::clone(&registered.catalog), version));
        let readout = self.sources(&catalog).read(pages, now);
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
            histograms: &catalog.histograms,
            throughputs: &catalog.throughputs,
            pages: &catalog.pages,
        }
    }
}
