//! The block that threads share: what is recorded by threads that own no block of the histogram.
//!
//! ```text
//! SharedBlock       part of the histogram itself
//!   generation      how often writers were sent to the other bank; its parity names the bank
//!   bank 0          tail, sum, touched, large, octaves, late
//!                                 a writer adds to the bank of the generation that it loads
//!   bank 1          the same                          made by the first reset, or read that finds samples uncertain
//!   rates           how often each slot writes here: its owner is promoted to a block of its own when it pays
//! ```
//!
//! From a handle there are three steps to the last line that a record needs: the histogram, and then side by side the counter, the
//! rate and the slot's word.
//!
//! **Protocol.** bucket += 1; the octave is touched; large += its part of a large value; sum += value; tail += 1, last: each addition a
//! read-modify-write. A reader loads the tail, the sum and `large`, then the buckets of
//! [touched](super::shared_octaves) octaves ([`shared_cursor`](super::shared_cursor)). The buckets hold at least what the sum holds, and
//! the sum at least what the tail counts. So if the buckets add up to the tail, they all agree.
//!
//! **Never cleared.** A reader remembers what it has counted, and adds differences. A writer that has chosen its bank and is stopped there
//! is counted when it goes on, whatever happened to the bank in between.
//!
//! **Late writers.** A writer may be stopped between its choice of a bank and its first step there, and readers cannot see it. When it
//! goes on, writers may have been sent to the other bank and back. So each tail carries the generation, which a flip changes in both; and
//! a writer whose tail has another generation than it loaded adds to `late` before its next record. A reader that folds one bank after
//! the other learns from that whether a sample may have come to the one before the thread's next ones came to the other.
//!
//! **Promotion.** A thread that gets a block of its own does not write here again. Readers read the owned blocks first, then this
//! one: what a thread wrote here before it wrote there is visible when the latter is.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | `generation`, flip | Relaxed | nothing: either bank counts, and banks and octaves are published by their own pointers | | |
//! | a tail's generation | Relaxed | the tail's own order decides whether a record or the flip came first | | |
//! | bucket | sequentially consistent, as [`shared_octaves`](super::shared_octaves) needs it | the reader's fence | an octave is not looked at, and a sample is missing | `shared::a_touched_octave_is_read` |
//! | upper half | Relaxed | nothing: the lower half tells whether it is behind | | |
//! | `large` | Release | the reader's `large` | a sum too high by 2^64 | `shared::large_never_ahead` |
//! | sum | Release | the reader's sum | a sum ahead of its buckets | `shared::writers_beside_a_reader` |
//! | tail | sequentially consistent, as [`dirty`](crate::engine::family::dirty) needs it, hence Release | the reader's tail | a sample is counted that is not there yet | `shared::writers_beside_a_reader` |
//! | `late` | Release | the reader's `late` | a late sample is held for folded | `shared::reads_that_flip` |
//! | tail by a reader | Acquire | the writers' tail | the same | `shared::writers_beside_a_reader` |
//! | sum by a reader | Acquire | the writers' sum | a sum ahead of its buckets | `shared::writers_beside_a_reader` |
//! | `large` by a reader | Acquire | the writers' `large` | a sum too high by 2^64 | `shared::large_never_ahead` |
//! | `late` by a reader, before the tail | Acquire | the writers' `late` | a late sample is held for folded | `shared::reads_that_flip` |
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | the bucket before the bit | program order | an octave is not looked at, and a sample is missing | `shared::a_touched_octave_is_read` |
//!
//! **Progress.** Wait-free, once there is room: three read-modify-writes and no loop.

use super::block::{LOW, join_halves};
use super::bucket_layout::{BucketLayout, is_large};
use super::shared_octaves::{SharedOctaves, Touched};
use super::slot_table::SlotTable;
use crate::engine::slot::adaptive::SlotRate;
use crate::engine::slot::once_box::OnceBox;
use crate::prefetch;
use crate::sync::{Acquire, AtomicU32, AtomicU64, Relaxed, Release, add_seq_cst, add_seq_cst_u32};
use crate::tuning::LARGE_SHIFT;
use crate::zeroed::try_box;

/// See the module's header.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct SharedBlock {
    pub(super) rates: SlotTable<SlotRate>,
    generation: AtomicU32,
    first: SharedBank,
    second: OnceBox<SharedBank>,
}

/// One set of counters, and what they add up to.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct SharedBank {
    /// Samples in the upper 48 bits, the generation in the lower 16.
    tail: AtomicU64,
    /// Wraps at 2^64; see `widen` in [`cursor`](super::cursor).
    sum: AtomicU64,
    /// The octaves to which samples were added since a reader looked.
    pub(super) touched: Touched,
    octaves: SharedOctaves,
    /// As a [`Bank`](super::block::Bank) has it.
    large: AtomicU64,
    /// Records that ended in another generation than they began in.
    late: AtomicU64,
}

/// One sample in a tail.
const SAMPLE: u64 = 1 << SAMPLE_SHIFT;
const SAMPLE_SHIFT: u32 = 16;

/// Of two numbers of samples in tails: by how much the first is ahead of the second.
pub(super) fn ahead_of(samples: u64, of: u64) -> u64 {
    samples.wrapping_sub(of) & (u64::MAX >> SAMPLE_SHIFT)
}

impl SharedBank {
    fn new(layout: &BucketLayout, generation: u32) -> Self {
        Self {
            tail: AtomicU64::new(u64::from(generation as u16)),
            sum: AtomicU64::new(0),
            touched: Touched::default(),
            large: AtomicU64::new(0),
            octaves: SharedOctaves::new(layout),
            late: AtomicU64::new(0),
        }
    }
}

/// The writer's side.
impl SharedBlock {
    pub(crate) fn new(layout: &BucketLayout) -> Self {
        Self {
            rates: SlotTable::default(),
            generation: AtomicU32::new(0),
            first: SharedBank::new(layout, 0),
            second: OnceBox::default(),
        }
    }

    /// Records a value that the layout contains. `false`: there is no room for it yet.
    #[inline(always)]
    #[must_use]
    pub(crate) fn try_record(&self, value: u64, layout: &BucketLayout) -> bool {
        let (bank, generation) = self.bank();
        let bucket = layout.bucket(value);
        let (octave, index) = (layout.octave(bucket), layout.index_in_octave(bucket));
        let Some(lows) = bank.octaves.lows(octave) else {
            return false;
        };
        let low = &lows[index];
        prefetch::for_write(low);
        let highs = bank.octaves.highs(octave);
        // Relaxed: checked long before the carry. The count has to double before it carries, and every writer checks it
        // first.
        if highs.is_none() && low.load(Relaxed) & LOW > LOW / 2 {
            return false;
        }
        // Published by `large`, sum and tail.
        let before = add_seq_cst_u32(low, 1);
        if before & LOW == LOW
            && let Some(highs) = bank.octaves.highs(octave)
        {
            // Relaxed: the lower half tells readers whether it is behind.
            highs[index].fetch_add(1, Relaxed);
        }
        bank.touched.mark(octave);
        if is_large(value) {
            // Release: publishes the bucket, so that this is never ahead of it.
            bank.large.fetch_add(value >> LARGE_SHIFT, Release);
        }
        // Release: publishes the bucket, so that a sum is never ahead of its buckets.
        bank.sum.fetch_add(value, Release);
        // SeqCst, hence Release, last: publishes the sample.
        let before = add_seq_cst(&bank.tail, SAMPLE);
        if before as u16 != generation as u16 {
            bank.note_late();
        }
        true
    }

    /// Makes room for a value: counters for its octave, and upper halves long before one carries. `false`: there is no memory for it.
    #[must_use]
    pub(crate) fn make_room(&self, value: u64, layout: &BucketLayout) -> bool {
        let (bank, _) = self.bank();
        let bucket = layout.bucket(value);
        let (octave, index) = (layout.octave(bucket), layout.index_in_octave(bucket));
        let Some(lows) = bank.octaves.lows_or_alloc(octave) else {
            return false;
        };
        // Relaxed: as in `try_record`.
        lows[index].load(Relaxed) & LOW <= LOW / 2 || bank.octaves.highs_or_alloc(octave).is_some()
    }

    /// The bank that the reader wants used, and the generation for which this is so.
    #[inline]
    fn bank(&self) -> (&SharedBank, u32) {
        // Relaxed: either bank counts.
        let generation = self.generation.load(Relaxed);
        if is_first(generation) {
            return (&self.first, generation);
        }
        match self.second.get() {
            Some(second) => (second, generation),
            // A thread to which the second bank is not visible yet comes late.
            None => (&self.first, generation.wrapping_sub(1)),
        }
    }
}

/// Whether writers use the first bank in a generation.
fn is_first(generation: u32) -> bool {
    generation.is_multiple_of(2)
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

    /// Whether nothing was recorded here.
    pub(super) fn is_empty(&self) -> bool {
        self.first.octaves.is_empty()
    }

    /// The bank that writers use, or are about to.
    pub(super) fn in_use(&self) -> usize {
        usize::from(!is_first(self.generation()))
    }

    fn generation(&self) -> u32 {
        // Relaxed: only readers store it, one at a time, and a lock orders them.
        self.generation.load(Relaxed)
    }

    /// Makes the bank that is not in use, with counters for the octaves that the other one has. `false`: there is no memory for it.
    pub(super) fn make_other_bank(&self, layout: &BucketLayout) -> bool {
        let other = self.in_use() ^ 1;
        if self.bank_at(other).is_none() {
            let Some(bank) = try_box(SharedBank::new(layout, self.generation())) else {
                return false;
            };
            self.second.set(bank);
        }
        if let (Some(new), Some(old)) = (self.bank_at(other), self.bank_at(other ^ 1)) {
            new.octaves.make_those_of(&old.octaves);
        }
        true
    }

    /// Sends writers to the bank that is not in use, which exists.
    pub(super) fn flip(&self) {
        let generation = self.generation();
        let next = generation.wrapping_add(1);
        let change = u64::from((generation ^ next) as u16);
        let retag = |first: bool| {
            let bank = if first {
                Some(&self.first)
            } else {
                self.second.get()
            };
            if let Some(bank) = bank {
                // Relaxed: the tail's own order decides whether a record or this came first.
                bank.tail.fetch_xor(change, Relaxed);
            }
        };
        // First, so that those who come at once are not late.
        retag(is_first(next));
        // Relaxed: publishes nothing.
        self.generation.store(next, Relaxed);
        retag(is_first(generation));
    }

    /// Samples recorded so far, in both banks.
    pub(super) fn recorded(&self) -> u64 {
        let second = self.second.get().map_or(0, SharedBank::tail);
        self.first.tail().wrapping_add(second)
    }
}

impl SharedBank {
    /// Samples recorded so far, modulo 2^48. Load it before the sum.
    pub(super) fn tail(&self) -> u64 {
        // Acquire: pairs with the last step of each record that it counts.
        self.tail.load(Acquire) >> SAMPLE_SHIFT
    }

    /// How many records came late. Load it before the tail.
    pub(super) fn late(&self) -> u64 {
        // Acquire: the samples that it counts are visible after this.
        self.late.load(Acquire)
    }

    #[cold]
    fn note_late(&self) {
        // Release: publishes the sample. Before the thread's next record.
        self.late.fetch_add(1, Release);
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

    /// Adds the counts of an octave to `counts`. `false`: it has none.
    pub(crate) fn read_octave(&self, octave: usize, counts: &mut Vec<u64>) -> bool {
        let Some(lows) = self.octaves.lows(octave) else {
            return false;
        };
        let highs = self.octaves.highs(octave);
        // Relaxed, all: ordered by the tail, the sum and `large`, which the caller loaded.
        match highs {
            None => counts.extend(lows.iter().map(|low| join_halves(low.load(Relaxed), 0))),
            Some(highs) => counts.extend(
                lows.iter()
                    .zip(highs)
                    .map(|(low, high)| join_halves(low.load(Relaxed), high.load(Relaxed))),
            ),
        }
        true
    }
}
