//! The labels of one series.

use crate::engine::series_map::LabelValues;
use std::sync::Arc;

/// Names and values. The names are usually those of the family, shared; a series may carry its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct LabelSet {
    names: Arc<[Box<str>]>,
    values: LabelValues,
}

impl LabelSet {
    /// As many values as names.
    pub(crate) fn new(names: Arc<[Box<str>]>, values: LabelValues) -> Self {
        debug_assert_eq!(names.len(), values.len());
        Self { names, values }
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + Clone {
        self.names
            .iter()
            .zip(self.values.iter())
            .map(|(name, value)| (&**name, &**value))
    }
}
