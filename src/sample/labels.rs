//! The labels of one series.

use crate::engine::series_map::LabelValues;
use std::sync::Arc;

/// Names and values that many series share.
pub(crate) type SharedLabels = Arc<[(Box<str>, Box<str>)]>;

/// Shared names and values first, such as the constant labels of the registry, then the series' own values with their names.
#[derive(Clone, Debug, Default)]
pub(crate) struct LabelSet {
    shared: SharedLabels,
    names: Arc<[Box<str>]>,
    values: LabelValues,
}

impl LabelSet {
    /// As many values as names.
    pub(crate) fn new(shared: SharedLabels, names: Arc<[Box<str>]>, values: LabelValues) -> Self {
        debug_assert_eq!(names.len(), values.len());
        Self {
            shared,
            names,
            values,
        }
    }

    /// The same series' own values with other names, and with other labels before them.
    pub(crate) fn with_names(&self, shared: SharedLabels, names: Arc<[Box<str>]>) -> Self {
        Self::new(shared, names, Arc::clone(&self.values))
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + Clone {
        (0..self.shared.len() + self.names.len()).map(|at| self.get(at))
    }

    fn get(&self, at: usize) -> (&str, &str) {
        match self.shared.get(at) {
            Some((name, value)) => (name, value),
            None => {
                let at = at - self.shared.len();
                (&self.names[at], &self.values[at])
            }
        }
    }

    /// Names and values by name: equal for two series that a monitoring server takes for the same one, in whatever order
    /// their labels are.
    pub(crate) fn sorted(&self) -> Vec<(&str, &str)> {
        // To a server, a label without a value is no label.
        let mut sorted: Vec<_> = self.iter().filter(|(_, value)| !value.is_empty()).collect();
        sorted.sort_unstable();
        sorted
    }
}
