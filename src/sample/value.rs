//! The value of one series.

use crate::snapshot::histogram::HistogramSnapshot;
use std::sync::Arc;

/// The value of a series at one moment.
///
/// ```
/// use epoch_metrics::{Registry, Value};
///
/// let registry = Registry::new();
/// registry.counter("requests", "Requests answered.")?.add(3);
/// let snapshot = registry.snapshot();
/// let requests = snapshot.family("requests").expect("it is registered");
/// let series = requests.series().next().expect("a metric without labels is one series");
/// assert_eq!(series.value(), Value::Counter(3));
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(untagged))]
#[non_exhaustive]
pub enum Value {
    /// A counter's value, or a throughput's total.
    Counter(u64),
    /// A floating-point counter's value.
    FloatCounter(f64),
    /// A gauge's value.
    Gauge(i64),
    /// A floating-point gauge's value, or a throughput's rate.
    FloatGauge(f64),
    /// A histogram's snapshot.
    Histogram(Arc<HistogramSnapshot>),
    /// Quantiles that an observable metric reported.
    Summary(Arc<Summary>),
}

/// Count, sum and quantiles: the value of an observable summary.
///
/// ```
/// use epoch_metrics::Summary;
///
/// let summary = Summary::new(100, 5_050).quantile(0.5, 50).quantile(0.99, 99);
/// assert_eq!(summary.quantiles(), [(0.5, Some(50)), (0.99, Some(99))]);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[must_use]
pub struct Summary {
    count: u64,
    sum: u128,
    quantiles: Vec<(f64, Option<u64>)>,
}

impl Summary {
    /// `sum` and all quantiles are in the unit that the summary is registered with: nanoseconds for seconds.
    pub fn new(count: u64, sum: u128) -> Self {
        Self {
            count,
            sum,
            quantiles: Vec::new(),
        }
    }

    /// Adds the value of the quantile `q`. `None`, of a window without samples, is `NaN` in text and `null` in JSON.
    pub fn quantile(mut self, q: f64, value: impl Into<Option<u64>>) -> Self {
        self.quantiles.push((q, value.into()));
        self
    }

    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The sum of the values.
    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// The quantiles and their values, in the order in which they were added.
    pub fn quantiles(&self) -> &[(f64, Option<u64>)] {
        &self.quantiles
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Counter(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::FloatGauge(value)
    }
}

impl From<Summary> for Value {
    fn from(value: Summary) -> Self {
        Self::Summary(Arc::new(value))
    }
}
