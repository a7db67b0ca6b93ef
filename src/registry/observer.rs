//! Observable metrics: families whose values a callback reports while a page is made.

use crate::engine::family::labels::LabelValues;
use crate::error::LabelError;
use crate::registry::snapshot::RegistrySnapshot;
use crate::sample::description::FamilyDescription;
use crate::sample::labels::OwnedLabels;
use crate::sample::value::Value;
use crate::sync::{AtomicU64, Relaxed};
use std::any::Any;
use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Series with their values, as one page shows them.
pub(super) type ObservedSeries = Vec<(OwnedLabels, Value)>;

/// A family as one page shows it.
#[derive(Clone, Debug)]
pub(super) struct ObservedFamily {
    pub(super) description: Arc<FamilyDescription>,
    /// Of the library itself: counters whose equal series are added up when pages are merged.
    pub(super) own: bool,
    pub(super) series: ObservedSeries,
}

impl ObservedFamily {
    /// A family of the library itself that is one series.
    pub(super) fn single(description: &Arc<FamilyDescription>, value: Value) -> Self {
        let labels = OwnedLabels {
            shared: Arc::clone(&description.constant),
            ..OwnedLabels::default()
        };
        Self::own(description, vec![(labels, value)])
    }

    pub(super) fn own(description: &Arc<FamilyDescription>, series: ObservedSeries) -> Self {
        Self {
            description: Arc::clone(description),
            own: true,
            series,
        }
    }
}

/// One registered callback.
#[derive(Clone)]
pub(super) struct Observer {
    pub(super) description: Arc<FamilyDescription>,
    /// Returns what the callback reported.
    observe: Arc<dyn Fn(&RegistrySnapshot) -> ObservedSeries + Send + Sync>,
    panics: Arc<AtomicU64>,
}

impl Observer {
    pub(super) fn new<V: Into<Value>>(
        description: FamilyDescription,
        callback: impl Fn(&RegistrySnapshot, &mut Observations<V>) + Send + Sync + 'static,
    ) -> Self {
        let description = Arc::new(description);
        let family = Arc::clone(&description);
        let observe = move |snapshot: &RegistrySnapshot| {
            let mut observations = Observations::new(Arc::clone(&family));
            callback(snapshot, &mut observations);
            observations.series
        };
        Self {
            description,
            observe: Arc::new(observe),
            panics: Arc::default(),
        }
    }

    /// The series that the callback reports now; none if it panics, which is counted.
    pub(super) fn observe(&self, snapshot: &RegistrySnapshot) -> ObservedFamily {
        // What a callback leaves half-changed is its own, and all that it reported is dropped.
        let observed = catch_unwind(AssertUnwindSafe(|| (self.observe)(snapshot)));
        let series = observed.unwrap_or_else(|payload| {
            // Relaxed: a statistic.
            self.panics.fetch_add(1, Relaxed);
            drop_quietly(payload);
            Vec::new()
        });
        ObservedFamily {
            description: Arc::clone(&self.description),
            own: false,
            series,
        }
    }

    /// How often the callback has panicked.
    pub(super) fn panics(&self) -> u64 {
        // Relaxed: a statistic.
        self.panics.load(Relaxed)
    }
}

/// Drops what a panic carried, which may panic itself; what that panic carries is leaked.
fn drop_quietly(payload: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(again);
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observer")
            .field(&self.description.name)
            .finish()
    }
}

/// Collects what one callback reports: `u64` for a counter, `f64` for a gauge, [`Summary`](crate::Summary) for a summary.
///
/// ```
/// let registry = epoch_metrics::Registry::new();
/// registry.observable_gauge("pool_size", "Connections, by state.", &["state"], |_, observations| {
///     // Both calls fail only if a value is missing or a series is reported twice.
///     let reported = observations.observe(&["idle"], 3.0).and(observations.observe(&["busy"], 5.0));
///     debug_assert!(reported.is_ok());
/// })?;
/// assert!(registry.render_prometheus().contains("pool_size{state=\"busy\"} 5\n"));
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
pub struct Observations<V> {
    family: Arc<FamilyDescription>,
    seen: HashSet<LabelValues>,
    series: ObservedSeries,
    value: PhantomData<V>,
}

impl<V: Into<Value>> Observations<V> {
    fn new(family: Arc<FamilyDescription>) -> Self {
        Self {
            family,
            seen: HashSet::new(),
            series: Vec::new(),
            value: PhantomData,
        }
    }

    /// Reports the value of the series with these label values, one for each label in the order of registration.
    ///
    /// # Errors
    /// If the number of values is not the number of labels, or the series was already reported for this page. Then the value
    /// is left out.
    pub fn observe(&mut self, labels: &[&str], value: V) -> Result<(), LabelError> {
        if labels.len() != self.family.labels.len() {
            return Err(LabelError::WrongCount {
                expected: self.family.labels.len(),
                given: labels.len(),
            });
        }
        let values = LabelValues::new(labels);
        if !self.seen.insert(values.clone()) {
            return Err(LabelError::DuplicateSeries);
        }
        let labels = OwnedLabels {
            shared: Arc::clone(&self.family.constant),
            names: Arc::clone(&self.family.labels),
            values: Some(values),
        };
        self.series.push((labels, value.into()));
        Ok(())
    }
}

impl<V> fmt::Debug for Observations<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observations")
            .field("series", &self.series.len())
            .finish_non_exhaustive()
    }
}
