//! Errors: one enum for each operation, each variant with its cause and its remedy.

#[cfg(feature = "hdr-log")]
mod hdr;
mod label;
mod textfile;

#[cfg(feature = "hdr-log")]
pub use hdr::HdrError;
pub use label::LabelError;
pub use textfile::TextfileError;

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Why a metric could not be registered, or its series not be made.
///
/// A function that registers metrics and makes series with [`Family::with`](crate::Family::with) can return this for both.
///
/// ```
/// use epoch_metrics::{Counter, RegisterError, Registry};
///
/// let registry = Registry::new();
/// let error = registry.counter("1st", "Starts with a digit.").unwrap_err();
/// assert_eq!(error, RegisterError::InvalidName { name: "1st".to_owned() });
///
/// fn requests(registry: &Registry, status: &str) -> Result<Counter, RegisterError> {
///     let family = registry.counter_family("requests", "Requests answered.", &["status"])?;
///     Ok(family.with(&[status])?)
/// }
/// assert_eq!(requests(&registry, "200")?.get(), 0);
/// # Ok::<(), RegisterError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterError {
    /// Prometheus does not accept the name.
    InvalidName {
        /// The name.
        name: String,
    },
    /// Prometheus does not accept the label's name.
    InvalidLabelName {
        /// The label's name.
        label: String,
    },
    /// A page sets the label itself on metrics of this kind: `le` on histograms, `quantile` on summaries.
    ReservedLabelName {
        /// The label's name.
        label: String,
    },
    /// A family, or a registry, has the same label twice; or a family has a label that is a constant label of its registry.
    DuplicateLabelName {
        /// The label's name.
        label: String,
    },
    /// A metric of this name that differs, or one that uses this name on a page, is already registered. Formats differ in the names
    /// that they use; what one of them uses is taken in all.
    Duplicate {
        /// The name that is taken.
        name: String,
        /// In what the metric of this name differs first, such as `"kind"` or `"labels"`. `None`: another metric uses the name.
        differs: Option<&'static str>,
    },
    /// The options contradict each other.
    Options(OptionsError),
    /// The metric is a family, and label values do not name a series of it.
    Labels(LabelError),
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidName { name } => write!(
                f,
                "{name:?} is not a metric name: use ASCII letters, digits, `_` and `:`, and do not begin with a digit, or allow more with \
                 `RegistryBuilder::utf8_names`"
            ),
            Self::InvalidLabelName { label } => write!(
                f,
                "{label:?} is not a label name: use ASCII letters, digits and `_`, and begin with a letter or one `_`, or allow more with \
                 `RegistryBuilder::utf8_names`"
            ),
            Self::ReservedLabelName { label } => {
                write!(
                    f,
                    "the label {label:?} is set by the exposition itself: choose another name"
                )
            }
            Self::DuplicateLabelName { label } => {
                write!(
                    f,
                    "the label {label:?} is there twice, once perhaps as a constant label of the registry: leave one out"
                )
            }
            Self::Duplicate {
                name,
                differs: Some(differs),
            } => write!(
                f,
                "the name {name:?} is taken by a registered metric whose {differs} is another: register it with the same \
                 description, or choose another name"
            ),
            Self::Duplicate {
                name,
                differs: None,
            } => write!(
                f,
                "the name {name:?} is taken by a registered metric: choose another name"
            ),
            Self::Options(error) => error.fmt(f),
            Self::Labels(error) => error.fmt(f),
        }
    }
}

impl Error for RegisterError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Options(error) => Some(error),
            Self::Labels(error) => Some(error),
            _ => None,
        }
    }
}

impl From<OptionsError> for RegisterError {
    fn from(error: OptionsError) -> Self {
        Self::Options(error)
    }
}

impl From<LabelError> for RegisterError {
    fn from(error: LabelError) -> Self {
        Self::Labels(error)
    }
}

/// Which options are impossible.
///
/// ```
/// use epoch_metrics::{HistogramOptions, OptionsError, RegisterError, Registry};
///
/// let options = HistogramOptions::values(0, 100).significant_digits(9);
/// let error = Registry::new().histogram("sizes", "Sizes.", options).unwrap_err();
/// assert_eq!(error, RegisterError::Options(OptionsError::Digits { digits: 9 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionsError {
    /// Fewer than 1 or more than 5 significant digits.
    Digits {
        /// The number that was given.
        digits: u8,
    },
    /// More decimal places than a value may have.
    Places {
        /// The number that was given.
        places: u8,
        /// The largest possible number.
        max: u8,
    },
    /// The largest value is below the smallest.
    EmptyRange {
        /// The smallest value.
        min: u64,
        /// The largest value.
        max: u64,
    },
    /// The unit is seconds, but the options are not those of durations.
    NotDurations,
    /// More recent samples than a queue can hold.
    TooManyRecent {
        /// The number that was given.
        recent: usize,
        /// The largest possible number.
        max: usize,
    },
    /// A throughput or a histogram has the same window twice.
    DuplicateWindow {
        /// The window.
        window: Duration,
    },
    /// A histogram is to show quantiles of recent samples or windows that it does not keep.
    NothingToExport,
    /// A window is not a whole number of seconds, is zero, or is too long.
    Window {
        /// The window.
        window: Duration,
        /// The longest possible window, in seconds.
        max_seconds: u64,
    },
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digits { digits } => {
                write!(
                    f,
                    "{digits} significant digits: choose 1 to 5 (2 resolves one percent, and is a good start)"
                )
            }
            Self::Places { places, max } => {
                write!(f, "{places} decimal places: choose 0 to {max}")
            }
            Self::EmptyRange { min, max } => {
                write!(
                    f,
                    "no value lies from {min} to {max}: let the largest be at least the smallest"
                )
            }
            Self::NotDurations => f.write_str(
                "a histogram in seconds takes durations: register it with HistogramOptions::durations()",
            ),
            Self::TooManyRecent { recent, max } => {
                write!(f, "{recent} recent samples: keep at most {max} of them")
            }
            Self::NothingToExport => f.write_str(
                "quantiles of recent samples or windows that the histogram does not keep: give it `recent` or `windows` as well",
            ),
            Self::DuplicateWindow { window } => {
                write!(f, "the window of {window:?} is there twice: leave one out")
            }
            Self::Window {
                window,
                max_seconds,
            } => {
                write!(
                    f,
                    "a window of {window:?}: choose 1 to {max_seconds} whole seconds"
                )
            }
        }
    }
}

impl Error for OptionsError {}

/// Why a value was not recorded, and counted as rejected if it was a histogram's; or why it was recorded without its exemplar.
///
/// ```
/// use epoch_metrics::{HistogramOptions, RecordError, Registry};
///
/// let sizes = Registry::new().histogram("sizes", "Sizes.", HistogramOptions::values(1, 100))?;
/// assert_eq!(sizes.try_record(101), Err(RecordError::OutOfRange { value: 101, min: 1, max: 100 }));
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// The value is outside the histogram's range.
    OutOfRange {
        /// The value.
        value: u64,
        /// The smallest value that the histogram takes.
        min: u64,
        /// The largest value that the histogram takes.
        max: u64,
    },
    /// A duration was given to a histogram whose unit is not seconds.
    NotADuration,
    /// A counter was to go up by an amount that is negative, infinite or not a number.
    NotAnAmount,
    /// The value was recorded; a label of its exemplar has a name that is invalid, or that is there twice.
    ExemplarLabelName,
    /// The value was recorded; the labels of its exemplar are too long.
    ExemplarTooLong {
        /// How many characters all names and values have.
        chars: usize,
        /// How many they may have.
        max: usize,
    },
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { value, min, max } => write!(
                f,
                "{value} is outside the range {min} to {max}: it was counted as rejected; widen the histogram's range if it is real"
            ),
            Self::NotAnAmount => f.write_str(
                "a counter goes up by finite amounts that are not negative: use a gauge for what goes down",
            ),
            Self::NotADuration => f.write_str(
                "a duration for a histogram whose unit is not seconds, counted as rejected: register it with \
                 HistogramOptions::durations()",
            ),
            Self::ExemplarLabelName => f.write_str(
                "a label of an exemplar has an invalid name, or is there twice; the value was recorded without it: use ASCII letters, \
                 digits and `_`, and begin with a letter or one `_`",
            ),
            Self::ExemplarTooLong { chars, max } => write!(
                f,
                "the labels of an exemplar have {chars} characters, names and values together; the value was recorded without it: \
                 use at most {max}"
            ),
        }
    }
}

impl Error for RecordError {}

/// Why two snapshots cannot be combined.
///
/// ```
/// use epoch_metrics::{HistogramOptions, MergeError, Registry};
///
/// let registry = Registry::new();
/// let small = registry.histogram("small", "Small.", HistogramOptions::values(0, 10))?.snapshot();
/// let large = registry.histogram("large", "Large.", HistogramOptions::values(0, 1000))?.snapshot();
/// assert_eq!(small.merge(&large).unwrap_err(), MergeError::DifferentBuckets);
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MergeError {
    /// Their ranges, digits or units differ.
    DifferentBuckets,
    /// The snapshot to subtract is not an earlier one of the same histogram.
    NotEarlier,
}

impl fmt::Display for MergeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DifferentBuckets => {
                write!(
                    f,
                    "the histograms have different buckets: register both with the same options"
                )
            }
            Self::NotEarlier => write!(
                f,
                "the snapshot to subtract is not an earlier one of the same histogram: it is later, of another histogram, or a reset came between"
            ),
        }
    }
}

impl Error for MergeError {}
