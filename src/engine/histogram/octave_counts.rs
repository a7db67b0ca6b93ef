//! The counts of one octave, as they are [packed](super::counts).

/// The counts of one octave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OctaveCounts<'a> {
    pub(super) head: Head,
    /// The sum of all counts.
    pub(crate) total: u64,
    pub(super) cells: &'a [u64],
}

/// What stands before an octave's counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) octave: usize,
    /// log2 of the bytes of a count.
    pub(super) width: u32,
    /// The first bucket that is not empty.
    pub(super) first: usize,
    pub(super) len: usize,
}

/// Words of a head with its total.
pub(super) const HEAD: usize = 2;

impl Head {
    /// Of these counts of all buckets.
    pub(super) fn of(octave: usize, counts: &[u64]) -> Self {
        let is_filled = |count: &u64| *count != 0;
        let first = counts.iter().position(is_filled).unwrap_or(0);
        let end = counts.iter().rposition(is_filled);
        let end = end.map_or(0, |last| last + 1);
        let bits = counts[first.min(end)..end].iter();
        let bits = bits.fold(0, |bits, count| bits | count);
        let bytes = (u64::BITS - bits.leading_zeros()).div_ceil(u8::BITS);
        Self {
            octave,
            width: bytes.max(1).next_power_of_two().ilog2(),
            first,
            len: end - first,
        }
    }

    pub(super) fn unpack(word: u64) -> Self {
        Self {
            octave: (word >> 56) as usize,
            width: (word >> 48 & 0xFF) as u32,
            first: (word >> 24 & 0xFF_FFFF) as usize,
            len: (word & 0xFF_FFFF) as usize,
        }
    }

    pub(super) fn pack(self) -> u64 {
        let (octave, width) = (self.octave as u64, u64::from(self.width));
        octave << 56 | width << 48 | (self.first as u64) << 24 | self.len as u64
    }

    /// log2 of the counts in a word.
    pub(super) fn counts_in_word(self) -> u32 {
        u64::BITS.ilog2() - u8::BITS.ilog2() - self.width
    }

    /// Words of the counts.
    pub(super) fn cells(self) -> usize {
        self.len.div_ceil(1 << self.counts_in_word())
    }
}

impl<'a> OctaveCounts<'a> {
    /// Those in a slice of words.
    pub(super) fn all(words: &'a [u64]) -> impl Iterator<Item = Self> + 'a {
        let (octaves, rest) = words.split_first().unwrap_or((&0, &[]));
        let (heads, mut cells) = rest.split_at(*octaves as usize * HEAD);
        heads.chunks_exact(HEAD).map(move |words| {
            let head = Head::unpack(words[0]);
            let own;
            (own, cells) = cells.split_at(head.cells());
            Self {
                head,
                total: words[1],
                cells: own,
            }
        })
    }

    /// Of an octave without samples.
    pub(super) fn none(octave: usize) -> Self {
        Self {
            head: Head::of(octave, &[]),
            total: 0,
            cells: &[],
        }
    }

    pub(crate) fn octave(self) -> usize {
        self.head.octave
    }

    /// The count of a bucket.
    pub(crate) fn get(self, index: usize) -> u64 {
        let at = index.wrapping_sub(self.head.first);
        if at < self.head.len { self.at(at) } else { 0 }
    }

    /// The sum of the counts of the buckets up to this one.
    pub(crate) fn up_to(self, index: usize) -> u64 {
        let end = (index + 1)
            .saturating_sub(self.head.first)
            .min(self.head.len);
        let in_word = self.head.counts_in_word();
        let (whole, others) = (end >> in_word, end & ((1 << in_word) - 1));
        let whole = self.cells[..whole].iter().map(|word| self.sum_of(*word));
        let sum = whole.fold(0, u64::wrapping_add);
        let others = (end - others..end).map(|at| self.at(at));
        others.fold(sum, u64::wrapping_add)
    }

    /// The sum of the counts in a word.
    fn sum_of(self, word: u64) -> u64 {
        const BYTES: u64 = 0x00FF_00FF_00FF_00FF;
        const PAIRS: u64 = 0x0000_FFFF_0000_FFFF;
        let halves = |word: u64| (word >> 32) + (word & 0xFFFF_FFFF);
        let pairs = |word: u64| halves((word >> 16 & PAIRS) + (word & PAIRS));
        match self.head.width {
            0 => pairs((word >> 8 & BYTES) + (word & BYTES)),
            1 => pairs(word),
            2 => halves(word),
            _ => word,
        }
    }

    /// The first bucket up to which the counts add up to `rank` or more, if they do.
    pub(crate) fn reaches(self, rank: u64) -> Option<usize> {
        let mut left = rank;
        for (number, word) in self.cells.iter().enumerate() {
            let sum = self.sum_of(*word);
            if sum < left {
                left -= sum;
                continue;
            }
            let begin = number << self.head.counts_in_word();
            let mut counts = (begin..self.head.len).map(|at| (at, self.at(at)));
            let found = counts.find(|(_, count)| {
                let reached = *count >= left;
                left = left.saturating_sub(*count);
                reached
            });
            return found.map(|(at, _)| self.head.first + at);
        }
        None
    }

    /// Puts the counts into those of all buckets, which are zero.
    pub(crate) fn unpack(self, counts: &mut [u64]) {
        let bits = u8::BITS << self.head.width;
        let filled = &mut counts[self.head.first..self.head.first + self.head.len];
        let words = filled.chunks_mut(1 << self.head.counts_in_word());
        for (counts, word) in words.zip(self.cells) {
            let mut word = *word;
            for count in counts {
                *count = word & (u64::MAX >> (u64::BITS - bits));
                // Of 64 bits there is one.
                word = word.wrapping_shr(bits);
            }
        }
    }

    /// The buckets that are not empty, each with its number in the octave, in rising order.
    pub(crate) fn iter(self) -> impl DoubleEndedIterator<Item = (usize, u64)> + 'a {
        let counts = (0..self.head.len).map(move |at| (self.head.first + at, self.at(at)));
        counts.filter(|(_, count)| *count != 0)
    }

    /// The buckets whose counts differ from those in `before`, each with its number in the octave and what was added, modulo 2^64.
    pub(super) fn since(self, before: OctaveCounts<'a>) -> impl Iterator<Item = (usize, u64)> + 'a {
        let (ours, theirs) = (self.head, before.head);
        let stands = ours.first == theirs.first && self.cells == before.cells;
        let (first, end) = match (ours.len, theirs.len) {
            _ if stands && ours.width == theirs.width => (0, 0),
            (_, 0) => (ours.first, ours.first + ours.len),
            (0, _) => (theirs.first, theirs.first + theirs.len),
            _ => (
                ours.first.min(theirs.first),
                (ours.first + ours.len).max(theirs.first + theirs.len),
            ),
        };
        (first..end)
            .map(move |index| (index, self.get(index).wrapping_sub(before.get(index))))
            .filter(|(_, new)| *new != 0)
    }

    #[inline]
    fn at(self, at: usize) -> u64 {
        let (in_word, bits) = (self.head.counts_in_word(), u8::BITS << self.head.width);
        let word = self.cells[at >> in_word];
        let place = (at & ((1 << in_word) - 1)) as u32;
        word >> (place * bits) & (u64::MAX >> (u64::BITS - bits))
    }
}
