//! A list in chunks: clones share the chunks, and a change of one copies one.

use crate::tuning::PAGE_CELLS;
use std::sync::Arc;

/// Entries of a chunk: as many as a page has cells.
pub(crate) const CHUNK: usize = PAGE_CELLS;

/// See the module's header.
#[derive(Clone, Debug)]
pub(crate) struct Chunked<T> {
    chunks: Vec<Arc<Vec<T>>>,
    len: usize,
}

impl<T> Default for Chunked<T> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            len: 0,
        }
    }
}

impl<T> Chunked<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        self.chunks.get(at / CHUNK)?.get(at % CHUNK)
    }

    pub(crate) fn last(&self) -> Option<&T> {
        self.chunks.last()?.last()
    }

    /// The entries of a chunk. They stay where they are in memory for as long as they do not change.
    pub(crate) fn chunk(&self, number: usize) -> &[T] {
        self.chunks.get(number).map_or(&[], |chunk| chunk)
    }

    /// The `Arc` of a chunk. Its entries stay the same while the caller holds a clone.
    pub(crate) fn shared_chunk(&self, number: usize) -> Option<&Arc<Vec<T>>> {
        self.chunks.get(number)
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        (0..self.len).map(|at| &self.chunks[at / CHUNK][at % CHUNK])
    }
}

impl<T: Clone> Chunked<T> {
    pub(crate) fn push(&mut self, value: T) {
        if self.len.is_multiple_of(CHUNK) {
            self.chunks.push(Arc::default());
        }
        if let Some(chunk) = self.chunks.last_mut() {
            Arc::make_mut(chunk).push(value);
            self.len += 1;
        }
    }

    /// Drops the last chunk.
    pub(crate) fn pop_chunk(&mut self) {
        self.len -= self.chunks.pop().map_or(0, |chunk| chunk.len());
    }

    /// The entry, to be changed: in a copy of its chunk, if another clone shares it.
    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        Arc::make_mut(self.chunks.get_mut(at / CHUNK)?).get_mut(at % CHUNK)
    }
}

impl<T: Clone> FromIterator<T> for Chunked<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut list = Self::default();
        values.into_iter().for_each(|value| list.push(value));
        list
    }
}
