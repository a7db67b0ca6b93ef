//! Errors: one enum for each operation, each variant with its cause and its remedy.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Why a [`Pushgateway`](crate::Pushgateway) could not be described.
///
/// ```
/// use epoch_metrics_push::{GroupError, Pushgateway};
///
/// let error = Pushgateway::new("http://127.0.0.1:9091", "").unwrap_err();
/// assert_eq!(error, GroupError::EmptyJob);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupError {
    /// The address is not one of HTTP. It is not repeated here, since it can contain a password.
    InvalidUrl,
    /// The job has no name.
    EmptyJob,
    /// The gateway does not take a label of this name.
    InvalidLabel {
        /// The label's name.
        label: String,
    },
    /// The group has the label already; `job` is one of every group.
    DuplicateLabel {
        /// The label's name.
        label: String,
    },
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidUrl => f.write_str(
                "not the address of a gateway: use `http://host:port`, with a path if the gateway has a prefix, and without `?` and `#`",
            ),
            Self::EmptyJob => f.write_str("a job without a name: the gateway takes none"),
            Self::InvalidLabel { label } => write!(
                f,
                "{label:?} is not the name of a group's label: use ASCII letters, digits and `_`, and begin with a letter or one `_`"
            ),
            Self::DuplicateLabel { label } => write!(
                f,
                "the group has the label {label:?} already, and `job` in any case: choose another name"
            ),
        }
    }
}

impl Error for GroupError {}

/// Why a push, or a deletion, did not succeed.
///
/// ```
/// use epoch_metrics::Registry;
/// use epoch_metrics_push::{PushError, Pushgateway};
///
/// // Nobody listens on port 1.
/// let gateway = Pushgateway::new("http://127.0.0.1:1", "backup").expect("it is valid");
/// let error = gateway.push(&Registry::new().page()).unwrap_err();
/// assert!(matches!(error, PushError::Unreachable { .. }));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum PushError {
    /// The gateway had not answered in time. Whether it took the page is not known.
    TimedOut {
        /// The time that it had.
        timeout: Duration,
    },
    /// There is no connection to the gateway, it ended before the answer, or what answers does not speak HTTP.
    Unreachable {
        /// What happened.
        error: Box<dyn Error + Send + Sync>,
    },
    /// The gateway answered with something else than success, and has what it had before.
    Refused {
        /// The status of the answer, such as 400.
        status: u16,
        /// How the body of the answer begins, which says why: 1 KiB at the most.
        message: String,
    },
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut { timeout } => write!(
                f,
                "the gateway did not answer within {timeout:?}: look whether it is overloaded, or allow more with `timeout`"
            ),
            Self::Unreachable { error } => {
                write!(
                    f,
                    "the gateway cannot be reached: {error}: check its address"
                )
            }
            Self::Refused { status, message } => write!(
                f,
                "the gateway refused with status {status}: {message}: for 400, push nothing that contradicts other groups; for others, \
                 check the address"
            ),
        }
    }
}

impl Error for PushError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreachable { error } => Some(&**error),
            _ => None,
        }
    }
}
