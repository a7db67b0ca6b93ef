//! Which families a page is asked for.

use crate::sample::description::FamilyDescription;

/// Names of families, or what names begin with.
#[derive(Clone, Debug)]
pub(super) struct Selection(Vec<String>);

impl Selection {
    /// `None`: everything.
    pub(super) fn new(names: impl IntoIterator<Item: AsRef<str>>) -> Option<Self> {
        let names = names.into_iter().map(|name| name.as_ref().to_owned());
        let names: Vec<_> = names.collect();
        (!names.is_empty()).then_some(Self(names))
    }

    /// The values of `name[]` in a URL's query.
    pub(super) fn of_query(query: &str) -> Option<Self> {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let pairs = pairs.map(|(key, value)| (decoded(key), decoded(value)));
        Self::new(pairs.filter_map(|(key, value)| (key == "name[]").then_some(value)))
    }

    /// Whether one of the names means this family, or one of its samples.
    pub(super) fn takes(&self, family: &FamilyDescription) -> bool {
        self.0
            .iter()
            .any(|wanted| match (wanted.strip_suffix('*'), &*family.name) {
                (Some(prefix), name) => name.starts_with(prefix),
                (None, name) => {
                    let suffix = wanted.strip_prefix(name);
                    suffix.is_some_and(|suffix| family.kind.name_suffixes().contains(&suffix))
                }
            })
    }
}

/// Percent-encoding undone. What is none is taken as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).filter(|_| *first == b'%');
        let hex = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
