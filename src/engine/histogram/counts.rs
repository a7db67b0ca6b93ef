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

impl Default for Counts {
    /// No counts.
    fn default() -> Self {
        Self {
            first: 0,
            cells: Cells::One(Arc::default()),
        }
    }
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

    /// The sum of all counts.
    pub(crate) fn total(&self) -> u64 {
        self.up_to(self.end().saturating_sub(1))
    }

    /// Whether both are one object, or both are empty.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (&self.cells, &other.cells) {
            (Cells::One(ours), Cells::One(theirs)) => {
                Arc::ptr_eq(ours, theirs) || (ours.is_empty() && theirs.is_empty())
            }
            (Cells::Two(ours), Cells::Two(theirs)) => Arc::ptr_eq(ours, theirs),
            (Cells::Four(ours), Cells::Four(theirs)) => Arc::ptr_eq(ours, theirs),
            (Cells::Eight(ours), Cells::Eight(theirs)) => Arc::ptr_eq(ours, theirs),
            _ => false,
        }
    }

    /// The buckets whose counts differ from those in `before`, each with its number in the octave and what was added, modulo 2^64.
    pub(crate) fn since(&self, before: &Self) -> impl Iterator<Item = (usize, u64)> {
        let (first, end) = match (self.len(), before.len()) {
            (_, 0) => (self.first, self.end()),
            (0, _) => (before.first, before.end()),
            _ => (self.first.min(before.first), self.end().max(before.end())),
        };
        (first as usize..end)
            .map(|index| (index, self.get(index).wrapping_sub(before.get(index))))
            .filter(|(_, new)| *new != 0)
    }

    /// The buckets that are not empty, each with its number in the octave, in rising order.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (usize, u64)> + '_ {
        let counts = (0..self.len()).map(|at| (self.first as usize + at, self.at(at)));
        counts.filter(|(_, count)| *count != 0)
    }

    /// The first bucket behind them.
    fn end(&self) -> usize {
        self.first as usize + self.len()
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
                assert!(counts.is(&counts.clone()) && counts.since(&counts).count() == 0);
                for index in 0..8 {
                    let mut other = all;
                    other[index] ^= 1;
                    let (other, bit) = (Counts::new(&other), all[index] & 1);
                    let change = if bit == 0 { 1 } else { u64::MAX };
                    let since: Vec<_> = other.since(&counts).collect();
                    assert_eq!(since, [(index, change)]);
                    assert!(!counts.is(&other) && counts != other);
                    let sum = all[..=index]
                        .iter()
                        .fold(0_u64, |sum, count| sum.wrapping_add(*count));
                    assert_eq!(counts.up_to(index), sum);
                }
                assert_eq!(counts.total(), counts.up_to(7));
                let nothing = Counts::default();
                assert!(counts.since(&nothing).eq(counts.iter()));
                assert_eq!(nothing.since(&counts).count(), counts.iter().count());
                assert_eq!(counts.is(&nothing), largest == 0);
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
