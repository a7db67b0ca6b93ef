//! The labels of one series.

use crate::engine::family::labels::LabelValues;
use std::sync::Arc;

/// Names and values that many series share.
pub(crate) type SharedLabels = Arc<[(Box<str>, Box<str>)]>;

/// Shared names and values first, such as the constant labels of the registry, then the series' own values with their names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LabelSet<'a> {
    pub(crate) shared: &'a [(Box<str>, Box<str>)],
    /// A name for each value; or, of `pairs`, only for `last`.
    pub(crate) names: &'a [Box<str>],
    /// The values are names and values in turn.
    pub(crate) pairs: bool,
    /// `None`: there are no values but `last`.
    pub(crate) values: Option<&'a LabelValues>,
    /// The value of the last name, where many series have the same ones: a rate's window.
    pub(crate) last: Option<&'a str>,
}

/// A [`LabelSet`] that belongs to one page.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnedLabels {
    pub(crate) shared: SharedLabels,
    pub(crate) names: Arc<[Box<str>]>,
    pub(crate) values: Option<LabelValues>,
}

impl OwnedLabels {
    pub(crate) fn view(&self) -> LabelSet<'_> {
        LabelSet {
            shared: &self.shared,
            names: &self.names,
            pairs: false,
            values: self.values.as_ref(),
            last: None,
        }
    }
}

impl<'a> LabelSet<'a> {
    pub(crate) fn iter(
        self,
    ) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> + Clone + use<'a> {
        (0..self.shared.len() + self.own() + usize::from(self.last.is_some()))
            .map(move |at| self.get(at))
    }

    /// Labels of the series itself, `last` aside.
    fn own(self) -> usize {
        let values = self.values.map_or(0, LabelValues::len);
        if self.pairs { values / 2 } else { values }
    }

    fn get(self, at: usize) -> (&'a str, &'a str) {
        if let Some(shared) = self.shared.get(at) {
            return (&shared.0, &shared.1);
        }
        let at = at - self.shared.len();
        match self.values.filter(|_| at < self.own()) {
            Some(values) if self.pairs => (values.get(2 * at), values.get(2 * at + 1)),
            Some(values) => (&self.names[at], values.get(at)),
            None => {
                let name = self.names.last().map_or("", |name| name);
                (name, self.last.unwrap_or_default())
            }
        }
    }

    /// Names and values by name: equal for two series that a monitoring server takes for the same one, in whatever order
    /// their labels are.
    pub(crate) fn sorted(self) -> Vec<(&'a str, &'a str)> {
        // To a server, a label without a value is no label.
        let mut sorted: Vec<_> = self.iter().filter(|(_, value)| !value.is_empty()).collect();
        sorted.sort_unstable();
        sorted
    }
}
