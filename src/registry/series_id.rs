//! Which series a value belongs to, from one page to the next.

use crate::engine::family::labels::LabelValues;
use crate::registry::series_snapshot::{Held, SeriesSnapshot};
use crate::snapshot::origin::Origin;
use std::hash::{Hash, Hasher};

/// Tells a series from all others of its registry, and from itself before it was reset, removed or unregistered.
///
/// An exporter that sends differences keeps the last value of each series by it: a value is subtracted from a later one exactly if both have the
/// same id. A series that was removed and made anew has another id, and so has a histogram or a throughput after a
/// [reset](crate::Histogram::reset). A series that a callback reports is told by its name and labels alone.
///
/// ```
/// use epoch_metrics::{Registry, SeriesId};
///
/// let registry = Registry::builder().without_own_metrics().build();
/// let jobs = registry.counter_family("jobs", "Jobs done.", &["queue"])?;
/// let id = || -> Option<SeriesId> { Some(registry.page().families().next()?.series().next()?.id()) };
/// jobs.with(&["fast"])?.add(2);
/// let first = id();
/// jobs.with(&["fast"])?.add(2);
/// assert_eq!(id(), first);
/// jobs.remove(&["fast"]);
/// jobs.with(&["fast"])?.add(5);
/// assert_ne!(id(), first);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SeriesId(Id);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Id {
    Registered {
        registration: Origin,
        /// A histogram between two resets.
        histogram: Option<Origin>,
        /// The resets of a throughput so far; of a rate or a summary, its window.
        number: u64,
        labels: Option<SameLabels>,
    },
    Observed {
        name: String,
        /// By name.
        labels: Vec<(String, String)>,
    },
}

/// The label values that one series was made with: equal if they are one allocation, which no other series has while this is held.
#[derive(Clone, Debug)]
struct SameLabels(LabelValues);

impl PartialEq for SameLabels {
    fn eq(&self, other: &Self) -> bool {
        self.0.is(&other.0)
    }
}

impl Eq for SameLabels {}

impl Hash for SameLabels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Equal ones have equal values.
        self.0.hash(state);
    }
}

impl SeriesId {
    /// Whether it is of a series that a callback reports. Such a series can be missing on one page, if the callback panics or leaves it out, and come back on a
    /// later one; any other that is missing never comes back.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::builder().without_own_metrics().build();
    /// registry.counter("requests", "Requests answered.")?;
    /// registry.observable_counter_fn("accepted", "Connections accepted.", || 7)?;
    /// let page = registry.page();
    /// let ids = page.families().flat_map(|family| family.series().map(|series| series.id()));
    /// assert_eq!(ids.map(|id| id.is_observed()).collect::<Vec<_>>(), [false, true]);
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn is_observed(&self) -> bool {
        matches!(self.0, Id::Observed { .. })
    }
}

impl SeriesSnapshot<'_> {
    /// Which series it is.
    #[must_use]
    pub fn id(&self) -> SeriesId {
        let (histogram, number) = match self.held {
            Held::Observed(_) => {
                let labels = self.labels.sorted().into_iter();
                return SeriesId(Id::Observed {
                    name: self.description.name.clone(),
                    labels: labels
                        .map(|(name, value)| (name.to_owned(), value.to_owned()))
                        .collect(),
                });
            }
            Held::Cell(..) => (None, 0),
            Held::Histogram(histogram) => (histogram.origin.clone(), 0),
            Held::Rejections(histogram) | Held::Recent(histogram) => (histogram.origin.clone(), 0),
            Held::Window(histogram, window) => (histogram.origin.clone(), window as u64),
            Held::Total(throughput) => (None, throughput.resets),
            Held::Rate(_, window) => (None, window as u64),
        };
        SeriesId(Id::Registered {
            registration: self.description.registration.clone(),
            histogram,
            number,
            labels: self.labels.values.cloned().map(SameLabels),
        })
    }
}
