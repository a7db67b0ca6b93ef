//! Why a recorder could not be built or installed.

use epoch_metrics::RegisterError;
use std::error::Error;
use std::fmt;

/// Why a recorder could not be built or installed.
///
/// ```
/// use epoch_metrics_facade::{BuildError, PrometheusBuilder};
///
/// let error = PrometheusBuilder::new().set_buckets(&[0.1, -1.0]).unwrap_err();
/// assert_eq!(error, BuildError::InvalidBound { bound: -1.0 });
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum BuildError {
    /// A histogram was to have no bucket bounds.
    NoBounds,
    /// A bucket bound that no recorded value can have: it is negative or not a number.
    InvalidBound {
        /// The bound.
        bound: f64,
    },
    /// The registry refused a constant label, the number of digits or decimal places, or this crate's own counter.
    Register(RegisterError),
    /// The process has a recorder already.
    AlreadyInstalled,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBounds => f.write_str("no bucket bounds: give at least one"),
            Self::InvalidBound { bound } => write!(
                f,
                "{bound} is not a bucket bound: use numbers that are not negative"
            ),
            Self::Register(error) => error.fmt(f),
            Self::AlreadyInstalled => f.write_str(
                "the process has a metrics recorder already: install one, at the start of `main`",
            ),
        }
    }
}

impl Error for BuildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Register(error) => Some(error),
            _ => None,
        }
    }
}

impl From<RegisterError> for BuildError {
    fn from(error: RegisterError) -> Self {
        Self::Register(error)
    }
}
