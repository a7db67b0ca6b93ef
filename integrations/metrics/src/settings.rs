//! What a recorder registers families with.

use crate::matcher::Matcher;

/// What families are registered with.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) default_bounds: Option<Vec<f64>>,
    pub(crate) bounds: Vec<(Matcher, Vec<f64>)>,
    pub(crate) places: Vec<(Matcher, u8)>,
    pub(crate) digits: u8,
    pub(crate) max_series: usize,
    /// Names get units, and counters `_total`.
    pub(crate) recommended: bool,
}
