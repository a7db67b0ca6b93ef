//! One family of a page, registered or observed: what exporters outside of this crate read.

use crate::kind::{MetricKind, Unit};
use crate::registry::family_snapshot::FamilySnapshot;
use crate::registry::observer::ObservedFamily;
use crate::registry::series_snapshot::{Held, SeriesSnapshot};
use crate::sample::description::FamilyDescription;
use crate::sample::labels::LabelSet;
use std::fmt;

/// One family of a [`Page`](crate::Page): a registered one, or one whose values a callback reported.
///
/// ```
/// use epoch_metrics::{MetricKind, Value};
///
/// let registry = epoch_metrics::Registry::new();
/// registry.observable_counter_fn("accepted", "Connections accepted.", || 7)?;
/// let page = registry.page();
/// let family = page.families().find(|family| family.name() == "accepted").expect("it is registered");
/// assert_eq!((family.kind(), family.help()), (MetricKind::Counter, "Connections accepted."));
/// let values: Vec<Value> = family.series().map(|series| series.value()).collect();
/// assert_eq!(values, [Value::Counter(7)]);
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone, Copy)]
pub struct PageFamily<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    Registered(FamilySnapshot<'a>),
    Observed(&'a ObservedFamily),
}

impl<'a> PageFamily<'a> {
    pub(super) fn registered(family: FamilySnapshot<'a>) -> Self {
        Self(Source::Registered(family))
    }

    pub(super) fn observed(family: &'a ObservedFamily) -> Self {
        Self(Source::Observed(family))
    }

    /// The name with the registry's prefix and a unit's suffix, without the suffix that a page adds to a counter (`_total`).
    pub fn name(&self) -> &'a str {
        &self.description().name
    }

    /// What the metric means.
    pub fn help(&self) -> &'a str {
        &self.description().help
    }

    /// The kind, as expositions name it.
    pub fn kind(&self) -> MetricKind {
        self.description().kind
    }

    /// The unit of a histogram's or a summary's values.
    pub fn unit(&self) -> Unit {
        self.description().unit
    }

    /// The series: registered ones in the order of [`FamilySnapshot::series`], observed ones in the order in which they were reported.
    pub fn series(&self) -> impl Iterator<Item = SeriesSnapshot<'a>> + use<'a> {
        let (registered, observed) = match self.0 {
            Source::Registered(family) => (Some(family.series()), None),
            Source::Observed(family) => (None, Some(family)),
        };
        let observed = observed.into_iter().flat_map(|family| {
            let series = family.series.iter();
            series.map(|(labels, value)| SeriesSnapshot {
                description: &family.description,
                labels: labels.view(),
                held: Held::Observed(value),
                since: None,
            })
        });
        registered.into_iter().flatten().chain(observed)
    }

    pub(super) fn description(&self) -> &'a FamilyDescription {
        match self.0 {
            Source::Registered(family) => family.description(),
            Source::Observed(family) => &family.description,
        }
    }

    pub(super) fn label_sets(&self) -> Vec<LabelSet<'a>> {
        self.series().map(|series| series.labels).collect()
    }

    /// Families of the library itself, and observed ones, are left out if they are empty.
    pub(super) fn is_shown(&self) -> bool {
        match self.0 {
            Source::Registered(family) => family.is_shown(),
            Source::Observed(family) => !family.series.is_empty(),
        }
    }
}

impl fmt::Debug for PageFamily<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("PageFamily");
        out.field("name", &self.name()).field("kind", &self.kind());
        out.finish_non_exhaustive()
    }
}
