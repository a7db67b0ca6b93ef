//! The one model of samples that every format encodes: families, labels, values.
//!
//! A page is a sequence of families, and a family a sequence of series. [`Encoder`] takes them in that order. A new format is
//! one implementation of it; a new kind of value is one variant of [`Value`] and the places that the compiler then names.

pub(crate) mod bound;
pub(crate) mod description;
pub(crate) mod labels;
pub(crate) mod number;
pub(crate) mod value;

use description::FamilyDescription;
use labels::LabelSet;
use value::Value;

/// Writes one format.
pub(crate) trait Encoder {
    /// Begins a family.
    fn begin_family(&mut self, family: &FamilyDescription);
    /// A series of the family that was begun last.
    fn series(&mut self, family: &FamilyDescription, labels: LabelSet<'_>, value: &Value);
    /// Ends the family that was begun last.
    fn end_family(&mut self);
}
