//! A sample with labels: what it was recorded with.

use crate::engine::family::labels::LabelValues;
use std::time::Duration;

/// One sample of a histogram, with labels such as the identifier of a trace: an example of what its bucket counts.
///
/// ```
/// use epoch_metrics::{HistogramOptions, Registry};
///
/// let options = HistogramOptions::values(0, 100).exemplars(true);
/// let sizes = Registry::new().histogram("sizes", "Sizes.", options)?;
/// sizes.record_with_exemplar(7, &[("trace_id", "4bf92f35")])?;
/// let snapshot = sizes.snapshot();
/// let exemplar = snapshot.exemplars().next().expect("one was recorded");
/// assert_eq!(exemplar.value(), 7);
/// assert_eq!(exemplar.labels().collect::<Vec<_>>(), [("trace_id", "4bf92f35")]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// Names and values in turn.
    labels: LabelValues,
    value: u64,
    time: Option<Duration>,
}

impl Exemplar {
    pub(crate) fn new(labels: &[(&str, &str)], value: u64, time: Option<Duration>) -> Self {
        let pairs = labels.iter().flat_map(|(name, value)| [*name, *value]);
        Self {
            labels: LabelValues::new(&pairs.collect::<Vec<_>>()),
            value,
            time,
        }
    }

    /// Names and values of its labels, in the order in which they were given.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        let pairs = 0..self.labels.len() / 2;
        pairs.map(|pair| (self.labels.get(2 * pair), self.labels.get(2 * pair + 1)))
    }

    /// The value that was recorded, in the histogram's unit: nanoseconds if it takes durations.
    pub fn value(&self) -> u64 {
        self.value
    }

    /// When it was recorded, since 1970 in UTC; `None` if the registry's clock does not tell
    /// ([`Clock::unix_time`](crate::Clock::unix_time)).
    pub fn time(&self) -> Option<Duration> {
        self.time
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Exemplar {
    /// The labels as a map, the value, and the time if it is known.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let labels: std::collections::BTreeMap<_, _> = self.labels().collect();
        let mut out = serializer.serialize_struct("Exemplar", 3)?;
        out.serialize_field("labels", &labels)?;
        out.serialize_field("value", &self.value)?;
        out.serialize_field("time", &self.time)?;
        out.end()
    }
}
