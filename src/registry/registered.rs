//! What is registered: the catalog, the names that are taken, and the handles that a second registration gets.

use crate::error::RegisterError;
use crate::registry::catalog::Catalog;
use crate::registry::names::{release, reserve};
use crate::registry::observer::Observer;
use crate::sample::description::FamilyDescription;
use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// Changed under the registry's lock, all or nothing.
#[derive(Default)]
pub(super) struct Registered {
    pub(super) catalog: Arc<Catalog>,
    /// Every name that a page uses.
    pub(super) names: HashSet<String>,
    pub(super) observers: Arc<[Observer]>,
    /// By the name without suffixes, as in the catalog.
    known: HashMap<String, Known>,
}

/// A registered metric, or a family.
struct Known {
    /// One, or the two of a throughput, or a histogram and its summaries.
    families: Vec<Arc<FamilyDescription>>,
    /// The handle and the options.
    metric: Box<dyn Any + Send + Sync>,
}

/// Why nothing was registered.
pub(super) enum Refusal<M> {
    /// This is registered already, and the same.
    Known(M),
    Taken(RegisterError),
}

impl Registered {
    pub(super) fn register<M, O>(
        &mut self,
        families: Vec<Arc<FamilyDescription>>,
        options: O,
        add: impl FnOnce(&mut Catalog, &[Arc<FamilyDescription>]) -> M,
    ) -> Result<M, Refusal<M>>
    where
        M: Clone + Send + Sync + 'static,
        O: PartialEq + Send + Sync + 'static,
    {
        let name = &families[0].name;
        if let Some(known) = self.known.get(name) {
            return Err(match known.differs::<M, O>(&families, &options) {
                Ok(metric) => Refusal::Known(metric),
                Err(differs) => Refusal::Taken(RegisterError::Duplicate {
                    name: name.clone(),
                    differs: Some(differs),
                }),
            });
        }
        let names = families.iter().map(|family| (&*family.name, family.kind));
        reserve(&mut self.names, &names.collect::<Vec<_>>()).map_err(Refusal::Taken)?;
        let metric = add(Arc::make_mut(&mut self.catalog), &families);
        let name = name.clone();
        let known = Known {
            families,
            metric: Box::new((metric.clone(), options)),
        };
        self.known.insert(name, known);
        Ok(metric)
    }

    pub(super) fn add_observer(&mut self, observer: Observer) -> Result<(), RegisterError> {
        let description = &observer.description;
        reserve(&mut self.names, &[(&description.name, description.kind)])?;
        let observers = self.observers.iter().cloned();
        self.observers = observers.chain([observer]).collect();
        Ok(())
    }

    /// `None`: nothing is registered under this name.
    pub(super) fn unregister(&mut self, name: &str) -> Option<()> {
        if let Some(known) = self.known.remove(name) {
            let catalog = Arc::make_mut(&mut self.catalog);
            for family in &known.families {
                release(&mut self.names, &family.name, family.kind);
                catalog.remove_family(&family.name);
            }
            return Some(());
        }
        let is = |observer: &&Observer| observer.description.name == name;
        let found = self.observers.iter().find(is)?;
        release(&mut self.names, name, found.description.kind);
        let others = self.observers.iter().filter(|observer| !is(observer));
        self.observers = others.cloned().collect();
        Some(())
    }

    /// `None`: no metric is registered under this name.
    pub(super) fn describe(&mut self, name: &str, help: &str) -> Option<()> {
        let known = self.known.get_mut(name)?;
        let catalog = Arc::make_mut(&mut self.catalog);
        for family in &mut known.families {
            Arc::make_mut(family).set_help(help);
            catalog.describe(family);
        }
        Some(())
    }
}

impl Known {
    /// The handle, or what differs.
    fn differs<M: Clone + 'static, O: PartialEq + 'static>(
        &self,
        families: &[Arc<FamilyDescription>],
        options: &O,
    ) -> Result<M, &'static str> {
        let (ours, theirs) = (&self.families[0], &families[0]);
        if ours.kind != theirs.kind {
            return Err("kind");
        }
        if ours.unit != theirs.unit {
            return Err("unit");
        }
        if (&ours.labels, ours.open) != (&theirs.labels, theirs.open) {
            return Err("labels");
        }
        let Some((metric, held)) = self.metric.downcast_ref::<(M, O)>() else {
            return Err("type");
        };
        if held != options {
            return Err("options");
        }
        // A help text that is left out is the one that is there.
        if ours.help != theirs.help && !theirs.help.is_empty() {
            return Err("help text");
        }
        Ok(metric.clone())
    }
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered")
            .field("catalog", &self.catalog)
            .finish_non_exhaustive()
    }
}
