//! Which names and labels a metric may have, and which names it takes.

use crate::error::{OptionsError, RegisterError};
use crate::kind::{MetricKind, Unit};
use crate::sample::description::FamilyDescription;
use crate::sample::escaping::{Escaping, is_legacy_label, is_legacy_name};
use crate::sample::labels::SharedLabels;
use std::collections::HashSet;
use std::time::Duration;

/// What a registry adds to every family: a prefix to its name, and constant labels to its series.
#[derive(Clone, Debug, Default)]
pub(super) struct Naming {
    prefix: Option<String>,
    constant: SharedLabels,
    /// Whether names may have characters that not every scraper takes.
    utf8: bool,
    /// The zero of the clock, since 1970, if pages tell when series were created.
    pub(super) unix_origin: Option<Duration>,
}

impl Naming {
    pub(super) fn set_utf8(&mut self, utf8: bool) {
        self.utf8 = utf8;
    }

    pub(super) fn set_prefix(&mut self, prefix: &str) -> Result<(), RegisterError> {
        self.check_name(prefix)?;
        self.prefix = Some(prefix.to_owned());
        Ok(())
    }

    pub(super) fn add_constant_label(
        &mut self,
        name: &str,
        value: &str,
    ) -> Result<(), RegisterError> {
        self.check_label(name)?;
        let mut labels = self.constant.to_vec();
        if labels
            .iter()
            .any(|(taken, _)| Escaping::labels_collide(taken, name))
        {
            let label = name.to_owned();
            return Err(RegisterError::DuplicateLabelName { label });
        }
        labels.push((name.into(), value.into()));
        self.constant = labels.into();
        Ok(())
    }

    pub(super) fn prefix(&self) -> Option<&str> {
        self.prefix.as_deref()
    }

    /// A family with a valid name and valid labels.
    pub(super) fn describe(
        &self,
        name: &str,
        help: &str,
        kind: MetricKind,
        unit: Unit,
        labels: &[String],
    ) -> Result<FamilyDescription, RegisterError> {
        let base = self.base_name(name, kind, unit)?;
        self.check_labels(kind, labels)?;
        check_unit(unit)?;
        Ok(FamilyDescription::new(&self.full_name(base), help, kind)
            .with_unit(unit)
            .with_unix_origin(self.unix_origin)
            .with_utf8(self.utf8)
            .with_labels(&self.constant, labels))
    }

    /// What a metric may be called that was registered under this name, or that snapshots show under it: names without the
    /// suffixes that a page adds, more likely ones first.
    pub(super) fn candidates(&self, name: &str) -> Vec<String> {
        let base = name.strip_suffix("_total").unwrap_or(name);
        let units = [Unit::Seconds, Unit::Bytes].iter();
        let suffixed = units.filter_map(|unit| Some(format!("{name}_{}", unit.suffix()?)));
        let names: Vec<String> = [name.to_owned(), base.to_owned()]
            .into_iter()
            .chain(suffixed)
            .collect();
        let full = names.iter().map(|name| self.full_name(name.clone()));
        let mut all: Vec<String> = full.chain(names.iter().cloned()).collect();
        all.dedup();
        all
    }

    /// A family of the library itself, which has the constant labels only.
    pub(super) fn describe_own(
        &self,
        name: String,
        help: &str,
        kind: MetricKind,
    ) -> FamilyDescription {
        FamilyDescription::new(&self.full_name(name), help, kind)
            .with_utf8(self.utf8)
            .with_labels(&self.constant, &[])
    }

    /// The name with the prefix.
    pub(super) fn full_name(&self, base: String) -> String {
        match &self.prefix {
            Some(prefix) => format!("{prefix}_{base}"),
            None => base,
        }
    }

    /// Checks the label names of a family together with the constant labels.
    pub(super) fn check_labels(
        &self,
        kind: MetricKind,
        labels: &[String],
    ) -> Result<(), RegisterError> {
        labels
            .iter()
            .try_for_each(|label| self.check_label(label))?;
        let constant = self.constant.iter().map(|(name, _)| &**name);
        let all: Vec<&str> = constant.chain(labels.iter().map(String::as_str)).collect();
        for (i, name) in all.iter().enumerate() {
            let label = (*name).to_owned();
            if kind.reserved_label() == Some(name) {
                return Err(RegisterError::ReservedLabelName { label });
            }
            if all[..i]
                .iter()
                .any(|before| Escaping::labels_collide(before, name))
            {
                return Err(RegisterError::DuplicateLabelName { label });
            }
        }
        Ok(())
    }

    /// Checks a metric's name, and returns it without the suffix that a page adds, and with its unit.
    pub(super) fn base_name(
        &self,
        name: &str,
        kind: MetricKind,
        unit: Unit,
    ) -> Result<String, RegisterError> {
        self.check_name(name)?;
        let base = match (kind, unit.suffix()) {
            (MetricKind::Counter, _) => name.strip_suffix("_total").unwrap_or(name).to_owned(),
            (_, Some(suffix)) if !name.ends_with(&format!("_{suffix}")) => {
                format!("{name}_{suffix}")
            }
            _ => name.to_owned(),
        };
        // A counter called `_total`.
        if base.is_empty() {
            let name = name.to_owned();
            return Err(RegisterError::InvalidName { name });
        }
        Ok(base)
    }

    pub(super) fn check_name(&self, name: &str) -> Result<(), RegisterError> {
        if is_legacy_name(name) || (self.utf8 && !name.is_empty()) {
            Ok(())
        } else {
            let name = name.to_owned();
            Err(RegisterError::InvalidName { name })
        }
    }

    fn check_label(&self, name: &str) -> Result<(), RegisterError> {
        let legal = is_legacy_label(name) || (self.utf8 && !name.is_empty());
        // Names that begin like this are the server's own.
        let reserved = Escaping::Underscores.label(name).starts_with("__");
        if legal && !reserved {
            Ok(())
        } else {
            let label = name.to_owned();
            Err(RegisterError::InvalidLabelName { label })
        }
    }
}

fn check_unit(unit: Unit) -> Result<(), OptionsError> {
    let (places, max) = (unit.places(), Unit::MAX_PLACES);
    if places > max {
        return Err(OptionsError::Places { places, max });
    }
    Ok(())
}

/// All names that a family takes: those on a page, for scrapers that take them as they are and for those that do not. Each of
/// them once.
fn names_of(base: &str, kind: MetricKind) -> HashSet<String> {
    let names = kind.name_suffixes().iter();
    let names = names.map(|suffix| format!("{base}{suffix}"));
    let forms = names.flat_map(|name| {
        let escaped = Escaping::LOSSY.map(|scheme| scheme.name(&name).into_owned());
        escaped.into_iter().chain([name])
    });
    forms.collect()
}

/// Gives the names of a family back.
pub(super) fn release(taken: &mut HashSet<String>, base: &str, kind: MetricKind) {
    for name in names_of(base, kind) {
        taken.remove(&name);
    }
}

/// Takes every name that families with the given base names and kinds use on a page. Takes all or none.
pub(super) fn reserve(
    taken: &mut HashSet<String>,
    families: &[(&str, MetricKind)],
) -> Result<(), RegisterError> {
    let names = families.iter();
    let names = names.flat_map(|(base, kind)| names_of(base, *kind));
    let wanted: Vec<String> = names.collect();
    // The shortest: which one is named does not depend on the order of a set.
    let clash = wanted.iter().filter(|wanted| taken.contains(*wanted)).min();
    if let Some(name) = clash {
        return Err(RegisterError::Duplicate {
            name: name.clone(),
            differs: None,
        });
    }
    taken.extend(wanted);
    Ok(())
}
