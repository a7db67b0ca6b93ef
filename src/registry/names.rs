//! Which names and labels a metric may have, and which names it takes.

use crate::error::RegisterError;
use crate::kind::{MetricKind, Unit};
use crate::sample::description::FamilyDescription;
use std::collections::HashSet;

/// Labels that expositions set themselves.
const RESERVED_LABELS: [&str; 3] = ["le", "quantile", "window"];

/// Checks a metric's name, and returns it without the suffix that a page adds, and with its unit.
pub(super) fn base_name(name: &str, kind: MetricKind, unit: Unit) -> Result<String, RegisterError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let base = match (kind, unit.suffix()) {
        (MetricKind::Counter, _) => name.strip_suffix("_total").unwrap_or(name).to_owned(),
        (_, Some(suffix)) if !name.ends_with(&format!("_{suffix}")) => format!("{name}_{suffix}"),
        _ => name.to_owned(),
    };
    // The base is empty for an empty name, and for a counter called `_total`.
    let valid = name.chars().all(legal)
        && name.starts_with(|c: char| !c.is_ascii_digit())
        && !base.is_empty();
    if valid {
        Ok(base)
    } else {
        Err(RegisterError::InvalidName {
            name: name.to_owned(),
        })
    }
}

/// Checks the label names of a family.
fn check_labels(labels: &[&str]) -> Result<(), RegisterError> {
    for (i, name) in labels.iter().enumerate() {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let first = |c: char| !c.is_ascii_digit();
        let label = (*name).to_owned();
        if !(name.chars().all(legal) && name.starts_with(first)) || name.starts_with("__") {
            return Err(RegisterError::InvalidLabelName { label });
        }
        if RESERVED_LABELS.contains(name) {
            return Err(RegisterError::ReservedLabelName { label });
        }
        if labels[..i].contains(name) {
            return Err(RegisterError::DuplicateLabelName { label });
        }
    }
    Ok(())
}

/// A family with a valid name and valid labels.
pub(super) fn describe(
    name: &str,
    help: &str,
    kind: MetricKind,
    unit: Unit,
    labels: &[&str],
) -> Result<FamilyDescription, RegisterError> {
    let base = base_name(name, kind, unit)?;
    check_labels(labels)?;
    Ok(FamilyDescription::new(&base, help, kind)
        .with_unit(unit)
        .with_labels(labels))
}

/// Takes every name that families with the given base names and kinds use on a page. Takes all or none.
pub(super) fn reserve(
    taken: &mut HashSet<String>,
    families: &[(&str, MetricKind)],
) -> Result<(), RegisterError> {
    let names = |&(base, kind): &(&str, MetricKind)| {
        let base = base.to_owned();
        kind.name_suffixes()
            .iter()
            .map(move |suffix| format!("{base}{suffix}"))
    };
    let wanted: Vec<String> = families.iter().flat_map(names).collect();
    if let Some(name) = wanted.iter().find(|wanted| taken.contains(*wanted)) {
        return Err(RegisterError::Duplicate { name: name.clone() });
    }
    taken.extend(wanted);
    Ok(())
}
