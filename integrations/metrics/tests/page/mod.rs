//! Reads the samples of a page in Prometheus' text format.

use std::collections::BTreeMap;

/// A sample's name, and its labels sorted by name.
pub(crate) type Series = (String, Vec<(String, String)>);

/// The samples of a page.
///
/// # Panics
/// If a line is malformed, or a sample is there twice.
pub(crate) fn samples(page: &str) -> BTreeMap<Series, f64> {
    let mut samples = BTreeMap::new();
    let lines = page.lines();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let mut pairs = pairs(labels.strip_suffix('}').expect("a closing brace"));
        pairs.sort();
        let value = value.parse().expect("a number");
        let before = samples.insert((name.to_owned(), pairs), value);
        assert_eq!(before, None, "{line} is there twice");
    }
    samples
}

/// `a="x",b="y"`
fn pairs(mut labels: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    while let Some((name, rest)) = labels.split_once("=\"") {
        let (mut value, mut escaped, mut end) = (String::new(), false, rest.len());
        for (at, c) in rest.char_indices() {
            match (escaped, c) {
                (false, '\\') => escaped = true,
                (false, '"') => {
                    end = at;
                    break;
                }
                (true, 'n') => {
                    value.push('\n');
                    escaped = false;
                }
                _ => {
                    value.push(c);
                    escaped = false;
                }
            }
        }
        pairs.push((name.trim_start_matches(',').to_owned(), value));
        labels = &rest[end + 1..];
    }
    pairs
}
