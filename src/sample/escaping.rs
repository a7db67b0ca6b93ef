//! How names are written for scrapers that do not take every name: Prometheus' escaping schemes,
//! <https://prometheus.io/docs/instrumenting/escaping_schemes/>.

use std::borrow::Cow;
use std::fmt::Write;

/// An escaping scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escaping {
    /// Each character that is not legal becomes `_`.
    Underscores,
    /// `_` becomes `__`, `.` becomes `_dot_`, and every other character that is not legal `__`.
    Dots,
    /// A name that is not legal begins with `U__`; `_` becomes `__`, and a character that is not legal its number between `_`.
    Values,
    /// Names are quoted instead.
    AllowUtf8,
}

impl Escaping {
    /// Schemes that can write two names as the same one. [`Self::Dots`] does so only where [`Self::Underscores`] does it too.
    pub(crate) const LOSSY: [Self; 2] = [Self::Underscores, Self::Values];

    /// All schemes.
    pub(crate) const ALL: [Self; 4] =
        [Self::Underscores, Self::Dots, Self::Values, Self::AllowUtf8];

    /// The scheme that a header means by this word.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.word() == word)
    }

    /// The cache of a format of this number that writes names by this scheme.
    pub(crate) fn cache(self, format: usize) -> usize {
        format * Self::ALL.len() + self as usize
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Underscores => "underscores",
            Self::Dots => "dots",
            Self::Values => "values",
            Self::AllowUtf8 => "allow-utf-8",
        }
    }

    /// Whether two labels have one name, for scrapers that take their names as they are or for some that do not.
    pub(crate) fn labels_collide(one: &str, other: &str) -> bool {
        let same = |scheme: &Self| scheme.label(one) == scheme.label(other);
        one == other || Self::LOSSY.iter().any(same)
    }

    /// The name of a metric as this scheme writes it.
    pub(crate) fn name(self, name: &str) -> Cow<'_, str> {
        self.escape(name, is_legal_in_name)
    }

    /// The name of a label as this scheme writes it.
    pub(crate) fn label(self, name: &str) -> Cow<'_, str> {
        self.escape(name, is_legal_in_label)
    }

    fn escape(self, name: &str, is_legal: fn(char) -> bool) -> Cow<'_, str> {
        let unchanged = match self {
            Self::AllowUtf8 => true,
            Self::Underscores | Self::Values => is_legacy(name, is_legal),
            // It escapes underscores as well.
            Self::Dots => is_legacy(name, is_legal) && !name.contains('_'),
        };
        if unchanged {
            return Cow::Borrowed(name);
        }
        let mut out = String::with_capacity(name.len() + 8);
        if self == Self::Values {
            out.push_str("U__");
        }
        for (at, c) in name.char_indices() {
            let legal = is_legal(c) && !(at == 0 && c.is_ascii_digit());
            match (self, c) {
                (Self::Dots | Self::Values, '_') => out.push_str("__"),
                (Self::Dots, '.') => out.push_str("_dot_"),
                _ if legal => out.push(c),
                (Self::Dots, _) => out.push_str("__"),
                (Self::Values, c) => {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "_{:x}_", u32::from(c));
                }
                _ => out.push('_'),
            }
        }
        Cow::Owned(out)
    }
}

fn is_legal_in_name(c: char) -> bool {
    is_legal_in_label(c) || c == ':'
}

fn is_legal_in_label(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn is_legacy(name: &str, is_legal: fn(char) -> bool) -> bool {
    let first = |c: char| !c.is_ascii_digit();
    name.chars().all(is_legal) && name.starts_with(first)
}

/// Whether every scraper takes the metric's name as it is.
pub(crate) fn is_legacy_name(name: &str) -> bool {
    is_legacy(name, is_legal_in_name)
}

/// Whether every scraper takes the label's name as it is.
pub(crate) fn is_legacy_label(name: &str) -> bool {
    is_legacy(name, is_legal_in_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the specification, and what it leaves open as Prometheus' own library has it.
    #[test]
    fn names_are_escaped_as_prometheus_does() {
        use Escaping::{AllowUtf8, Dots, Underscores, Values};
        for (name, underscores, dots, values) in [
            (
                "no:escaping_required",
                "no:escaping_required",
                "no:escaping__required",
                "no:escaping_required",
            ),
            (
                "metric.name",
                "metric_name",
                "metric_dot_name",
                "U__metric_2e_name",
            ),
            (
                "name with spaces",
                "name_with_spaces",
                "name__with__spaces",
                "U__name_20_with_20_spaces",
            ),
            ("9a", "_a", "__a", "U___39_a"),
            ("a_b.c", "a_b_c", "a__b_dot_c", "U__a__b_2e_c"),
            ("花火", "__", "____", "U___82b1__706b_"),
            ("🦀", "_", "__", "U___1f980_"),
        ] {
            let written = [Underscores, Dots, Values, AllowUtf8].map(|scheme| scheme.name(name));
            assert_eq!(written, [underscores, dots, values, name]);
        }
        // Labels have no colons.
        assert_eq!(Underscores.label("a:b"), "a_b");
        assert_eq!(Values.label("a:b"), "U__a_3a_b");
    }
}
