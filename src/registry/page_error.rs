//! Why pages do not make one page.

use std::error::Error;
use std::fmt;

/// Why several pages cannot be merged into one. Names are those of families as snapshots show them, with the registry's prefix
/// and without a counter's `_total`.
///
/// ```
/// use epoch_metrics::{Page, PageError, Registry};
///
/// let (one, other) = (Registry::new(), Registry::new());
/// one.counter("jobs", "Jobs done.")?;
/// other.gauge("jobs", "Jobs done.")?;
/// let error = Page::merge([one.page(), other.page()]).unwrap_err();
/// assert_eq!(error, PageError::DifferentKinds { family: "jobs".to_owned() });
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageError {
    /// Two pages have a family of this name, of different kinds.
    DifferentKinds {
        /// The family's name.
        family: String,
    },
    /// Two pages have a family of this name, with different units.
    DifferentUnits {
        /// The family's name.
        family: String,
    },
    /// Two pages have a family of this name, with different help texts.
    DifferentHelp {
        /// The family's name.
        family: String,
    },
    /// Families of two names expose samples of the same name, as a counter `a` and a gauge `a_total` do.
    NameTaken {
        /// The name of the family that comes second.
        family: String,
        /// The name that is taken.
        name: String,
    },
    /// Two pages have a series with the same labels in a family of this name.
    DuplicateSeries {
        /// The family's name.
        family: String,
        /// The labels with their values, sorted.
        labels: Vec<(String, String)>,
    },
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let different = |f: &mut fmt::Formatter<'_>, family: &str, what: &str| {
            write!(
                f,
                "the family {family:?} has different {what} in two registries: register it in both with the same, or choose another name or prefix"
            )
        };
        match self {
            Self::DifferentKinds { family } => different(f, family, "kinds"),
            Self::DifferentUnits { family } => different(f, family, "units"),
            Self::DifferentHelp { family } => different(f, family, "help texts"),
            Self::NameTaken { family, name } => write!(
                f,
                "the family {family:?} needs the name {name:?}, which a family of another registry exposes: \
                 choose another name or prefix"
            ),
            Self::DuplicateSeries { family, labels } => write!(
                f,
                "two registries have the series {labels:?} of the family {family:?}: give each registry a prefix or a constant label"
            ),
        }
    }
}

impl Error for PageError {}
