//! Which metrics an option is for.

use crate::names::sanitize_metric;

/// Which metrics an option is for, by their names as the page shows them without suffixes: `http.latency` is `http_latency`.
///
/// A full match takes precedence over a prefix, and a prefix over a suffix. Of two prefixes that match, or two suffixes, the
/// first one that was given counts.
///
/// ```
/// use epoch_metrics_facade::{Matcher, PrometheusBuilder};
///
/// let builder = PrometheusBuilder::new()
///     .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &[0.01, 0.1, 1.0])?
///     .set_buckets_for_metric(Matcher::Full("batch.size".to_owned()), &[1.0, 10.0, 100.0])?;
/// # let _ = builder;
/// # Ok::<(), epoch_metrics_facade::BuildError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Matcher {
    /// The whole name.
    Full(String),
    /// The beginning of the name.
    Prefix(String),
    /// The end of the name.
    Suffix(String),
}

impl Matcher {
    /// The part of a name that it stands for, as names are exposed.
    pub(crate) fn sanitized(self) -> Self {
        match self {
            Self::Full(name) => Self::Full(sanitize_metric(&name)),
            Self::Prefix(prefix) => Self::Prefix(sanitize_metric(&prefix)),
            Self::Suffix(suffix) => Self::Suffix(sanitize_metric(&suffix)),
        }
    }

    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Full(full) => name == full,
            Self::Prefix(prefix) => name.starts_with(&**prefix),
            Self::Suffix(suffix) => name.ends_with(&**suffix),
        }
    }

    fn precedence(&self) -> u8 {
        match self {
            Self::Full(_) => 0,
            Self::Prefix(_) => 1,
            Self::Suffix(_) => 2,
        }
    }
}

/// What was set for the metric of this name.
pub(crate) fn find<'a, T>(rules: &'a [(Matcher, T)], name: &str) -> Option<&'a T> {
    let matching = rules.iter().filter(|(matcher, _)| matcher.matches(name));
    // Of equals, the first one.
    let first = matching.min_by_key(|(matcher, _)| matcher.precedence());
    first.map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_match_counts_and_of_equals_the_first() {
        let rules = [
            (Matcher::Suffix("_seconds".to_owned()), "suffix"),
            (Matcher::Prefix("http".to_owned()), "prefix"),
            (Matcher::Prefix("http_".to_owned()), "second prefix"),
            (Matcher::Full("http.wait_seconds".to_owned()), "full"),
        ];
        let rules = rules.map(|(matcher, rule)| (matcher.sanitized(), rule));
        for (name, expected) in [
            ("http_wait_seconds", Some("full")),
            ("http_seconds", Some("prefix")),
            ("sql_seconds", Some("suffix")),
            ("http", Some("prefix")),
            ("sql", None),
        ] {
            assert_eq!(find(&rules, name).copied(), expected, "{name}");
        }
    }
}
