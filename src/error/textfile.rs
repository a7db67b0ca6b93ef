//! Why a page was not written to a file.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why [`Page::write_textfile`](crate::Page::write_textfile) failed. The file at the path is as it was before.
///
/// ```
/// use epoch_metrics::{Registry, TextfileError};
///
/// let error = Registry::new().page().write_textfile("backup.txt").unwrap_err();
/// assert!(matches!(error, TextfileError::NotRead { .. }));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum TextfileError {
    /// The path has no file name that ends in `.prom`.
    NotRead {
        /// The path that was given.
        path: PathBuf,
    },
    /// The temporary file could not be created, written or flushed.
    Write {
        /// The temporary file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The temporary file could not be renamed to the path.
    Replace {
        /// The path that was given.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl fmt::Display for TextfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRead { path } => write!(
                f,
                "the textfile collector would not read {path:?}: give the file a name that ends in `.prom`"
            ),
            Self::Write { path, error } => write!(
                f,
                "{path:?} cannot be written: {error}: use a folder on a disk with room, in which the process may create files"
            ),
            Self::Replace { path, error } => write!(
                f,
                "{path:?} cannot be replaced: {error}: use a path that is no folder and that the process may replace"
            ),
        }
    }
}

impl Error for TextfileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotRead { .. } => None,
            Self::Write { error, .. } | Self::Replace { error, .. } => Some(error),
        }
    }
}
