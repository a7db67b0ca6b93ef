//! The block that threads share: what is recorded by threads that own no block of the histogram.
//!
//! ```text
//! SharedBlock
//!   current         0 or 1                          the reader's wish
//!   bank 0          tail, sum, large, octaves         a writer adds to the bank that `current` names
//!   bank 1          tail, sum, large, octaves         made by the first reset, or read that finds samples uncertain
//!   rates           how often each slot writes here: its owner is promoted to a block of its own when it pays
//! ```
//!
//! **Protocol.** bucket += 1; large += its part of a large value; sum += value; tail += 1, last: each a read-modify-write. A reader
//! loads the tail, the sum and `large`, then the buckets ([`shared_cursor`](super::shared_cursor)). The buckets hold at least what the
//! sum holds, and that at least what the tail counts. So if the buckets add up to the tail, all of them agree.
//!
//! **Never cleared.** A reader remembers what it has counted, and adds differences. A writer that has chosen its bank and is stopped there
//! is counted when it goes on, whatever happened to the bank in between.
//!
//! **Promotion.** A thread that gets a block of its own does not write here again. Readers read the owned blocks first, then this
//! one: what a thread wrote here before it wrote there is visible when the latter is.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | `current`, flip | Relaxed | nothing: either bank counts, and banks and octaves are published by their own pointers | | |
//! | bucket, upper half | Relaxed | published by `large`, sum and tail | | |
//! | `large` | Release | the reader's `large` | a sum too high by 2^64 | `shared::large_never_ahead` |
//! | sum | Release | the reader's sum | a sum ahead of its buckets | `shared::writers_beside_a_reader` |
//! | tail | Release | the reader's tail | a sample is counted that is not there yet | `shared::writers_beside_a_reader` |
//! | tail by a reader | Acquire | the writers' tail | the same | `shared::writers_beside_a_reader` |
//! | sum by a reader | Acquire | the writers' sum | a sum ahead of its buckets | `shared::writers_beside_a_reader` |
//! | `large` by a reader | Acquire | the writers' `large` | a sum too high by 2^64 | `shared::large_never_ahead` |
//!
//! **Progress.** Wait-free, once there is room: three read-modify-writes and no loop.

use super::block::{LOW, join_halves};
use super::bucket_layout::{BucketLayout, is_large};
use super::octaves::Octaves;
use super::slot_table::{Others, defaults};
use crate::engine::slot::adaptive::SlotRate;
use crate::engine::slot::growing_table::SlotId;
use crate::engine::slot::once_box::OnceBox;
use crate::engine::slot::owner::Owner;
use crate::sync::{Acquire, AtomicU32, AtomicU64, Relaxed, Release};
use crate::tuning::{FIRST_SLOTS, LARGE_SHIFT};
use crate::zeroed::try_box;

/// See the module's header.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct SharedBlock {
    current: AtomicU32,
    second: OnceBox<SharedBank>,
    other_rates: Others<SlotRate>,
    first: SharedBank,
    /// Of the first slots.
    rates: [SlotRate; FIRST_SLOTS],
}

/// One set of counters, and what they add up to.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct SharedBank {
    tail: AtomicU64,
    /// Wraps at 2^64; see `widen` in [`cursor`](super::cursor).
    sum: AtomicU64,
    /// As a [`Bank`](super::block::Bank) has it.
    large: AtomicU64,
    octaves: Octaves,
}

impl SharedBank {
    fn new(layout: BucketLayout) -> Self {
        Self {
            tail: AtomicU64::new(0),
            sum: AtomicU64::new(0),
            large: AtomicU64::new(0),
            octaves: Octaves::new(layout),
        }
    }
}

/// The writer's side.
impl SharedBlock {
    pub(crate) fn new(layout: BucketLayout) -> Option<Box<Self>> {
        try_box(Self {
            current: AtomicU32::new(0),
            second: OnceBox::default(),
            other_rates: Others::default(),
            first: SharedBank::new(layout),
            rates: defaults(),
        })
    }

    /// How often the owner of a slot writes here, if there is a place for that.
    pub(super) fn rate(&self, slot: SlotId) -> Option<&SlotRate> {
        match slot.below::<FIRST_SLOTS>() {
            Some(index) => Some(&self.rates[index]),
            None => self.other_rates.get(slot),
        }
    }

    /// Makes the place for a rate, if there is memory for it.
    pub(super) fn make_rate(&self, owner: Owner<'_>) {
        if self.rate(owner.slot()).is_none() {
            let _ = self.other_rates.get_or_alloc(owner.slot());
        }
    }

    /// Records a value that the layout contains. `false`: there is no room for it yet.
    #[must_use]
    pub(crate) fn try_record(&self, value: u64, layout: &BucketLayout) -> bool {
        let bank = self.bank();
        let bucket = layout.bucket(value);
        let (octave, index) = (layout.octave(bucket), layout.index_in_octave(bucket));
        let Some(lows) = bank.octaves.lows(octave) else {
            return false;
        };
        let low = &lows[index];
        let highs = bank.octaves.highs(octave);
        // Relaxed: checked long before the carry. The count has to double before it carries, and every writer checks it
        // first.
        if highs.is_none() && low.load(Relaxed) & LOW > LOW / 2 {
            return false;
        }
        // Relaxed: published by `large`, sum and tail.
        let before = low.fetch_add(1, Relaxed);
        if before & LOW == LOW
            && let Some(highs) = bank.octaves.highs(octave)
        {
            // Relaxed: as the lower half.
            highs[index].fetch_add(1, Relaxed);
        }
        if is_large(value) {
            // Release: publishes the bucket, so that this is never ahead of it.
            bank.large.fetch_add(value >> LARGE_SHIFT, Release);
        }
        // Release: publishes the bucket, so that a sum is never ahead of its buckets.
        bank.sum.fetch_add(value, Release);
        // Release, last: publishes the sample.
        bank.tail.fetch_add(1, Release);
        true
    }

    /// Makes room for a value: counters for its octave, and upper halves long before one carries. `false`: there is no memory for it.
    #[must_use]
    pub(crate) fn make_room(&self, value: u64, layout: &BucketLayout) -> bool {
        let bank = self.bank();
        let bucket = layout.bucket(value);
        let (octave, index) = (layout.octave(bucket), layout.index_in_octave(bucket));
        let Some(lows) = bank.octaves.lows_or_alloc(octave) else {
            return false;
        };
        // Relaxed: as in `try_record`.
        lows[index].load(Relaxed) & LOW <= LOW / 2 || bank.octaves.highs_or_alloc(octave).is_some()
    }

    /// The bank that the reader wants used.
    fn bank(&self) -> &SharedBank {
        // Relaxed: either bank counts. Its pointer makes the second one visible; a thread to which it is not yet is one that comes late.
        match self.current.load(Relaxed) {
            0 => &self.first,
            _ => self.second.get().unwrap_or(&self.first),
        }
    }
}

/// The reader's side; one reader at a time flips.
impl SharedBlock {
    /// A bank, if it exists.
    pub(crate) fn bank_at(&self, bank: usize) -> Option<&SharedBank> {
        if bank == 0 {
            Some(&self.first)
        } else {
            self.second.get()
        }
    }

    /// The bank that writers use, or are about to.
    pub(super) fn in_use(&self) -> usize {
        // Relaxed: only readers store it, one at a time, and a lock orders them.
        self.current.load(Relaxed) as usize
    }

    /// Makes the bank that is not in use, with counters for the octaves that the other one has. `false`: there is no memory for it.
    pub(super) fn make_other_bank(&self) -> bool {
        let other = self.in_use() ^ 1;
        if self.bank_at(other).is_none() {
            let Some(bank) = try_box(SharedBank::new(*self.first.octaves.layout())) else {
                return false;
            };
            self.second.set(bank);
        }
        if let (Some(new), Some(old)) = (self.bank_at(other), self.bank_at(other ^ 1)) {
            new.octaves.make_those_of(&old.octaves);
        }
        true
    }

    /// Sends writers to a bank, which exists.
    pub(super) fn flip(&self, bank: usize) {
        // Relaxed: publishes nothing.
        self.current.store(bank as u32, Relaxed);
    }

    /// Samples recorded so far, in both banks.
    pub(super) fn recorded(&self) -> u64 {
        let second = self.second.get().map_or(0, SharedBank::tail);
        self.first.tail().wrapping_add(second)
    }
}

impl SharedBank {
    /// Samples recorded so far. Load it before the sum.
    pub(super) fn tail(&self) -> u64 {
        // Acquire: pairs with the last step of each record that it counts.
        self.tail.load(Acquire)
    }

    /// The sum. Load it before the buckets.
    pub(super) fn sum(&self) -> u64 {
        // Acquire: the buckets of every value in the sum are visible after this.
        self.sum.load(Acquire)
    }

    /// The least that the large values add up to. Load it before the buckets.
    pub(crate) fn large(&self) -> u128 {
        // Acquire: the buckets of every value in it are visible after this.
        u128::from(self.large.load(Acquire)) << LARGE_SHIFT
    }

    /// The counts of an octave, into `counts`. `false`: it has none.
    pub(crate) fn read_octave(&self, octave: usize, counts: &mut Vec<u64>) -> bool {
        let Some(lows) = self.octaves.lows(octave) else {
            return false;
        };
        let highs = self.octaves.highs(octave);
        counts.clear();
        counts.extend(lows.iter().enumerate().map(|(index, low)| {
            // Relaxed, both: ordered by the tail, the sum and `large`, which the caller loaded.
            let low = low.load(Relaxed);
            join_halves(low, highs.map_or(0, |highs| highs[index].load(Relaxed)))
        }));
        true
    }
}
