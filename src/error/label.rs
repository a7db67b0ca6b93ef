//! Why label values do not name a series.

use std::error::Error;
use std::fmt;

/// Why label values do not name a series.
///
/// ```
/// use epoch_metrics::{LabelError, Registry};
///
/// let family = Registry::new().counter_family("requests", "Requests.", &["method", "status"])?;
/// assert_eq!(family.with(&["GET"]).unwrap_err(), LabelError::WrongCount { expected: 2, given: 1 });
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LabelError {
    /// The number of values is not the number of the family's labels.
    WrongCount {
        /// How many labels the family has.
        expected: usize,
        /// How many values were given.
        given: usize,
    },
    /// The family has no label of this name.
    UnknownLabel {
        /// The name that was given.
        label: String,
    },
    /// The name cannot be that of a label: Prometheus does not accept it, or the exposition or the registry sets the label itself.
    InvalidLabel {
        /// The name that was given.
        label: String,
    },
    /// No value was given for a label.
    MissingLabel {
        /// The label's name.
        label: String,
    },
    /// Two values were given for a label.
    DuplicateLabel {
        /// The label's name.
        label: String,
    },
    /// The family has as many series as it may have, and it is one of gauges, which have no overflow series.
    TooManySeries {
        /// The most series that the family may have; the registry's cap may be lower.
        max: usize,
    },
    /// An observable metric reported two values for the same series.
    DuplicateSeries,
}

impl fmt::Display for LabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongCount { expected, given } => write!(
                f,
                "{given} label values for {expected} labels: give one value for each, in the order of registration"
            ),
            Self::UnknownLabel { label } => write!(
                f,
                "the family has no label {label:?}: use the names that it was registered with"
            ),
            Self::InvalidLabel { label } => write!(
                f,
                "{label:?} cannot be the name of a label here: use ASCII letters, digits and `_`, and no name that the exposition \
                 or the registry sets itself"
            ),
            Self::MissingLabel { label } => {
                write!(f, "there is no value for the label {label:?}: give one")
            }
            Self::DuplicateLabel { label } => {
                write!(
                    f,
                    "there are two values for the label {label:?}: leave one out"
                )
            }
            Self::TooManySeries { max } => write!(
                f,
                "the family may have {max} series, and it or its registry is full: remove some, or raise `max_series`"
            ),
            Self::DuplicateSeries => {
                write!(
                    f,
                    "these label values were already observed for this page: observe each series once"
                )
            }
        }
    }
}

impl Error for LabelError {}
