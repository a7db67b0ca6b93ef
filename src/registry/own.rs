//! The library's own metrics: values that histograms rejected, callbacks that panicked, and cells that threads own.

use crate::kind::MetricKind;
use crate::registry::names::Naming;
use crate::registry::observer::{ObservedFamily, Observer};
use crate::registry::own_cells::CellFamilies;
use crate::registry::snapshot::{FamilySnapshot, RegistrySnapshot};
use crate::sample::description::FamilyDescription;
use crate::sample::labels::{LabelSet, SharedLabels};
use crate::sample::value::Value;
use std::sync::Arc;

/// What the names begin with unless the builder says otherwise.
pub(super) const PREFIX: &str = "epoch_metrics";

/// The label that names the metric that a series is about.
const METRIC: &str = "metric";

/// What is put before the name of a label that would clash with another one, as Prometheus does with scraped labels.
const EXPORTED: &str = "exported_";

const REJECTED: &str = "Values refused because they were out of their histogram's range.";
const PANICS: &str =
    "Panics of observable metrics' callbacks; a page lacks the metric whose callback panicked.";

/// The descriptions of a registry's own families.
#[derive(Clone, Debug)]
pub(super) struct OwnFamilies {
    rejected: Arc<FamilyDescription>,
    panics: Arc<FamilyDescription>,
    pub(super) cells: CellFamilies,
}

impl OwnFamilies {
    /// `prefix`: what their names begin with, after the registry's own prefix.
    pub(super) fn new(naming: &Naming, prefix: &str) -> Self {
        let describe = |name: &str, help| {
            let name = naming.full_name(format!("{prefix}_{name}"));
            // Each series brings its labels: those of the metric that it is about.
            Arc::new(FamilyDescription::new(&name, help, MetricKind::Counter))
        };
        Self {
            rejected: describe("rejected_values", REJECTED),
            panics: describe("callback_panics", PANICS),
            cells: CellFamilies::new(naming, prefix),
        }
    }

    /// All descriptions.
    pub(super) fn descriptions(&self) -> impl Iterator<Item = &Arc<FamilyDescription>> {
        [&self.rejected, &self.panics]
            .into_iter()
            .chain(self.cells.descriptions())
    }

    /// How many values each histogram series rejected.
    pub(super) fn rejected(&self, snapshot: &RegistrySnapshot) -> ObservedFamily {
        let mut series = Vec::new();
        for family in snapshot.families() {
            if family.kind() == MetricKind::Histogram {
                add_rejected(family, &mut series);
            }
        }
        ObservedFamily::own(&self.rejected, series)
    }

    /// How often the callback of each observer panicked, for those that did.
    pub(super) fn panics(&self, observers: &[Observer]) -> ObservedFamily {
        let failed = observers.iter().filter(|observer| observer.panics() > 0);
        let series = failed.map(|observer| {
            let (shared, _) = own_labels(&observer.description, false);
            let labels = LabelSet::new(shared, Arc::default(), Arc::default());
            (labels, Value::Counter(observer.panics()))
        });
        ObservedFamily::own(&self.panics, series.collect())
    }
}

fn add_rejected(family: FamilySnapshot<'_>, series: &mut Vec<(LabelSet, Value)>) {
    let (shared, names) = own_labels(family.description(), true);
    for one in family.series() {
        if let Value::Histogram(histogram) = one.value() {
            let labels = one
                .label_set()
                .with_names(Arc::clone(&shared), Arc::clone(&names));
            series.push((labels, Value::Counter(histogram.rejected())));
        }
    }
}

/// The label `metric` and the constant labels, with their values; and the names of the other labels of a family's series if
/// these are wanted. A label that would have a name that is taken gets `exported_` before it, as often as is necessary.
fn own_labels(family: &FamilyDescription, series: bool) -> (SharedLabels, Arc<[Box<str>]>) {
    let own = if series { &*family.labels } else { &[] };
    let constant = family.constant.iter().map(|(name, _)| &**name);
    let mut names: Vec<String> = vec![METRIC.to_owned()];
    let theirs: Vec<&str> = constant.chain(own.iter().map(|name| &**name)).collect();
    for name in &theirs {
        let mut free = (*name).to_owned();
        // A name that another label has as it is stays with that label.
        while names.contains(&free) || (free != **name && theirs.contains(&free.as_str())) {
            free.insert_str(0, EXPORTED);
        }
        names.push(free);
    }
    let constants = family.constant.len();
    let values = std::iter::once(&*family.name)
        .chain(family.constant.iter().map(|(_, value)| &**value))
        .map(Box::from);
    let mut names = names.into_iter().map(String::into_boxed_str);
    let shared = names.by_ref().take(1 + constants).zip(values).collect();
    (shared, names.collect())
}
