//! For each family the text before the current one. When nobody else holds it, the renderer updates it in place to make the next one,
//! so that parts without changes are neither copied nor touched.

use crate::rendered::FamilyText;
use crate::rendered::part::Part;
use crate::rendered::parts::Parts;
use std::sync::Arc;

/// A text, and what became of it.
pub(super) struct Spare {
    pub(super) text: Arc<FamilyText>,
    /// The text that took its place. It has as many parts.
    pub(super) next: Arc<FamilyText>,
    /// In which parts they differ, by rising numbers.
    pub(super) changes: Vec<Change>,
}

/// A part that changed.
pub(super) struct Change {
    pub(super) part: usize,
    /// Histograms or throughputs whose series differ, a bit for each; nothing of cells, whose texts know what they show. `None`: the part
    /// has other series.
    pub(super) differs: Option<u8>,
}

/// A part that the next text does not have.
pub(super) struct SparePart {
    pub(super) number: usize,
    pub(super) text: Arc<Part>,
    /// As in [`Change`].
    pub(super) differs: u8,
}

/// By the numbers of families.
#[derive(Default)]
pub(super) struct SpareTexts(Vec<Option<Spare>>);

impl Spare {
    /// The next text's parts, and the parts of this text that it replaced. `None`: somebody else holds this text.
    pub(super) fn take_parts(self) -> Option<(Parts, Vec<SparePart>)> {
        let mut parts = Arc::into_inner(self.text)?.parts;
        let next = &self.next.parts;
        let replaced = self.changes.into_iter().filter_map(|change| {
            let text = parts.put(change.part, Arc::clone(next.get(change.part)?))?;
            Some(SparePart {
                number: change.part,
                text,
                differs: change.differs?,
            })
        });
        let replaced = replaced.collect();
        Some((parts, replaced))
    }
}

impl SpareTexts {
    /// Takes that of a family, whose text is `last` now.
    pub(super) fn take(&mut self, family: usize, last: &Arc<FamilyText>) -> Option<Spare> {
        let spare = self.0.get_mut(family)?.take()?;
        // Families have other numbers once one before them is gone.
        Some(spare).filter(|spare| Arc::ptr_eq(&spare.next, last))
    }

    /// Keeps a text that is being replaced.
    pub(super) fn put(&mut self, family: usize, spare: Spare) {
        if self.0.len() <= family {
            self.0.resize_with(family + 1, || None);
        }
        self.0[family] = Some(spare);
    }

    /// Drops each text whose successor is not among these, at its family's number: the family is gone, renumbered, or described anew.
    pub(super) fn drop_all_but_those_of(&mut self, texts: &[Arc<FamilyText>]) {
        self.0.truncate(texts.len());
        for (spare, text) in self.0.iter_mut().zip(texts) {
            spare.take_if(|spare| !Arc::ptr_eq(&spare.next, text));
        }
    }
}
