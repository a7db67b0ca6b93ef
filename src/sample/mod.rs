//! The one model of samples that every format encodes: families, labels, values.
//!
//! A page is a sequence of families, and a family a sequence of series. An [`Encoder`] makes bytes of them. A new format is
//! one implementation of it; a new kind of value is one variant of [`Value`] and the places that the compiler then names.

pub(crate) mod bound;
pub(crate) mod description;
pub(crate) mod escaping;
pub(crate) mod labels;
pub(crate) mod number;
pub(crate) mod value;

use description::FamilyDescription;
use escaping::Escaping;
use labels::LabelSet;
use std::time::Duration;
use value::Value;

/// Writes one format: a page is what [`Self::begin`] returns, its families, and what [`Self::end`] returns.
///
/// It remembers nothing from one call to the next, so that what was rendered once can be kept, and put together with what was
/// rendered later.
pub(crate) trait Encoder: Sync {
    /// Which of a registry's caches keeps what this encoder rendered: below [`CACHES`], and different for encoders that write
    /// different bytes.
    fn cache(&self) -> usize;

    /// What a page begins with.
    fn begin(&self) -> &'static [u8] {
        b""
    }

    /// What a page ends with.
    fn end(&self) -> &'static [u8] {
        b""
    }

    /// What stands between two families, and between two series of a family.
    fn separator(&self) -> &'static [u8] {
        b""
    }

    /// Writes what stands before the series of a family. `body`: the bytes that the series take, with what separates them.
    fn begin_family(&self, family: &FamilyDescription, body: usize, out: &mut Vec<u8>);

    /// What stands behind the series of a family.
    fn end_family(&self) -> &'static [u8] {
        b""
    }

    /// Writes one series of a family. `created`: when it was created or last reset, since 1970, if pages tell that.
    fn series(
        &self,
        family: &FamilyDescription,
        labels: LabelSet<'_>,
        value: &Value,
        created: Option<Duration>,
        out: &mut Vec<u8>,
    );

    /// Puts the second value into the bytes of a series that has the first one. `false`: it cannot, or one of them is longer; the bytes may
    /// be spoiled then.
    fn overwrite(
        &self,
        _family: &FamilyDescription,
        _values: (&Value, &Value),
        _series: &mut [u8],
    ) -> bool {
        false
    }
}

/// The number of encoders that write different bytes: JSON, and text, OpenMetrics and protobuf with each scheme for names.
pub(crate) const CACHES: usize = 3 * Escaping::ALL.len() + 1;
