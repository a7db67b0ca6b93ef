//! Counts of a histogram's buckets, in as few bytes as they fit into. Plain values, as readers keep them.
//!
//! ```text
//! small    one slice of words: how many octaves, their heads and totals, then their counts, by rising octave
//! large    the same, a slice for each octave with many words, which the next counts share
//! head     octave, log2 of the bytes of a count, first bucket, number of counts
//! counts   of the buckets from the first to the last that is not empty, each in 1, 2, 4 or 8 bytes
//! ```
//!
//! Octaves that are empty are not there, so two are equal if their words are.

use super::octave_counts::{HEAD, Head, OctaveCounts};
use super::unpacked_counts::UnpackedCounts;
use std::iter;
use std::sync::Arc;

/// See the module's header.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    small: Arc<[u64]>,
    /// By rising octave.
    large: Option<Large>,
}

type Large = Arc<[Arc<[u64]>]>;

/// An octave with more words of counts is large. One with two significant digits is small for as long as a byte is enough for each count:
/// histograms that are seldom recorded to are one object, and readings of busy ones share what stands.
const SMALL: usize = 16;

fn is_large(counts: OctaveCounts<'_>) -> bool {
    counts.cells.len() > SMALL
}

impl Counts {
    /// The octaves that are not empty, in rising order.
    pub(crate) fn octaves(&self) -> impl Iterator<Item = OctaveCounts<'_>> {
        let mut small = OctaveCounts::all(&self.small).peekable();
        let mut large = self.large_octaves().peekable();
        iter::from_fn(move || match (small.peek(), large.peek()) {
            (Some(ours), Some(theirs)) if ours.octave() > theirs.octave() => large.next(),
            (Some(_), _) => small.next(),
            (None, _) => large.next(),
        })
    }

    /// The counts of an octave; `None` if it is empty.
    pub(crate) fn octave(&self, octave: usize) -> Option<OctaveCounts<'_>> {
        self.in_any_order().find(|counts| counts.octave() == octave)
    }

    fn in_any_order(&self) -> impl Iterator<Item = OctaveCounts<'_>> {
        OctaveCounts::all(&self.small).chain(self.large_octaves())
    }

    fn large_octaves(&self) -> impl Iterator<Item = OctaveCounts<'_>> {
        let large = self.large.iter().flat_map(|large| large.iter());
        large.flat_map(|words| OctaveCounts::all(words))
    }

    /// The sum of all counts.
    pub(crate) fn total(&self) -> u64 {
        let totals = self.in_any_order().map(|counts| counts.total);
        totals.fold(0, u64::wrapping_add)
    }

    /// Whether both are one object, or both are empty.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let small = Arc::ptr_eq(&self.small, &other.small)
            || self.small.is_empty() && other.small.is_empty();
        let large = match (&self.large, &other.large) {
            (None, None) => true,
            (Some(ours), Some(theirs)) => Arc::ptr_eq(ours, theirs),
            _ => false,
        };
        small && large
    }

    /// The buckets whose counts differ from those in `before`, each with its octave, its number there, and what was added, modulo 2^64.
    pub(crate) fn since<'a>(
        &'a self,
        before: &'a Self,
    ) -> impl Iterator<Item = (usize, usize, u64)> + 'a {
        let (mut ours, mut theirs) = (self.octaves().peekable(), before.octaves().peekable());
        let octaves = iter::from_fn(move || {
            let next = [ours.peek(), theirs.peek()];
            let octave = next.into_iter().flatten().map(|it| it.octave()).min()?;
            let side = |it: Option<OctaveCounts<'a>>| it.unwrap_or(OctaveCounts::none(octave));
            let after = side(ours.next_if(|it| it.octave() == octave));
            Some((
                octave,
                after,
                side(theirs.next_if(|it| it.octave() == octave)),
            ))
        });
        octaves.flat_map(|(octave, after, before)| {
            let changed = after.since(before);
            changed.map(move |(index, new)| (octave, index, new))
        })
    }

    /// The same, but for these octaves.
    pub(crate) fn with(&self, changed: &UnpackedCounts) -> Self {
        let mut small = Vec::with_capacity(8);
        // Large octaves that are new, and whether one is not as it was.
        let (mut large, mut large_changed) = (Vec::new(), false);
        let mut known = self.octaves().peekable();
        let mut new = changed.iter().peekable();
        loop {
            let octave = new.peek().map(|(octave, _)| *octave);
            let stands = |it: &OctaveCounts<'_>| octave.is_none_or(|octave| it.octave() < octave);
            if let Some(known) = known.next_if(stands) {
                if !is_large(known) {
                    small.push(Source::Packed(known));
                }
            } else if let Some((octave, counts)) = new.next() {
                let before = known.next_if(|it| it.octave() == octave);
                large_changed |= before.is_some_and(is_large);
                let head = Head::of(octave, counts);
                let source = Source::Unpacked(head, &counts[head.first..head.first + head.len]);
                if head.cells() > SMALL {
                    large.push(pack(&[source]));
                    large_changed = true;
                } else if head.len > 0 {
                    small.push(source);
                }
            } else {
                break;
            }
        }
        Self {
            small: pack(&small),
            large: if large_changed {
                self.large_with(changed, large)
            } else {
                self.large.clone()
            },
        }
    }

    /// Large octaves: those that did not change, and these.
    fn large_with(&self, changed: &UnpackedCounts, mut large: Vec<Arc<[u64]>>) -> Option<Large> {
        let octave_of = |words: &Arc<[u64]>| Head::unpack(words[1]).octave;
        let stands = |it: &&Arc<[u64]>| changed.position(octave_of(it)).is_err();
        let others = self.large.iter().flat_map(|large| large.iter());
        large.extend(others.filter(stands).cloned());
        large.sort_unstable_by_key(octave_of);
        (!large.is_empty()).then(|| large.into())
    }
}

/// Where an octave's counts come from.
enum Source<'a> {
    Packed(OctaveCounts<'a>),
    /// Those from the first to the last one that is not zero.
    Unpacked(Head, &'a [u64]),
}

impl Source<'_> {
    fn head(&self) -> Head {
        match self {
            Self::Packed(counts) => counts.head,
            Self::Unpacked(head, _) => *head,
        }
    }

    fn total(&self) -> u64 {
        match self {
            Self::Packed(counts) => counts.total,
            Self::Unpacked(_, counts) => counts.iter().copied().fold(0, u64::wrapping_add),
        }
    }

    /// Packs the counts into these words.
    fn write(&self, cells: &mut [u64]) {
        match self {
            Self::Packed(counts) => cells.copy_from_slice(counts.cells),
            Self::Unpacked(head, counts) => {
                let counts = counts.chunks(1 << head.counts_in_word());
                for (word, counts) in cells.iter_mut().zip(counts) {
                    // Of 64 bits there is one.
                    let place =
                        |word: u64, count| word.wrapping_shl(u8::BITS << head.width) | count;
                    *word = counts.iter().rev().fold(0, place);
                }
            }
        }
    }
}

/// Octaves, by rising number, in one slice of words.
fn pack(octaves: &[Source<'_>]) -> Arc<[u64]> {
    if octaves.is_empty() {
        return Arc::default();
    }
    let len = |octave: &Source<'_>| HEAD + octave.head().cells();
    let len = 1 + octaves.iter().map(len).sum::<usize>();
    // One allocation, which a `Vec` that is filled first would double.
    let mut words: Arc<[u64]> = iter::repeat_n(0, len).collect();
    if let Some([count, rest @ ..]) = Arc::get_mut(&mut words) {
        *count = octaves.len() as u64;
        let (heads, mut cells) = rest.split_at_mut(octaves.len() * HEAD);
        for (head, octave) in heads.chunks_exact_mut(HEAD).zip(octaves) {
            head.copy_from_slice(&[octave.head().pack(), octave.total()]);
            let own;
            (own, cells) = cells.split_at_mut(octave.head().cells());
            octave.write(own);
        }
    }
    words
}
