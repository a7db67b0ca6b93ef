//! What one thread recorded into one histogram: the writer's side.
//!
//! **Layout.** Written by the slot's owner only:
//! - `queue`: the newest samples as they are, a ring that overwrites its oldest;
//! - two **banks** of bucket counters with their sums: the writer uses the one that `current` names;
//! - `tail`: samples ever written: the count, and the epoch;
//! - `rejected`: values refused, which are in none of the above.
//!
//! Written by the reader only: `current`, and the cells of a bank that the writer has left.
//!
//! A bank's counters have a lower half, touched at each record, and an upper one, touched once in 2^31 records. The top bit
//! of the lower half repeats the lowest of the upper, so a reader that catches one of them before a carry and the other
//! after it sees that they disagree, and which of them is behind. An octave of buckets gets its place in a bank when a
//! value first falls into it, so memory is committed densely, by range: all of it is reserved zeroed at the thread's first
//! touch, and the operating system backs it page by page as octaves come into use.
//!
//! **Writer.** queue\[tail\] := value; bucket += 1; sum += value; tail += 1, last. What rarely comes before that, giving an
//! octave its place and carrying into the upper half, is out of line (`record_any`).
//!
//! **Reader** ([`fold`](super::fold)). Less than a queue behind: copies the new entries, and the tail tells which of
//! them held. Lapped: names the other bank in `current`; once the writer shows in that bank's sum it has left the old one
//! for good, which is then frozen, exact, and the reader's to add up and clear.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | writer: `current` | Acquire | flip | counts into a bank not yet cleared: lost | `block::flip_back_and_forth` |
//! | writer: entry | Release | fence after copying | an overwritten entry folded as old | `block::lapped_and_catching_up` |
//! | writer: place, bucket, its upper half | Relaxed | published by sum, tail | | `block::carry` |
//! | writer: sum | Release | sum; `has_entered` | a sum ahead of its buckets; a bank not frozen | `block::sum_never_ahead` |
//! | writer: tail | Release, last | tail | a fold of what is not there yet | `block::record_races_a_fold` |
//! | writer: rejected | Release | rejected | a refusal without what came before it | `recorder::a_before_b` |
//! | reader: tail | Acquire | tail | as there | `block::record_races_a_fold` |
//! | reader: rejected, before the tail | Acquire | rejected | as there | `recorder::a_before_b` |
//! | reader: fence, entries to tail | Acquire | entry | as there | `block::lapped_and_catching_up` |
//! | reader: `has_entered` | Acquire | sum | as there | `block::sum_never_ahead` |
//! | reader: sum, before the buckets | Acquire | sum | as there | `block::sum_never_ahead` |
//! | reader: clearing a bank | Relaxed | published by the flip | | |
//! | reader: flip | Release | `current` | as there | `block::flip_back_and_forth` |
//!
//! **Progress.** Recording is wait-free: no lock, no read-modify-write, no fence, no allocation. **Limits.** One thread
//! writes; a signal handler that interrupts a record on its own thread and records into the same histogram is outside
//! the contract. Sums wrap at 2^64.

use super::layout::{Layout, MANTISSA, MAX_OCTAVES};
use super::per_thread::{Entry, SetOnce};
use super::sync::{Acquire, AtomicU32, AtomicU64, LOW_BITS, Relaxed, Release, Zeroed, fence, zeroed_u32, zeroed_u64};
use crossbeam_utils::CachePadded;

/// What readers look at to find out whether anything changed, beside the pointer to the block, so that they need not follow
/// it; and the first lines that a record touches. Two cache lines' alignment, since processors fetch lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Head {
    block: SetOnce<Block>,
    tail: AtomicU64,
    rejected: AtomicU64,
}

impl Entry for Head {
    type Value = Block;

    #[inline(always)]
    fn value(&self) -> &SetOnce<Block> {
        &self.block
    }
}

/// See the module's header.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct Block {
    banks: [Bank; 2],
    queue: Box<[AtomicU64]>,
    /// One less than the length of the queue, a power of two.
    mask: u32,
    /// [`Layout::ignored`].
    ignored: u8,
    /// By a float's exponent field, modulo 64, of the octaves that [`Layout::is_plain`]: what to add to its leading bits to
    /// get its counter, modulo 2^32. [`NO_PLACE`]: not plain, or no value has fallen into it.
    plain: [AtomicU32; 64],
    /// By octave: how far the counters of its buckets are from the buckets' own numbers, modulo 2^32. [`NO_PLACE`]: no value
    /// has fallen into it.
    places: [AtomicU32; MAX_OCTAVES],
    /// How many octaves have a place.
    placed: AtomicU32,
    layout: Layout,
    /// The bank that the reader wants used.
    current: CachePadded<AtomicU32>,
}

#[derive(Debug)]
struct Bank {
    sum: AtomicU64,
    /// The counters' lower halves by place, then their upper ones.
    counters: Zeroed,
    /// Not zero: some counter has an upper half.
    carried: AtomicU32,
}

impl Bank {
    fn new(layout: &Layout) -> Self {
        Self { sum: AtomicU64::new(0), counters: zeroed_u32(2 * layout.buckets()), carried: AtomicU32::new(0) }
    }
}

/// Further than any place is from anything.
const NO_PLACE: u32 = 1 << 30;

/// The bits of a counter's lower half that count; the one above them is the parity of the upper half.
const LOW: u32 = (1 << LOW_BITS) - 1;

impl Head {
    /// Samples recorded so far.
    #[inline]
    pub(crate) fn tail(&self) -> u64 {
        // Acquire: pairs with the last store of a record.
        self.tail.load(Acquire)
    }

    /// Values refused so far.
    #[inline]
    pub(crate) fn rejected(&self) -> u64 {
        // Acquire: pairs with the store in `reject`.
        self.rejected.load(Acquire)
    }

    /// Counts a value that was refused. Only the slot's owner calls this.
    pub(crate) fn reject(&self) {
        // Relaxed: this thread's own last store. Release: what this thread did before is visible to who sees this.
        self.rejected.store(self.rejected.load(Relaxed).wrapping_add(1), Release);
    }
}

impl Block {
    /// `queue`: samples kept as they are, a power of two.
    pub(crate) fn new(layout: Layout, queue: usize) -> Self {
        assert!(queue.is_power_of_two());
        Self {
            banks: [Bank::new(&layout), Bank::new(&layout)],
            queue: zeroed_u64(queue),
            mask: queue as u32 - 1,
            ignored: layout.ignored() as u8,
            plain: std::array::from_fn(|_| AtomicU32::new(NO_PLACE)),
            places: std::array::from_fn(|_| AtomicU32::new(NO_PLACE)),
            placed: AtomicU32::new(0),
            layout,
            current: CachePadded::new(AtomicU32::new(0)),
        }
    }

    /// Records a value, unless something rare stands in the way; then `false`, and [`Self::record_any`] is to be called.
    /// Only the slot's owner calls this.
    #[inline(always)]
    #[must_use]
    pub(crate) fn record(&self, head: &Head, value: u64) -> bool {
        let float = (value as i64 as f64).to_bits();
        // Relaxed: this thread's own last store.
        let place = self.plain[(float >> MANTISSA) as usize % 64].load(Relaxed);
        if place == NO_PLACE || value as i64 <= 0 {
            return false;
        }
        let counter = place.wrapping_add((float >> self.ignored) as u32) as usize;
        let bank = self.bank();
        debug_assert!(counter < self.layout.buckets());
        // SAFETY: an octave that has a place has `octave_len` counters from there on (`place_of`), and this is the bucket's
        // among them: its octave is the one that the place was looked up for.
        let low = unsafe { bank.counters.get_unchecked(counter) };
        // Relaxed: this thread's own last store.
        let count = low.load(Relaxed).wrapping_add(1);
        if count & LOW == 0 {
            return false;
        }
        self.store(head, value, bank, low, count);
        true
    }

    /// The bank that the reader wants used.
    #[inline(always)]
    fn bank(&self) -> &Bank {
        // Acquire: pairs with `flip`; the bank that it names was cleared before.
        &self.banks[self.current.load(Acquire) as usize % 2]
    }

    /// The stores of a record, in their order. `count`: what the bucket's lower half becomes.
    #[inline(always)]
    fn store(&self, head: &Head, value: u64, bank: &Bank, low: &AtomicU32, count: u32) {
        // Relaxed: this thread's own last store.
        let tail = head.tail.load(Relaxed);
        // Release: publishes the tail that precedes it, so that a reader who copies this entry in place of the one it
        // overwrites finds out from the tail.
        self.entry(tail).store(value, Release);
        // Relaxed: published by sum and tail.
        low.store(count, Relaxed);
        // Relaxed: this thread's own last store. Release: publishes the bucket, so that a sum is never ahead of its buckets,
        // and that this bank has been entered, hence the other one left.
        bank.sum.store(bank.sum.load(Relaxed).wrapping_add(value), Release);
        // Release, last: publishes the sample.
        head.tail.store(tail + 1, Release);
    }

    /// Records any value that the layout contains, after giving its octave a place and carrying into its counter's upper half.
    #[cold]
    pub(crate) fn record_any(&self, head: &Head, value: u64) {
        let bank = self.bank();
        let bucket = self.layout.bucket(value);
        let counter = self.place_of(self.layout.split(bucket).0).wrapping_add(bucket as u32) as usize;
        let low = &bank.counters[counter];
        // Relaxed: this thread's own last store.
        let count = low.load(Relaxed).wrapping_add(1) & (LOW << 1 | 1);
        if count & LOW == 0 {
            let high = &bank.counters[self.layout.buckets() + counter];
            // Relaxed, all: this thread's own last store; published by sum and tail.
            bank.carried.store(1, Relaxed);
            high.store(high.load(Relaxed).wrapping_add(1), Relaxed);
        }
        self.store(head, value, bank, low, count);
    }

    /// The octave's place; the next free one if it has none.
    fn place_of(&self, octave: usize) -> u32 {
        // Relaxed, all: this thread's own stores, published by sum and tail.
        let place = self.places[octave].load(Relaxed);
        if place != NO_PLACE {
            return place;
        }
        // The counters begin where those of the octaves that have a place end.
        let placed = self.placed.load(Relaxed);
        let place = placed.wrapping_sub(octave as u32).wrapping_mul(self.layout.octave_len() as u32);
        self.placed.store(placed + 1, Relaxed);
        self.places[octave].store(place, Relaxed);
        if octave > 0 && self.layout.is_plain(octave) {
            // An exponent field is 1022 more than the octave.
            self.plain[(octave + 1022) % 64].store(place.wrapping_sub(self.layout.bias() as u32), Relaxed);
        }
        place
    }

    #[inline]
    fn entry(&self, sample: u64) -> &AtomicU64 {
        // SAFETY: the mask is one less than the queue's length.
        unsafe { self.queue.get_unchecked(sample as usize & self.mask as usize) }
    }

    /// Appends the samples `from..to` to `out`, or of them what the queue still holds: the newest part. Returns the first
    /// sample that was copied.
    pub(crate) fn copy_queue(&self, head: &Head, from: u64, to: u64, out: &mut Vec<u64>) -> u64 {
        let begin = out.len();
        // Relaxed: the fence orders them all.
        out.extend((from..to).map(|sample| self.entry(sample).load(Relaxed)));
        // Acquire: pairs with the Release of an entry; if one copied above was newer than expected, the tail that
        // preceded it is visible below.
        fence(Acquire);
        // Relaxed: after the fence.
        let samples = head.tail.load(Relaxed);
        // The writer may be storing sample number `samples` right now, over the one a whole queue before.
        let first = (samples + 1).saturating_sub(self.queue.len() as u64).clamp(from, to);
        out.drain(begin..begin + (first - from) as usize);
        first
    }

    /// Tells the writer to use `bank` from its next record on. The bank is cleared, and the writer has left it.
    pub(crate) fn flip(&self, bank: usize) {
        // Release: publishes the clearing.
        self.current.store(bank as u32, Release);
    }

    /// Whether the writer shows in a bank since it was cleared, and hence has left the other one for good: then that one is
    /// frozen, and its cells are visible. It does not while the bank's sum is zero, whatever is in it.
    #[inline]
    pub(crate) fn has_entered(&self, bank: usize) -> bool {
        // Acquire: pairs with the store in `store`; all that the writer did in the other bank happened before.
        self.banks[bank].sum.load(Acquire) != 0
    }

    /// A bank's sum. Load it before the bank's counters.
    pub(crate) fn sum(&self, bank: usize) -> u64 {
        // Acquire: pairs with the store in `store`; the buckets of every value in the sum are visible after this.
        self.banks[bank].sum.load(Acquire)
    }

    /// Calls `each` with the bucket and the count of every bucket of the bank that is not empty.
    pub(crate) fn for_each_bucket(&self, bank: usize, mut each: impl FnMut(usize, u64)) {
        let bank = &self.banks[bank];
        // Relaxed, here and below: ordered by the tail, or by the sum, that the caller loaded.
        let carried = bank.carried.load(Relaxed) != 0;
        let len = self.layout.octave_len();
        let (lows, highs) = bank.counters.split_at(self.layout.buckets());
        for octave in 0..self.layout.octaves() {
            let place = self.places[octave].load(Relaxed);
            if place == NO_PLACE {
                continue;
            }
            let first = octave * len;
            let start = place.wrapping_add(first as u32) as usize;
            for (bucket, counter) in (first..).zip(start..start + len) {
                let low = lows[counter].load(Relaxed);
                let high = if carried { highs[counter].load(Relaxed) } else { 0 };
                let count = joined(low, high);
                if count != 0 {
                    each(bucket, count);
                }
            }
        }
    }

    /// Clears a bank that the writer has left and will not use before the next flip.
    pub(crate) fn clear(&self, bank: usize) {
        let bank = &self.banks[bank];
        // Relaxed, all: the bank is the reader's, and the next flip publishes what is done to it.
        let used = self.placed.load(Relaxed) as usize * self.layout.octave_len();
        let (lows, highs) = bank.counters.split_at(self.layout.buckets());
        lows[..used].iter().for_each(|counter| counter.store(0, Relaxed));
        if bank.carried.load(Relaxed) != 0 {
            highs[..used].iter().for_each(|counter| counter.store(0, Relaxed));
        }
        bank.carried.store(0, Relaxed);
        bank.sum.store(0, Relaxed);
    }

    /// Sets the lower half of a value's counter, for a test that will not record 2^31 times.
    #[cfg(test)]
    #[allow(dead_code, reason = "the models, which compile this file too, have shorter halves")]
    pub(crate) fn preset(&self, bank: usize, value: u64, count: u32) {
        let bucket = self.layout.bucket(value);
        let place = self.place_of(self.layout.split(bucket).0);
        // Relaxed: a test's only thread.
        self.banks[bank].counters[place.wrapping_add(bucket as u32) as usize].store(count, Relaxed);
    }
}

/// What the two halves of a counter count. If they disagree, one was read before a carry and the other after it; the value
/// is then that of the moment at which the lower half was read.
///
/// Which of them is behind shows in the lower half: it is about to overflow, or just has. That holds for readings between
/// which the counter grew by less than 2^30: a bank is read only after its writer was told to leave it, so that it grows by
/// the record that is under way, and those until the writer notices.
pub(crate) fn joined(low: u32, high: u32) -> u64 {
    const CARRY: u64 = 1 << LOW_BITS;
    let count = u64::from(high) * CARRY + u64::from(low & LOW);
    if low >> LOW_BITS == high & 1 {
        count
    } else if low & LOW > LOW / 2 {
        count.wrapping_sub(CARRY)
    } else {
        count + CARRY
    }
}
