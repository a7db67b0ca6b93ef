//! What does not change about a family: the one description that registry, snapshots and formats share.

use crate::engine::family::labels::LabelValues;
use crate::kind::{MetricKind, Unit};
use crate::sample::bound::Bound;
use crate::sample::labels::{LabelSet, SharedLabels};
use crate::snapshot::origin::Origin;
use std::sync::Arc;
use std::time::Duration;

/// Name, help, kind, unit, labels, and the exported bounds of a histogram.
#[derive(Clone, Debug)]
pub(crate) struct FamilyDescription {
    /// Without the suffixes that a page adds.
    pub(crate) name: String,
    pub(crate) help: String,
    /// What the help text of this family says beside that of the metric, if the metric is several families.
    pub(crate) about: &'static str,
    pub(crate) kind: MetricKind,
    pub(crate) unit: Unit,
    /// The registry's constant labels, which every series has.
    pub(crate) constant: SharedLabels,
    /// The names of the labels by which the series differ.
    pub(crate) labels: Arc<[Box<str>]>,
    /// Each series has label names of its own: its values are names and values in turn.
    pub(crate) open: bool,
    /// The exported bounds of a histogram, rising.
    pub(crate) bounds: Box<[Bound]>,
    /// The zero of the registry's clock, since 1970, if pages tell when series were created.
    pub(crate) unix_origin: Option<Duration>,
    /// When the registry's clock was at the registration, if pages tell it.
    pub(crate) registered: Duration,
    /// Whether names of the family or its labels may have characters that not every scraper takes.
    pub(crate) utf8: bool,
    /// The same for each description of one registration, whatever help text comes late.
    pub(crate) registration: Origin,
}

impl FamilyDescription {
    /// A family without labels, unit or bounds.
    pub(crate) fn new(name: &str, help: &str, kind: MetricKind) -> Self {
        let (name, help) = (name.to_owned(), help.to_owned());
        Self {
            name,
            help,
            about: "",
            kind,
            unit: Unit::Unitless,
            constant: Arc::default(),
            labels: Arc::default(),
            open: false,
            bounds: Box::default(),
            unix_origin: None,
            registered: Duration::ZERO,
            utf8: false,
            registration: Origin::new(),
        }
    }

    pub(crate) fn with_labels(mut self, constant: &SharedLabels, labels: &[String]) -> Self {
        self.constant = Arc::clone(constant);
        self.labels = labels.iter().map(|label| Box::from(&**label)).collect();
        self
    }

    /// The labels of the series with these values.
    pub(crate) fn label_set<'a>(
        &'a self,
        values: Option<&'a LabelValues>,
        last: Option<&'a str>,
    ) -> LabelSet<'a> {
        LabelSet {
            shared: &self.constant,
            names: &self.labels,
            pairs: self.open,
            values,
            last,
        }
    }

    /// Replaces the metric's help text.
    pub(crate) fn set_help(&mut self, help: &str) {
        let blank = help.is_empty() || self.about.is_empty();
        let separator = if blank { "" } else { " " };
        self.help = format!("{help}{separator}{}", self.about);
    }

    /// Adds to the help text.
    pub(crate) fn about(mut self, about: &'static str) -> Self {
        let help = std::mem::take(&mut self.help);
        self.about = about;
        self.set_help(&help);
        self
    }

    pub(crate) fn open(mut self, open: bool) -> Self {
        self.open = open;
        self
    }

    pub(crate) fn with_unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    pub(crate) fn with_unix_origin(mut self, origin: Option<Duration>) -> Self {
        self.unix_origin = origin;
        self
    }

    pub(crate) fn with_utf8(mut self, utf8: bool) -> Self {
        self.utf8 = utf8;
        self
    }

    pub(crate) fn with_bounds(mut self, bounds: &[Bound]) -> Self {
        self.bounds = bounds.into();
        self
    }
}
