//! Counts of an octave's buckets, in as few bytes as they fit into: without the empty buckets at both ends, each in 1, 2, 4 or 8 bytes.
//! Plain values, as readers keep them.

use std::sync::Arc;

/// See the module's header. Equal if the counts are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Counts {
    /// The first bucket that is not empty.
    first: u32,
    cells: Cells,
}

#[derive(Clone, Debug, PartialEq)]
enum Cells {
    One(Arc<[u8]>),
    Two(Arc<[u16]>),
    Four(Arc<[u32]>),
    Eight(Arc<[u64]>),
}

impl Counts {
    /// Of one bucket after the other.
    pub(crate) fn new(counts: &[u64]) -> Self {
        let is_filled = |count: &u64| *count != 0;
        let first = counts.iter().position(is_filled).unwrap_or(0);
        let end = counts
            .iter()
            .rposition(is_filled)
            .map_or(0, |last| last + 1);
        let counts = &counts[first..end];
        let largest = counts.iter().copied().max().unwrap_or(0);
        let cells = if largest <= u8::MAX.into() {
            Cells::One(counts.iter().map(|count| *count as u8).collect())
        } else if largest <= u16::MAX.into() {
            Cells::Two(counts.iter().map(|count| *count as u16).collect())
        } else if largest <= u32::MAX.into() {
            Cells::Four(counts.iter().map(|count| *count as u32).collect())
        } else {
            Cells::Eight(counts.into())
        };
        Self {
            first: first as u32,
            cells,
        }
    }

    /// The count of a bucket.
    pub(crate) fn get(&self, index: usize) -> u64 {
        let at = index.wrapping_sub(self.first as usize);
        if at < self.len() { self.at(at) } else { 0 }
    }

    /// The sum of the counts of the buckets up to this one.
    pub(crate) fn up_to(&self, index: usize) -> u64 {
        fn sum<T: Copy + Into<u64>>(cells: &[T], end: usize) -> u64 {
            let cells = cells.iter().take(end);
            cells.fold(0, |sum, count| sum.wrapping_add((*count).into()))
        }
        let end = (index + 1).saturating_sub(self.first as usize);
        match &self.cells {
            Cells::One(cells) => sum(cells, end),
            Cells::Two(cells) => sum(cells, end),
            Cells::Four(cells) => sum(cells, end),
            Cells::Eight(cells) => sum(cells, end),
        }
    }

    /// Whether these are the counts, of one bucket after the other.
    pub(crate) fn are(&self, counts: &[u64]) -> bool {
        /// Without an early end, so that several are compared at once.
        fn differ<T: Copy + Into<u64>>(cells: &[T], counts: &[u64]) -> bool {
            let pairs = cells.iter().zip(counts);
            pairs.fold(0, |bits, (cell, count)| bits | ((*cell).into() ^ count)) != 0
        }
        let (first, len) = (self.first as usize, self.len());
        if counts.len() < first + len {
            return false;
        }
        let (before, rest) = counts.split_at(first);
        let (held, after) = rest.split_at(len);
        let outside = before
            .iter()
            .chain(after)
            .fold(0, |bits, count| bits | count);
        let differs = match &self.cells {
            Cells::One(cells) => differ(cells, held),
            Cells::Two(cells) => differ(cells, held),
            Cells::Four(cells) => differ(cells, held),
            Cells::Eight(cells) => differ(cells, held),
        };
        outside == 0 && !differs
    }

    /// The buckets that are not empty, each with its number in the octave, in rising order.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (usize, u64)> + '_ {
        let counts = (0..self.len()).map(|at| (self.first as usize + at, self.at(at)));
        counts.filter(|(_, count)| *count != 0)
    }

    fn len(&self) -> usize {
        match &self.cells {
            Cells::One(cells) => cells.len(),
            Cells::Two(cells) => cells.len(),
            Cells::Four(cells) => cells.len(),
            Cells::Eight(cells) => cells.len(),
        }
    }

    #[inline]
    fn at(&self, at: usize) -> u64 {
        match &self.cells {
            Cells::One(cells) => cells[at].into(),
            Cells::Two(cells) => cells[at].into(),
            Cells::Four(cells) => cells[at].into(),
            Cells::Eight(cells) => cells[at],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn counts_of_every_width_come_back() {
        for largest in [
            0,
            1,
            255,
            256,
            65_535,
            65_536,
            u64::from(u32::MAX),
            1 << 32,
            u64::MAX,
        ] {
            for (from, to) in [(0, 8), (3, 5), (7, 8)] {
                let mut all = [0; 8];
                (from..to)
                    .for_each(|index| all[index] = largest / (index as u64 - from as u64 + 1));
                let counts = Counts::new(&all);
                let back: Vec<u64> = (0..10).map(|index| counts.get(index)).collect();
                assert_eq!(back[..8], all);
                assert_eq!(back[8..], [0, 0]);
                assert!(counts.are(&all) && counts.are(&[&all[..], &[0]].concat()));
                for index in 0..8 {
                    let mut other = all;
                    other[index] ^= 1;
                    assert!(!counts.are(&other));
                    let sum = all[..=index]
                        .iter()
                        .fold(0_u64, |sum, count| sum.wrapping_add(*count));
                    assert_eq!(counts.up_to(index), sum);
                }
                let filled: Vec<_> = all
                    .into_iter()
                    .enumerate()
                    .filter(|(_, count)| *count != 0)
                    .collect();
                assert_eq!(counts.iter().collect::<Vec<_>>(), filled);
            }
        }
    }
}
