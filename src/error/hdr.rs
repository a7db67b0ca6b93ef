//! Why a histogram was not written in a format of HdrHistogram.

use std::error::Error;
use std::fmt;
use std::io;

/// Why a histogram could not be written in a format of HdrHistogram ([`HdrLogWriter`](crate::HdrLogWriter),
/// [`HistogramSnapshot::encode_hdr`](crate::HistogramSnapshot::encode_hdr)).
///
/// ```
/// use epoch_metrics::{HdrError, HistogramOptions, Registry};
///
/// let sizes = Registry::new().histogram("sizes", "Sizes.", HistogramOptions::default())?;
/// sizes.record(u64::MAX);
/// let error = sizes.snapshot().encode_hdr().unwrap_err();
/// assert!(matches!(error, HdrError::ValueTooLarge { value: u64::MAX }));
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum HdrError {
    /// A bucket that is not empty ends above 2^63 - 1, the largest value of HdrHistogram, whose numbers are signed.
    ValueTooLarge {
        /// The highest value of the bucket.
        value: u64,
    },
    /// A bucket has 2^63 values or more.
    CountTooLarge {
        /// How many it has.
        count: u64,
    },
    /// A log has no place for this tag: it is empty, or has a comma, a space or the end of a line.
    InvalidTag {
        /// The tag.
        tag: String,
    },
    /// The writer failed, or there was not enough memory.
    Write {
        /// What the writer says.
        error: io::Error,
    },
}

impl fmt::Display for HdrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ValueTooLarge { value } => write!(
                f,
                "values up to {value} were recorded, and HdrHistogram's end at 2^63 - 1: register the histogram with a range"
            ),
            Self::CountTooLarge { count } => write!(
                f,
                "{count} values are in one bucket, and HdrHistogram counts up to 2^63 - 1: write intervals, which are shorter"
            ),
            Self::InvalidTag { tag } => write!(
                f,
                "{tag:?} cannot be the tag of a histogram: use a text without commas, spaces and ends of lines"
            ),
            Self::Write { error } => write!(
                f,
                "a histogram cannot be written: {error}: look whether there is room, and whether the reader is still there"
            ),
        }
    }
}

impl Error for HdrError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Write { error } => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for HdrError {
    fn from(error: io::Error) -> Self {
        Self::Write { error }
    }
}
