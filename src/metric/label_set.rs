//! Label values by name: pairs in any order, and types with a field for each label.

use crate::error::LabelError;

/// Values that are put in order without an allocation.
const IN_PLACE: usize = 8;

/// The label values of a series as a type of yours, with a field for each label. [`label_set!`](crate::label_set) makes one.
pub trait LabelSet {
    /// The names of the labels, in the order of their values.
    const NAMES: &'static [&'static str];

    /// Calls `with` with the values, in the order of [`Self::NAMES`].
    fn with_values<R>(&self, with: impl FnOnce(&[&str]) -> R) -> R;
}

/// Declares a struct with a field for each label, and implements [`LabelSet`] for it. Each field is a `&str`.
///
/// ```
/// epoch_metrics::label_set! {
///     /// What a request is counted by.
///     pub struct Request { method, status }
/// }
///
/// let registry = epoch_metrics::Registry::new();
/// let requests = registry.counter_family("requests", "Requests answered.", &["method", "status"])?;
/// let requests = requests.typed::<Request>()?; // compares the names once
/// requests.with(Request { status: "200", method: "GET" })?.inc();
/// assert!(registry.render_prometheus().contains(r#"requests_total{method="GET",status="200"} 1"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[macro_export]
macro_rules! label_set {
    ($(#[$meta:meta])* $visibility:vis struct $name:ident { $($label:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $visibility struct $name<'a> {
            $(
                #[doc = concat!("The value of `", stringify!($label), "`.")]
                $visibility $label: &'a str,
            )+
        }

        impl $crate::LabelSet for $name<'_> {
            const NAMES: &'static [&'static str] = &[$(stringify!($label)),+];

            fn with_values<R>(&self, with: impl FnOnce(&[&str]) -> R) -> R {
                with(&[$(self.$label),+])
            }
        }
    };
}

/// Calls `with` with the values in the order of `names`.
pub(crate) fn in_order<R>(
    names: &[Box<str>],
    pairs: &[(&str, &str)],
    with: impl FnOnce(&[&str]) -> R,
) -> Result<R, LabelError> {
    let mut in_place = [""; IN_PLACE];
    let mut allocated = Vec::new();
    let values = match in_place.get_mut(..names.len()) {
        Some(values) => values,
        None => {
            allocated.resize(names.len(), "");
            &mut allocated[..]
        }
    };
    for (name, value) in names.iter().zip(&mut *values) {
        let mut found = pairs.iter().filter(|(given, _)| *given == &**name);
        let label = || String::from(&**name);
        match (found.next(), found.next()) {
            (Some((_, only)), None) => *value = only,
            (Some(_), Some(_)) => return Err(LabelError::DuplicateLabel { label: label() }),
            (None, _) => return Err(LabelError::MissingLabel { label: label() }),
        }
    }
    if pairs.len() > names.len() {
        // Each name was there once, so one of the others is unknown.
        let unknown = |(given, _): &&(&str, &str)| !names.iter().any(|name| **name == **given);
        let label = pairs.iter().find(unknown).map_or("", |(given, _)| given);
        return Err(LabelError::UnknownLabel {
            label: label.to_owned(),
        });
    }
    Ok(with(values))
}

/// Calls `with` with names and values in turn, in the order of the names.
pub(crate) fn sorted<R>(
    pairs: &[(&str, &str)],
    with: impl FnOnce(&[&str]) -> R,
) -> Result<R, LabelError> {
    let mut in_place = [("", ""); IN_PLACE];
    let mut allocated = Vec::new();
    let sorted = match in_place.get_mut(..pairs.len()) {
        Some(sorted) => sorted,
        None => {
            allocated.resize(pairs.len(), ("", ""));
            &mut allocated[..]
        }
    };
    sorted.copy_from_slice(pairs);
    sorted.sort_unstable();
    if let Some(twice) = sorted.windows(2).find(|two| two[0].0 == two[1].0) {
        let label = twice[0].0.to_owned();
        return Err(LabelError::DuplicateLabel { label });
    }
    let mut values_in_place = [""; 2 * IN_PLACE];
    let mut values_allocated = Vec::new();
    let values = match values_in_place.get_mut(..2 * sorted.len()) {
        Some(values) => values,
        None => {
            values_allocated.resize(2 * sorted.len(), "");
            &mut values_allocated[..]
        }
    };
    for (pair, values) in sorted.iter().zip(values.chunks_exact_mut(2)) {
        (values[0], values[1]) = *pair;
    }
    Ok(with(values))
}

/// Fails unless the names are those of `L`, in the same order.
pub(crate) fn check_names<L: LabelSet>(names: &[Box<str>]) -> Result<(), LabelError> {
    for (at, name) in names.iter().enumerate() {
        if L::NAMES.get(at) != Some(&&**name) {
            let label = String::from(&**name);
            return Err(LabelError::MissingLabel { label });
        }
    }
    match L::NAMES.get(names.len()) {
        Some(label) => Err(LabelError::UnknownLabel {
            label: (*label).to_owned(),
        }),
        None => Ok(()),
    }
}
