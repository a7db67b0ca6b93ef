//! What does not change about a family: the one description that registry, snapshots and formats share.

use crate::kind::{MetricKind, Unit};
use crate::sample::bound::Bound;
use std::sync::Arc;

/// Name, help, kind, unit, label names, and the exported bounds of a histogram.
#[derive(Clone, Debug)]
pub(crate) struct FamilyDescription {
    /// Without the suffixes that a page adds.
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) kind: MetricKind,
    pub(crate) unit: Unit,
    /// The label names that every series has unless it carries its own.
    pub(crate) labels: Arc<[Box<str>]>,
    /// The exported bounds of a histogram, rising.
    pub(crate) bounds: Box<[Bound]>,
}

impl FamilyDescription {
    /// A family without labels, unit or bounds.
    pub(crate) fn new(name: &str, help: &str, kind: MetricKind) -> Self {
        let (name, help) = (name.to_owned(), help.to_owned());
        Self {
            name,
            help,
            kind,
            unit: Unit::Unitless,
            labels: Arc::default(),
            bounds: Box::default(),
        }
    }

    pub(crate) fn with_labels(mut self, labels: &[&str]) -> Self {
        self.labels = labels.iter().map(|label| Box::from(*label)).collect();
        self
    }

    pub(crate) fn with_unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    pub(crate) fn with_bounds(mut self, bounds: &[Bound]) -> Self {
        self.bounds = bounds.into();
        self
    }
}
