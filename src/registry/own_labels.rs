//! Labels of the library's own metrics: which metric a series is about, and the labels of that one.

use crate::engine::family::labels::LabelValues;
use crate::sample::description::FamilyDescription;
use crate::sample::escaping::Escaping;
use crate::sample::labels::{OwnedLabels, SharedLabels};
use std::sync::Arc;

/// The label that names the metric that a series is about.
const METRIC: &str = "metric";

/// What is put before the name of a label that would clash with another one, as Prometheus does with scraped labels.
const EXPORTED: &str = "exported_";

/// The label `metric` and the constant labels, with their values; and the names of the other labels of a family's series if
/// these are wanted. A label that would have a name that is taken gets `exported_` before it, as often as is necessary.
pub(super) fn own_labels(
    family: &FamilyDescription,
    series: bool,
) -> (SharedLabels, Arc<[Box<str>]>) {
    let own = if series { &*family.labels } else { &[] };
    let constant = family.constant.iter().map(|(name, _)| &**name);
    let mut names: Vec<String> = vec![METRIC.to_owned()];
    let theirs: Vec<&str> = constant.chain(own.iter().map(|name| &**name)).collect();
    for name in &theirs {
        let mut free = (*name).to_owned();
        // A name that another label has as it is stays with that label.
        while is_taken(&free, names.iter().map(String::as_str))
            || (free != **name && is_taken(&free, theirs.iter().copied()))
        {
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

/// Labels of a series that has names of its own, those that clash with `shared` renamed.
pub(super) fn renamed(pairs: &LabelValues, shared: &SharedLabels) -> OwnedLabels {
    let pairs: Vec<&str> = pairs.iter().collect();
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for pair in pairs.chunks_exact(2) {
        let mut name = pair[0].to_owned();
        while is_taken(&name, shared.iter().map(|(taken, _)| &**taken))
            || (name != pair[0] && is_taken(&name, pairs.iter().step_by(2).copied()))
        {
            name.insert_str(0, EXPORTED);
        }
        names.push(name.into_boxed_str());
        values.push(pair[1]);
    }
    OwnedLabels {
        shared: Arc::clone(shared),
        names: names.into(),
        values: Some(LabelValues::new(&values)),
    }
}

/// Whether one of these labels has this name, for some scraper.
fn is_taken<'a>(name: &str, mut labels: impl Iterator<Item = &'a str>) -> bool {
    labels.any(|label| Escaping::labels_collide(label, name))
}
