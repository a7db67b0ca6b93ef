//! What a page shows of one registry: the part that formats encode, and that pages which are merged must agree on.

use crate::registry::family_snapshot::FamilySnapshot;
use crate::registry::observer::ObservedFamily;
use crate::registry::snapshot::RegistrySnapshot;
use crate::sample::Encoder;
use crate::sample::description::FamilyDescription;
use crate::sample::labels::LabelSet;
use std::sync::Arc;

/// What a page shows of one registry.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) snapshot: Arc<RegistrySnapshot>,
    /// In the order of registration, also those that reported nothing: their names stay theirs.
    pub(super) observed: Vec<ObservedFamily>,
}

/// A family of one part.
#[derive(Clone, Copy)]
pub(super) enum PageFamily<'a> {
    Registered(FamilySnapshot<'a>),
    Observed(&'a ObservedFamily),
}

impl Part {
    pub(super) fn families(&self) -> impl Iterator<Item = PageFamily<'_>> {
        let registered = self.snapshot.families().map(PageFamily::Registered);
        registered.chain(self.observed.iter().map(PageFamily::Observed))
    }
}

impl<'a> PageFamily<'a> {
    pub(super) fn description(&self) -> &'a FamilyDescription {
        match self {
            Self::Registered(family) => family.description(),
            Self::Observed(family) => &family.description,
        }
    }

    pub(super) fn label_sets(&self) -> Vec<LabelSet<'a>> {
        match self {
            Self::Registered(family) => family.series().map(|series| series.label_set()).collect(),
            Self::Observed(family) => family
                .series
                .iter()
                .map(|(labels, _)| labels.view())
                .collect(),
        }
    }

    pub(super) fn is_shown(&self) -> bool {
        match self {
            Self::Registered(_) => true,
            Self::Observed(family) => !family.series.is_empty(),
        }
    }

    pub(super) fn encode(&self, encoder: &mut dyn Encoder) {
        match self {
            Self::Registered(family) => family.series().for_each(|series| {
                encoder.series(self.description(), series.label_set(), &series.value());
            }),
            Self::Observed(family) => family.series.iter().for_each(|(labels, value)| {
                encoder.series(&family.description, labels.view(), value);
            }),
        }
    }
}
