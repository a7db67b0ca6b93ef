//! The library's own metric: how many values each histogram rejected.

use crate::kind::MetricKind;
use crate::registry::observer::{Observations, Observer};
use crate::registry::snapshot::RegistrySnapshot;
use crate::sample::description::FamilyDescription;
use crate::sample::value::Value;

const NAME: &str = "epoch_metrics_rejected_values";
const HELP: &str = "Values refused because they were out of their histogram's range.";

pub(super) fn observer() -> Observer {
    Observer::new(
        FamilyDescription::new(NAME, HELP, MetricKind::Counter).with_labels(&["metric"]),
        observe,
    )
}

fn observe(snapshot: &RegistrySnapshot, observations: &mut Observations<u64>) {
    for family in snapshot
        .families()
        .filter(|family| family.kind() == MetricKind::Histogram)
    {
        let rejected = family.series().map(|series| match series.value() {
            Value::Histogram(histogram) => histogram.rejected(),
            _ => 0,
        });
        // Each family has its own name, so no series is reported twice.
        let _ = observations.observe(&[family.name()], rejected.sum());
    }
}
