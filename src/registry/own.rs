//! The library's own metrics: values that histograms rejected, callbacks that panicked, look-ups that a cap turned away, and cells that
//! threads own.

use crate::clock::Clock;
use crate::kind::MetricKind;
use crate::registry::names::Naming;
use crate::registry::observer::{ObservedFamily, Observer};
use crate::registry::own_cells::CellFamilies;
use crate::registry::own_labels::own_labels;
use crate::registry::own_rendering::RenderStatistics;
use crate::registry::snapshot::RegistrySnapshot;
use crate::sample::description::FamilyDescription;
use crate::sample::labels::OwnedLabels;
use crate::sample::value::Value;
use std::sync::Arc;

/// What the names begin with unless the builder says otherwise.
pub(super) const PREFIX: &str = "epoch_metrics";

const REJECTED: &str = "Values refused because they were out of their histogram's range.";
const PANICS: &str =
    "Panics of observable metrics' callbacks; a page lacks the metric whose callback panicked.";

const OVERFLOWED: &str =
    "Look-ups of further series that a family's or the registry's cap turned away.";

/// The descriptions of a registry's own families.
#[derive(Debug)]
pub(super) struct OwnFamilies {
    pub(super) rejected: Arc<FamilyDescription>,
    panics: Arc<FamilyDescription>,
    pub(super) cells: CellFamilies,
    overflowed: Arc<FamilyDescription>,
    /// If they were asked for.
    pub(super) rendering: Option<Arc<RenderStatistics>>,
}

impl OwnFamilies {
    /// `prefix`: what their names begin with, after the registry's own prefix. `clock`: what rendering is measured by, if it is.
    pub(super) fn new(naming: &Naming, prefix: &str, clock: Option<&Arc<dyn Clock>>) -> Self {
        let describe = |name: &str, help| {
            // Each series brings its labels: those of the metric that it is about.
            Arc::new(naming.describe_own(format!("{prefix}_{name}"), help, MetricKind::Counter))
        };
        Self {
            rejected: describe("rejected_values", REJECTED),
            panics: describe("callback_panics", PANICS),
            cells: CellFamilies::new(naming, prefix),
            overflowed: describe("overflowed_lookups", OVERFLOWED),
            rendering: clock.map(|clock| Arc::new(RenderStatistics::new(naming, prefix, clock))),
        }
    }

    /// All descriptions.
    pub(super) fn descriptions(&self) -> impl Iterator<Item = &Arc<FamilyDescription>> {
        [&self.rejected, &self.panics, &self.overflowed]
            .into_iter()
            .chain(self.cells.descriptions())
            .chain(
                self.rendering
                    .iter()
                    .flat_map(|rendering| rendering.descriptions()),
            )
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
