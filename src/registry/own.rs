//! The library's own metrics: values that histograms rejected, callbacks that panicked, look-ups that a cap turned away, and cells that
//! threads own.

use crate::engine::family::labels::LabelValues;
use crate::kind::MetricKind;
use crate::registry::family_snapshot::FamilySnapshot;
use crate::registry::names::Naming;
use crate::registry::observer::{ObservedFamily, ObservedSeries, Observer};
use crate::registry::own_cells::CellFamilies;
use crate::registry::snapshot::RegistrySnapshot;
use crate::sample::description::FamilyDescription;
use crate::sample::labels::{OwnedLabels, SharedLabels};
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

const OVERFLOWED: &str =
    "Look-ups of further series that a family's or the registry's cap turned away.";

/// The descriptions of a registry's own families.
#[derive(Clone, Debug)]
pub(super) struct OwnFamilies {
    rejected: Arc<FamilyDescription>,
    panics: Arc<FamilyDescription>,
    pub(super) cells: CellFamilies,
    overflowed: Arc<FamilyDescription>,
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
            overflowed: describe("overflowed_lookups", OVERFLOWED),
        }
    }

    /// All descriptions.
    pub(super) fn descriptions(&self) -> impl Iterator<Item = &Arc<FamilyDescription>> {
        [&self.rejected, &self.panics, &self.overflowed]
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
        let series = failed.map(|observer| about(&observer.description, observer.panics()));
        ObservedFamily::own(&self.panics, series.collect())
    }

    /// How many look-ups each family's cap turned away, for those that turned any away.
    pub(super) fn overflowed(&self, snapshot: &RegistrySnapshot) -> ObservedFamily {
        let capped = snapshot.catalog.capped();
        let counts = capped.map(|(family, capped)| (family, capped.overflowed()));
        let reached = counts.filter(|(_, overflowed)| *overflowed > 0);
        let series = reached.map(|(family, overflowed)| about(family, overflowed));
        ObservedFamily::own(&self.overflowed, series.collect())
    }
}

/// A series about a whole family.
fn about(family: &FamilyDescription, count: u64) -> (OwnedLabels, Value) {
    let (shared, _) = own_labels(family, false);
    let labels = OwnedLabels {
        shared,
        ..OwnedLabels::default()
    };
    (labels, Value::Counter(count))
}

fn add_rejected(family: FamilySnapshot<'_>, series: &mut ObservedSeries) {
    let (shared, names) = own_labels(family.description(), true);
    for one in family.series() {
        if let Value::Histogram(histogram) = one.value() {
            let (names, values) = match one.labels.values {
                Some(values) if family.description().open => renamed(values, &shared),
                values => (Arc::clone(&names), values.cloned()),
            };
            let labels = OwnedLabels {
                shared: Arc::clone(&shared),
                names,
                values,
            };
            series.push((labels, Value::Counter(histogram.rejected())));
        }
    }
}

/// The names and the values of a series that has names of its own, those that clash with `shared` renamed.
fn renamed(
    pairs: &LabelValues,
    shared: &[(Box<str>, Box<str>)],
) -> (Arc<[Box<str>]>, Option<LabelValues>) {
    let pairs: Vec<&str> = pairs.iter().collect();
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for pair in pairs.chunks_exact(2) {
        let mut name = pair[0].to_owned();
        let theirs = |name: &String| pairs.iter().step_by(2).any(|theirs| theirs == name);
        while shared.iter().any(|(taken, _)| **taken == *name) || (name != pair[0] && theirs(&name))
        {
            name.insert_str(0, EXPORTED);
        }
        names.push(name.into_boxed_str());
        values.push(pair[1]);
    }
    (names.into(), Some(LabelValues::new(&values)))
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
