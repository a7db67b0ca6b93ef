//! The series of a family, each at a position that it keeps.

use super::labels::LabelValues;
use crate::engine::chunked::Chunked;
use std::sync::Arc;

/// One series: its labels, and what readers need to find its value.
#[derive(Clone, Debug)]
pub(crate) struct Series<T> {
    pub(crate) labels: LabelValues,
    pub(crate) item: T,
}

/// A list that shares what did not change with its clones.
#[derive(Clone, Debug)]
pub(crate) struct SeriesList<T> {
    positions: Chunked<Option<Series<T>>>,
    len: usize,
}

impl<T> Default for SeriesList<T> {
    fn default() -> Self {
        Self {
            positions: Chunked::default(),
            len: 0,
        }
    }
}

impl<T> SeriesList<T> {
    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many positions there are, empty ones included.
    pub(crate) fn positions(&self) -> usize {
        self.positions.len()
    }

    pub(crate) fn get(&self, position: usize) -> Option<&Series<T>> {
        self.positions.get(position)?.as_ref()
    }

    /// The series at the positions of a chunk, [`CHUNK`](crate::engine::chunked::CHUNK) of them or, at the end, fewer.
    pub(crate) fn chunk(&self, number: usize) -> &[Option<Series<T>>] {
        self.positions.chunk(number)
    }

    /// The `Arc` of a chunk. While the caller holds a clone, its series stay the same and its address is not reused.
    pub(crate) fn shared_chunk(&self, number: usize) -> Option<&Arc<Vec<Option<Series<T>>>>> {
        self.positions.shared_chunk(number)
    }

    /// The series and their positions, by rising position.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (usize, &Series<T>)> {
        let numbers = 0..self.positions.len();
        let all = numbers.map(|position| (position, self.get(position)));
        all.filter_map(|(position, series)| Some((position, series?)))
    }
}

impl<T: Clone> SeriesList<T> {
    /// Puts a series at a position that is empty, or the next new one.
    pub(crate) fn put(&mut self, position: usize, series: Series<T>) {
        match self.positions.get_mut(position) {
            Some(empty) => *empty = Some(series),
            None => self.positions.push(Some(series)),
        }
        self.len += 1;
    }

    /// Drops the last chunk, which has no series.
    pub(crate) fn pop_empty_chunk(&mut self) {
        self.positions.pop_chunk();
    }

    /// Takes the series off its position.
    pub(crate) fn take(&mut self, position: usize) -> Option<Series<T>> {
        let taken = self.positions.get_mut(position)?.take();
        self.len -= usize::from(taken.is_some());
        taken
    }
}
