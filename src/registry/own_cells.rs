//! The library's own metrics about cells that threads own.

use crate::engine::slot::adaptive::BudgetUse;
use crate::kind::MetricKind;
use crate::registry::names::Naming;
use crate::registry::observer::ObservedFamily;
use crate::sample::description::FamilyDescription;
use crate::sample::value::Value;
use std::sync::Arc;

const OWNERS: &str = "Threads that own cells, added up over all pages of counters and histograms.";
const BYTES: &str = "Bytes of the cells that threads own.";
const REFUSED: &str = "Times a thread was to get cells of its own and owned_bytes had no room.";

/// Their descriptions.
#[derive(Clone, Debug)]
pub(super) struct CellFamilies {
    owners: Arc<FamilyDescription>,
    bytes: Arc<FamilyDescription>,
    refused: Arc<FamilyDescription>,
}

impl CellFamilies {
    /// `prefix`: what their names begin with, after the registry's own prefix.
    pub(super) fn new(naming: &Naming, prefix: &str) -> Self {
        let describe = |name: &str, help, kind| {
            Arc::new(naming.describe_own(format!("{prefix}_{name}"), help, kind))
        };
        Self {
            owners: describe("owned_cells", OWNERS, MetricKind::Gauge),
            bytes: describe("owned_bytes", BYTES, MetricKind::Gauge),
            refused: describe("owned_cells_refused", REFUSED, MetricKind::Counter),
        }
    }

    /// All descriptions.
    pub(super) fn descriptions(&self) -> [&Arc<FamilyDescription>; 3] {
        [&self.owners, &self.bytes, &self.refused]
    }

    /// What the registry's threads own. Zeroes are not shown.
    pub(super) fn observe(&self, usage: BudgetUse) -> [ObservedFamily; 3] {
        let gauge = |value| Value::Gauge(i64::try_from(value).unwrap_or(i64::MAX));
        [
            (&self.owners, gauge(usage.owners), usage.owners > 0),
            (&self.bytes, gauge(usage.bytes), usage.bytes > 0),
            (
                &self.refused,
                Value::Counter(usage.refused),
                usage.refused > 0,
            ),
        ]
        .map(|(family, value, shown)| {
            if shown {
                ObservedFamily::single(family, value)
            } else {
                ObservedFamily::own(family, Vec::new())
            }
        })
    }
}
