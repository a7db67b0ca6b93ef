//! The parts of a family, and how many bytes they have together.

use crate::rendered::part::Part;
use std::sync::Arc;

/// See the module's header. A part is not looked at again once it is here: what many parts have is far away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    list: Vec<Arc<Part>>,
    bytes: usize,
    /// Those that are not empty.
    filled: usize,
}

impl Parts {
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn get(&self, at: usize) -> Option<&Arc<Part>> {
        self.list.get(at)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Part>> {
        self.list.iter()
    }

    /// Puts a part in the place of another one, or behind the last one. Returns the one that was there.
    pub(crate) fn put(&mut self, at: usize, part: Arc<Part>) -> Option<Arc<Part>> {
        self.bytes += part.bytes.len();
        self.filled += usize::from(!part.bytes.is_empty());
        let Some(place) = self.list.get_mut(at) else {
            self.list.push(part);
            return None;
        };
        let before = std::mem::replace(place, part);
        self.forget(&before);
        Some(before)
    }

    /// Drops all but the first ones.
    pub(crate) fn truncate(&mut self, len: usize) {
        while self.list.len() > len
            && let Some(last) = self.list.pop()
        {
            self.forget(&last);
        }
    }

    fn forget(&mut self, part: &Part) {
        self.bytes -= part.bytes.len();
        self.filled -= usize::from(!part.bytes.is_empty());
    }

    /// Bytes of all, with so many between two.
    pub(crate) fn bytes(&self, separator: usize) -> usize {
        self.bytes + self.filled.saturating_sub(1) * separator
    }
}

impl FromIterator<Arc<Part>> for Parts {
    fn from_iter<I: IntoIterator<Item = Arc<Part>>>(parts: I) -> Self {
        let mut all = Self::default();
        for part in parts {
            all.put(all.len(), part);
        }
        all
    }
}
