//! For each part of a family, the text before the current one. When nobody else holds it, the renderer puts what changed into it instead
//! of copying the current text.

use crate::rendered::part::Part;
use crate::sample::description::FamilyDescription;
use std::sync::Arc;

/// A text that was replaced by the current one.
pub(super) struct Spare {
    pub(super) text: Arc<Part>,
    /// Histograms or throughputs whose series differ in the current text, a bit for each. A text of cells knows itself what it shows.
    pub(super) differs: u8,
}

/// By the number of the family.
#[derive(Default)]
pub(super) struct SpareParts(Vec<FamilySpares>);

/// Those of one family, by the number of the part.
struct FamilySpares {
    /// The family has another number, once one before it is gone.
    family: Arc<FamilyDescription>,
    parts: Vec<Option<Spare>>,
}

impl SpareParts {
    /// Those of a family, which has this number now.
    fn of(&mut self, number: usize, family: &Arc<FamilyDescription>) -> Option<&mut FamilySpares> {
        let found = self.0.get_mut(number);
        found.filter(|found| Arc::ptr_eq(&found.family, family))
    }

    /// Takes that of a part.
    pub(super) fn take(
        &mut self,
        number: usize,
        family: &Arc<FamilyDescription>,
        part: usize,
    ) -> Option<Spare> {
        self.of(number, family)?.parts.get_mut(part)?.take()
    }

    /// Keeps a text that is being replaced.
    pub(super) fn put(
        &mut self,
        number: usize,
        family: &Arc<FamilyDescription>,
        part: usize,
        spare: Spare,
    ) {
        let nothing_of = |family| FamilySpares {
            family: Arc::clone(family),
            parts: Vec::new(),
        };
        while self.0.len() <= number {
            self.0.push(nothing_of(family));
        }
        let of_family = &mut self.0[number];
        if !Arc::ptr_eq(&of_family.family, family) {
            *of_family = nothing_of(family);
        }
        let parts = &mut of_family.parts;
        if parts.len() <= part {
            parts.resize_with(part + 1, || None);
        }
        parts[part] = Some(spare);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Keeps only those of so many parts of a family.
    pub(super) fn truncate_parts(
        &mut self,
        number: usize,
        family: &Arc<FamilyDescription>,
        parts: usize,
    ) {
        if let Some(of_family) = self.of(number, family) {
            of_family.parts.truncate(parts);
        }
    }
}
