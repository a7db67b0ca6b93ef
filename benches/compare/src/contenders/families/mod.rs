//! Families: metrics of one name, told apart by two labels whose values are known only when they are used.

pub(crate) mod counters;
pub(crate) mod histograms;
mod label_sets;

use super::Contender;
use crate::values::Sample;

const NAMES: [&str; 2] = ["route", "status"];

/// The values of the labels. They live as long as the program, since some libraries keep such values without a copy.
pub(crate) type Labels = [&'static str; 2];

/// The labels of so many series: five statuses a route. The routes are never freed.
pub(crate) fn labels(series: usize) -> Vec<Labels> {
    const STATUSES: [&str; 5] = ["200", "204", "404", "500", "503"];
    (0..series.div_ceil(STATUSES.len()))
        .flat_map(|i| {
            let route: &'static str = format!("/items/{i}").leak();
            STATUSES.map(|status| [route, status])
        })
        .take(series)
        .collect()
}

/// A family of one library, as its documentation uses it.
pub(crate) trait Family: Send + Sync + 'static {
    const NAME: &'static str;
    /// What is recorded.
    type Value: Sample;

    fn new() -> Self;

    /// Looks a series up, makes it if it is new, and records into it.
    fn record(&self, labels: Labels, value: Self::Value);

    /// The page, or `None` if the library has none.
    fn render(&self) -> Option<Vec<u8>>;
}

/// A family whose series can be held.
pub(crate) trait Handles: Family {
    /// How its series are recorded into.
    type Metric: Contender<Value = Self::Value>;

    fn handle(&self, labels: Labels) -> <Self::Metric as Contender>::Handle;
}
