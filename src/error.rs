//! What can go wrong, and what to do about it: one enum an operation.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Why a metric could not be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterError {
    /// The name is not one that Prometheus accepts.
    InvalidName {
        /// The name.
        name: String,
    },
    /// The label's name is not one that Prometheus accepts.
    InvalidLabelName {
        /// The label's name.
        label: String,
    },
    /// The label's name is one that the exposition uses itself.
    ReservedLabelName {
        /// The label's name.
        label: String,
    },
    /// A family has the same label twice.
    DuplicateLabelName {
        /// The label's name.
        label: String,
    },
    /// A metric of this name, or one whose exposition would use this name, is registered already.
    Duplicate {
        /// The name that is taken.
        name: String,
    },
    /// The histogram's options do not go together.
    Options(OptionsError),
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidName { name } => write!(
                f,
                "{name:?} is not a metric name: use ASCII letters, digits, `_` and `:`, and do not begin with a digit"
            ),
            Self::InvalidLabelName { label } => write!(
                f,
                "{label:?} is not a label name: use ASCII letters, digits and `_`, and begin with a letter or one `_`"
            ),
            Self::ReservedLabelName { label } => {
                write!(f, "the label {label:?} is set by the exposition itself: choose another name")
            }
            Self::DuplicateLabelName { label } => {
                write!(f, "the label {label:?} is named twice: leave one out")
            }
            Self::Duplicate { name } => write!(
                f,
                "the name {name:?} is taken by a registered metric: keep and clone the handle that its registration returned, \
                 or choose another name"
            ),
            Self::Options(error) => error.fmt(f),
        }
    }
}

impl Error for RegisterError {}

impl From<OptionsError> for RegisterError {
    fn from(error: OptionsError) -> Self {
        Self::Options(error)
    }
}

/// Why a histogram cannot be had with these options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionsError {
    /// Fewer than 1 or more than 5 significant digits.
    Digits {
        /// What was asked for.
        digits: u8,
    },
    /// The largest value is below the smallest.
    EmptyRange {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// More recent samples than a queue can be made for.
    TooManyRecent {
        /// What was asked for.
        recent: usize,
    },
    /// A throughput has the same window twice.
    DuplicateWindow {
        /// The window.
        window: Duration,
    },
    /// A rate's window is not of whole seconds, or of none or too many.
    Window {
        /// What was asked for.
        window: Duration,
    },
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digits { digits } => {
                write!(f, "{digits} significant digits: choose 1 to 5 (2 resolves one percent, and is a good start)")
            }
            Self::EmptyRange { min, max } => {
                write!(f, "no value lies from {min} to {max}: let the largest be at least the smallest")
            }
            Self::TooManyRecent { recent } => write!(
                f,
                "{recent} recent samples: keep at most {} of them",
                crate::metric::options::HistogramOptions::MAX_RECENT
            ),
            Self::DuplicateWindow { window } => write!(f, "the window of {window:?} is there twice: leave one out"),
            Self::Window { window } => write!(
                f,
                "a window of {window:?}: choose 1 to {} whole seconds",
                crate::metric::throughput::MAX_WINDOW_SECONDS
            ),
        }
    }
}

impl Error for OptionsError {}

/// Why a family has no such member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LabelError {
    /// Not as many values as the family has labels.
    WrongCount {
        /// How many labels the family has.
        expected: usize,
        /// How many values were given.
        given: usize,
    },
}

impl fmt::Display for LabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::WrongCount { expected, given } = self;
        write!(f, "{given} label values for {expected} labels: give one value for each, in the order of registration")
    }
}

impl Error for LabelError {}

/// Why a value was not recorded. It has been counted as rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// Outside of the histogram's range.
    OutOfRange {
        /// The value.
        value: u64,
        /// The smallest that the histogram takes.
        min: u64,
        /// The largest that the histogram takes.
        max: u64,
    },
    /// A duration was given to a histogram whose unit is not seconds.
    NotADuration,
    /// A floating-point value that is not a number, infinite or negative.
    NotAnAmount,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { value, min, max } => write!(
                f,
                "{value} lies outside of {min} to {max}: it was counted as rejected; widen the histogram's range if it is real"
            ),
            Self::NotADuration => write!(
                f,
                "a duration for a histogram whose unit is not seconds: register it with HistogramOptions::durations()"
            ),
            Self::NotAnAmount => write!(f, "not a number, infinite or negative: it was counted as rejected"),
        }
    }
}

impl Error for RecordError {}

/// Why two snapshots cannot be combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MergeError {
    /// Their ranges, digits or units differ.
    DifferentBuckets,
    /// The snapshot called earlier holds values that this one does not.
    NotEarlier,
}

impl fmt::Display for MergeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DifferentBuckets => {
                write!(f, "the histograms have different buckets: register both with the same options")
            }
            Self::NotEarlier => write!(
                f,
                "the snapshot to subtract holds more than this one: a reset came between, or they are of different histograms"
            ),
        }
    }
}

impl Error for MergeError {}
