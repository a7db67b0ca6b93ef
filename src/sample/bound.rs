//! The bounds that a histogram exports.

/// An exported bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    /// As it was asked for.
    pub(crate) value: u64,
    /// The end of the last bucket that counts as at or below the bound: the end nearest to it.
    pub(crate) cut: u64,
    /// The text of the `le` label.
    pub(crate) le: Box<str>,
}
