//! Families: metrics of one name that differ in their label values.

use crate::engine::series_map::{LabelValues, SeriesMap};
use crate::error::LabelError;
use std::fmt;
use std::sync::Arc;

/// Metrics of one name that differ in their label values.
///
/// [`with`](Self::with) returns a handle, never a guard. Look it up once for each value that is known in advance, and keep it:
/// a look-up takes a read lock and hashes the values, recording through the handle does neither.
///
/// ```
/// let registry = epoch_metrics::Registry::new();
/// let requests = registry.counter_family("requests", "Requests answered.", &["method", "status"])?;
/// let ok = requests.with(&["GET", "200"])?; // once
/// ok.inc();
/// assert!(registry.render_prometheus().contains(r#"requests_total{method="GET",status="200"} 1"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Family<M> {
    labels: usize,
    series: Arc<SeriesMap<M>>,
    /// Registers a series and returns its handle. `Registry::cell_family` and `Registry::histogram_family` make it.
    create: Arc<dyn Fn(LabelValues) -> M + Send + Sync>,
}

/// `create` changes a registry under its lock, all or nothing.
impl<M> std::panic::RefUnwindSafe for Family<M> {}
impl<M> std::panic::UnwindSafe for Family<M> {}

impl<M: Clone> Family<M> {
    /// `labels`: how many there are.
    pub(crate) fn new(
        labels: usize,
        create: impl Fn(LabelValues) -> M + Send + Sync + 'static,
    ) -> Self {
        Self {
            labels,
            series: Arc::default(),
            create: Arc::new(create),
        }
    }

    /// The member with these label values, one for each label in the order of registration. It is created if it is new.
    ///
    /// # Errors
    /// If the number of values is not the number of labels.
    pub fn with(&self, values: &[&str]) -> Result<M, LabelError> {
        if values.len() != self.labels {
            return Err(LabelError::WrongCount {
                expected: self.labels,
                given: values.len(),
            });
        }
        Ok(self.series.get_or_create(values, &*self.create))
    }
}

impl<M> fmt::Debug for Family<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Family")
            .field("labels", &self.labels)
            .finish_non_exhaustive()
    }
}
