//! For each part of a family of cells, the text before the current one. When nobody else holds it, the renderer overwrites its values
//! instead of copying the current text.

use crate::rendered::part::Part;
use std::sync::Arc;

/// By the number of the family, and of the part in the family.
#[derive(Default)]
pub(super) struct SpareParts(Vec<Vec<Option<Arc<Part>>>>);

impl SpareParts {
    /// Takes that of a part.
    pub(super) fn take(&mut self, family: usize, part: usize) -> Option<Arc<Part>> {
        self.0.get_mut(family)?.get_mut(part)?.take()
    }

    /// Keeps a text that is being replaced.
    pub(super) fn put(&mut self, family: usize, part: usize, text: &Arc<Part>) {
        if self.0.len() <= family {
            self.0.resize_with(family + 1, Vec::new);
        }
        let parts = &mut self.0[family];
        if parts.len() <= part {
            parts.resize_with(part + 1, || None);
        }
        parts[part] = Some(Arc::clone(text));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Keeps only those of so many parts of a family.
    pub(super) fn truncate_parts(&mut self, family: usize, parts: usize) {
        if let Some(spare) = self.0.get_mut(family) {
            spare.truncate(parts);
        }
    }
}
