//! Observable metrics: families whose values a callback reports while a page is made.

use crate::engine::series_map::LabelValues;
use crate::error::LabelError;
use crate::registry::snapshot::RegistrySnapshot;
use crate::sample::description::FamilyDescription;
use crate::sample::labels::LabelSet;
use crate::sample::value::Value;
use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// What one callback reported.
pub(super) type ObservedSeries = Vec<(LabelSet, Value)>;

/// One registered callback.
#[derive(Clone)]
pub(super) struct Observer {
    pub(super) description: Arc<FamilyDescription>,
    observe: Arc<dyn Fn(&RegistrySnapshot) -> ObservedSeries + Send + Sync>,
}

impl Observer {
    pub(super) fn new<V: Into<Value>>(
        description: FamilyDescription,
        callback: impl Fn(&RegistrySnapshot, &mut Observations<V>) + Send + Sync + 'static,
    ) -> Self {
        let labels = Arc::clone(&description.labels);
        let observe = move |snapshot: &RegistrySnapshot| {
            let mut observations = Observations::new(Arc::clone(&labels));
            callback(snapshot, &mut observations);
            observations.series
        };
        Self {
            description: Arc::new(description),
            observe: Arc::new(observe),
        }
    }

    /// The series that the callback reports now.
    pub(super) fn observe(&self, snapshot: &RegistrySnapshot) -> ObservedSeries {
        (self.observe)(snapshot)
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
    names: Arc<[Box<str>]>,
    seen: HashSet<LabelValues>,
    series: ObservedSeries,
    value: PhantomData<V>,
}

impl<V: Into<Value>> Observations<V> {
    fn new(names: Arc<[Box<str>]>) -> Self {
        Self {
            names,
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
        if labels.len() != self.names.len() {
            return Err(LabelError::WrongCount {
                expected: self.names.len(),
                given: labels.len(),
            });
        }
        let values: LabelValues = labels.iter().map(|value| Box::from(*value)).collect();
        if !self.seen.insert(Arc::clone(&values)) {
            return Err(LabelError::DuplicateSeries);
        }
        self.series
            .push((LabelSet::new(Arc::clone(&self.names), values), value.into()));
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
