//! Sets of labels as the libraries want them that have a type for each.

use super::{Labels, NAMES};
use std::fmt::Debug;
use std::hash::Hash;

/// A label's value: copied into a `String` at every look-up, as a value must be that is known only then, or static.
pub(crate) trait Text:
    AsRef<str>
    + From<&'static str>
    + Into<metrics::SharedString>
    + Clone
    + Debug
    + Eq
    + Hash
    + Send
    + Sync
    + 'static
{
    const PROMETHEUS_CLIENT: &'static str;
    const FASTMETRICS: &'static str;
    const METRICS: &'static str;
}

impl Text for String {
    const PROMETHEUS_CLIENT: &'static str = "prometheus-client, String labels";
    const FASTMETRICS: &'static str = "fastmetrics, String labels";
    const METRICS: &'static str = "metrics + exporter, String labels";
}

impl Text for &'static str {
    const PROMETHEUS_CLIENT: &'static str = "prometheus-client, &'static str labels";
    const FASTMETRICS: &'static str = "fastmetrics, &'static str labels";
    const METRICS: &'static str = "metrics + exporter, &'static str labels";
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Set<T> {
    route: T,
    status: T,
}

impl<T: Text> From<Labels> for Set<T> {
    fn from([route, status]: Labels) -> Self {
        Self {
            route: route.into(),
            status: status.into(),
        }
    }
}

impl<T: Text> Set<T> {
    fn pairs(&self) -> [(&'static str, &str); 2] {
        [
            (NAMES[0], self.route.as_ref()),
            (NAMES[1], self.status.as_ref()),
        ]
    }
}

impl<T: Text> prometheus_client::encoding::EncodeLabelSet for Set<T> {
    fn encode(
        &self,
        encoder: &mut prometheus_client::encoding::LabelSetEncoder<'_>,
    ) -> Result<(), std::fmt::Error> {
        self.pairs().encode(encoder)
    }
}

impl<T: Text> fastmetrics::raw::LabelSetSchema for Set<T> {
    fn names() -> Option<&'static [&'static str]> {
        Some(&NAMES)
    }
}

impl<T: Text> fastmetrics::encoder::EncodeLabelSet for Set<T> {
    fn encode(
        &self,
        encoder: &mut dyn fastmetrics::encoder::LabelSetEncoder,
    ) -> fastmetrics::error::Result<()> {
        self.pairs()
            .iter()
            .try_for_each(|pair| encoder.encode(pair))
    }
}

/// measured keeps each text once and knows it by a number.
#[derive(measured::LabelGroup)]
#[label(set = InternedSet)]
pub(super) struct Interned<'a> {
    #[label(dynamic_with = measured::lasso::ThreadedRodeo, default)]
    route: &'a str,
    #[label(dynamic_with = measured::lasso::ThreadedRodeo, default)]
    status: &'a str,
}

impl From<Labels> for Interned<'static> {
    fn from([route, status]: Labels) -> Self {
        Self { route, status }
    }
}
