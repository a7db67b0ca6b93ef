//! Counts that are being changed, before they are [packed](super::counts).

use super::octave_counts::OctaveCounts;

/// Counts of some octaves by themselves: of all buckets, the empty ones included.
#[derive(Clone, Debug, Default)]
pub(crate) struct UnpackedCounts {
    /// Rising.
    octaves: Vec<usize>,
    /// As many for each of them.
    counts: Vec<u64>,
}

impl UnpackedCounts {
    pub(crate) fn is_empty(&self) -> bool {
        self.octaves.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.octaves.clear();
        self.counts.clear();
    }

    /// Each octave with its counts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &[u64])> {
        let len = self.counts.len() / self.octaves.len().max(1);
        let counts = self.counts.chunks(len.max(1));
        self.octaves.iter().copied().zip(counts)
    }

    /// Adds an octave that is higher than the others. `fill` adds the counts of its buckets, or returns `false`: then it is not added.
    pub(crate) fn push_with(&mut self, octave: usize, fill: impl FnOnce(&mut Vec<u64>) -> bool) {
        if fill(&mut self.counts) {
            self.octaves.push(octave);
        }
    }

    /// Where an octave is, or would be.
    #[inline]
    pub(crate) fn position(&self, octave: usize) -> Result<usize, usize> {
        self.octaves.binary_search(&octave)
    }

    /// Whether the octave is the one at this place.
    #[inline]
    pub(crate) fn is_at(&self, place: usize, octave: usize) -> bool {
        self.octaves.get(place) == Some(&octave)
    }

    /// Puts an octave of so many buckets at the place where [`Self::position`] would have it.
    pub(crate) fn insert(
        &mut self,
        place: usize,
        octave: usize,
        counts: Option<OctaveCounts<'_>>,
        len: usize,
    ) {
        let (begin, end) = (place * len, self.counts.len());
        self.counts.resize(end + len, 0);
        self.counts.copy_within(begin..end, begin + len);
        let new = &mut self.counts[begin..begin + len];
        new.fill(0);
        if let Some(counts) = counts {
            counts.unpack(new);
        }
        self.octaves.insert(place, octave);
    }

    /// The count of a bucket in the octave at this place, of so many buckets.
    #[inline]
    pub(crate) fn count_mut(&mut self, place: usize, index: usize, len: usize) -> &mut u64 {
        &mut self.counts[place * len + index]
    }
}
