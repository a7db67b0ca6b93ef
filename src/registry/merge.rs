//! What pages of several registries must agree on to make one page.

use crate::error::RegisterError;
use crate::registry::names::reserve;
use crate::registry::page_error::PageError;
use crate::registry::page_family::PageFamily;
use crate::registry::page_part::Part;
use crate::sample::labels::LabelSet;
use crate::sample::value::Value;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

/// Adds up series of the library's own metrics that have equal labels; the first part that has one keeps it.
pub(super) fn add_up_own(parts: &mut [Part]) {
    // By the family's name and the labels.
    let mut totals: HashMap<(String, Vec<(String, String)>), Value> = HashMap::new();
    for family in parts.iter().flat_map(|part| &part.observed) {
        for (labels, value) in family.series.iter().filter(|_| family.own) {
            let key = (family.description.name.clone(), owned(labels.view()));
            match totals.entry(key) {
                Entry::Occupied(mut total) => add(total.get_mut(), value),
                Entry::Vacant(none) => drop(none.insert(value.clone())),
            }
        }
    }
    let observed = parts.iter_mut().flat_map(|part| &mut part.observed);
    for family in observed.filter(|family| family.own) {
        let name = &family.description.name;
        family.series.retain_mut(|(labels, value)| {
            let total = totals.remove(&(name.clone(), owned(labels.view())));
            let kept = total.is_some();
            total.into_iter().for_each(|total| *value = total);
            kept
        });
    }
}

/// Adds a value of the library's own metrics, which are counters and gauges. Of ages, the highest counts.
fn add(total: &mut Value, value: &Value) {
    match (total, value) {
        (Value::Counter(total), Value::Counter(value)) => *total = total.wrapping_add(*value),
        (Value::Gauge(total), Value::Gauge(value)) => *total = total.saturating_add(*value),
        (Value::FloatCounter(total), Value::FloatCounter(value)) => *total += value,
        (Value::FloatGauge(total), Value::FloatGauge(value)) => *total = total.max(*value),
        _ => {}
    }
}

/// Checks groups of families, each of one name.
pub(super) fn check(groups: &[Vec<PageFamily<'_>>]) -> Result<(), PageError> {
    let mut names = HashSet::new();
    for group in groups {
        check_descriptions(group)?;
        let first = group[0].description();
        reserve(&mut names, &[(&first.name, first.kind)]).map_err(|error| {
            let family = first.name.clone();
            let name = match error {
                RegisterError::Duplicate { name, .. } => name,
                _ => family.clone(),
            };
            PageError::NameTaken { family, name }
        })?;
        if group.len() > 1 {
            check_series(group)?;
        }
    }
    Ok(())
}

fn check_descriptions(group: &[PageFamily<'_>]) -> Result<(), PageError> {
    let first = group[0].description();
    for other in group.iter().map(PageFamily::description) {
        let family = other.name.clone();
        if other.kind != first.kind {
            return Err(PageError::DifferentKinds { family });
        }
        if other.unit != first.unit {
            return Err(PageError::DifferentUnits { family });
        }
        if other.help != first.help {
            return Err(PageError::DifferentHelp { family });
        }
    }
    Ok(())
}

fn check_series(group: &[PageFamily<'_>]) -> Result<(), PageError> {
    let mut seen = HashSet::new();
    for family in group {
        for labels in family.label_sets() {
            if !seen.insert(labels.sorted()) {
                return Err(PageError::DuplicateSeries {
                    family: family.description().name.clone(),
                    labels: owned(labels),
                });
            }
        }
    }
    Ok(())
}

fn owned(labels: LabelSet<'_>) -> Vec<(String, String)> {
    let pairs = labels.sorted().into_iter();
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
