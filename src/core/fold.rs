//! What has been recorded into one histogram: the reader's side of [`block`](super::block).
//!
//! A [`Folder`] remembers, for each slot, how far it has read, and hands what is new to a [`Sink`]. It runs inside a gate:
//! one reader at a time.
//!
//! **Less than a queue behind:** the queue's new entries, cost O(new). The bank has counted those samples too; their
//! buckets are remembered so that they can be taken off when the bank is drained.
//!
//! **Lapped** (or too much remembered): flip, unless a flip is already under way, then
//! - the writer has entered the new bank, so it is done with the old one: add all of it, take off what was folded from it
//!   before, clear it. Exact: of this thread, precisely the samples up to the flip.
//! - it has not: the writer is idle, slow, or stopped inside a record. The old bank is read as it stands. If it adds
//!   up to the tail, that is exact as well: every counter is at least what it was at that tail, so the sum can only be
//!   right if each is. If it holds more, there are samples in it beyond the tail, one of a stopped writer, some of one
//!   that has not noticed the flip, and not all of them may be in the sum: the scan is used, since it holds writes that
//!   have returned, and the snapshot says that so many are uncertain. What was scanned is remembered, and the next fold
//!   is of the banks again.
//!
//! While a flip is under way, what is folded from the queue may be in either bank. Settling goes back to the flip, and the fold
//! goes on from there.
//!
//! The orderings are those of the block's table.

use super::block::{Block, Head};
use super::layout::Layout;
use super::sync::{BANK_LOOKS, BANK_SCANS, REMEMBERED, spin_loop};

/// Takes what a fold finds. Amounts are modulo 2^64, and within one fold a bucket may be added to and taken from; the
/// result is never negative.
pub(crate) trait Sink {
    /// Adds samples to a bucket.
    fn add(&mut self, bucket: usize, samples: u64);
    /// Takes samples off a bucket.
    fn remove(&mut self, bucket: usize, samples: u64);
    /// Adds to the sum of all values.
    fn sum(&mut self, amount: u64);
    /// Samples as they are, of one slot, oldest first: the newest ones that still could be had.
    fn recent(&mut self, slot: usize, values: &[u64]);
}

/// What all folds of a histogram came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Folded {
    /// The sum of the tails up to which slots were folded, and of the rejected: the snapshot's epoch.
    pub(crate) epoch: u64,
    /// Values refused.
    pub(crate) rejected: u64,
    /// Samples beyond the tails that were folded, some of which may be missing from the sum.
    pub(crate) uncertain: u64,
}

/// See the module's header.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    slots: Vec<SlotFolder>,
    scratch: Vec<u64>,
    /// Samples handed to a sink so far, however often a bank repeated them.
    folded: u64,
}

#[derive(Debug)]
struct SlotFolder {
    /// The bank that the writer was told to use.
    bank: usize,
    /// The writer may still be in the other one.
    flipping: bool,
    /// The sample that the source bank begins with.
    base: u64,
    /// Samples folded.
    folded: u64,
    /// `folded` is a prefix: the queue may be continued from there.
    exact: bool,
    /// Samples that the last scan holds beyond the tail.
    uncertain: u64,
    /// What was folded from the queue, or by the last scan, and is in a bank that has not been settled as well.
    remembered: Remembered,
    /// The first sample that `Sink::recent` has not been given.
    recent: u64,
}

impl Default for SlotFolder {
    fn default() -> Self {
        Self {
            bank: 0,
            flipping: false,
            base: 0,
            folded: 0,
            exact: true,
            uncertain: 0,
            remembered: Remembered::default(),
            recent: 0,
        }
    }
}

/// Samples by bucket, and the sum of their values.
#[derive(Debug, Default)]
struct Remembered {
    /// A bucket in the upper 24 bits, a count in the lower 40; the same bucket may come again.
    counts: Vec<u64>,
    sum: u64,
}

impl Remembered {
    const COUNT_BITS: u32 = 40;
    const MAX_COUNT: u64 = (1 << Self::COUNT_BITS) - 1;

    fn add(&mut self, bucket: usize, mut count: u64) {
        while count > 0 {
            let part = count.min(Self::MAX_COUNT);
            self.counts.push((bucket as u64) << Self::COUNT_BITS | part);
            count -= part;
        }
    }

    fn for_each(&self, mut each: impl FnMut(usize, u64)) {
        for entry in &self.counts {
            each((entry >> Self::COUNT_BITS) as usize, entry & Self::MAX_COUNT);
        }
    }
}

/// What does not change between folds of one histogram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) layout: Layout,
    /// Entries in a queue.
    pub(crate) queue: usize,
    /// How many recent samples the sink wants; less than `queue`.
    pub(crate) recent: usize,
}

impl Folder {
    /// Folds what is new of one slot; to be called for every slot that has a block.
    pub(crate) fn fold(
        &mut self,
        slot: usize,
        head: &Head,
        block: &Block,
        shape: &Shape,
        sink: &mut impl Sink,
    ) -> Folded {
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, SlotFolder::default);
        }
        let of = &mut self.slots[slot];
        let before = of.folded;
        self.scratch.clear();
        // Before the samples: none that came before a refusal is missing beside it.
        let rejected = head.rejected();
        of.fold(&Of { head, block, shape }, sink, &mut self.scratch);
        if !self.scratch.is_empty() {
            sink.recent(slot, &self.scratch);
        }
        self.folded = self.folded.wrapping_add(of.folded.wrapping_sub(before));
        Folded { epoch: of.folded.wrapping_add(rejected), rejected, uncertain: of.uncertain }
    }

    /// Samples folded since the beginning.
    pub(crate) fn folded(&self) -> u64 {
        self.folded
    }
}

impl std::ops::AddAssign for Folded {
    fn add_assign(&mut self, other: Self) {
        self.epoch = self.epoch.wrapping_add(other.epoch);
        self.rejected = self.rejected.wrapping_add(other.rejected);
        self.uncertain += other.uncertain;
    }
}

/// What a slot is folded from.
#[derive(Debug)]
struct Of<'a> {
    head: &'a Head,
    block: &'a Block,
    shape: &'a Shape,
}

impl SlotFolder {
    /// Leaves in `recent` the recent samples that are new.
    fn fold(&mut self, of: &Of<'_>, sink: &mut impl Sink, recent: &mut Vec<u64>) {
        let tail = of.head.tail();
        loop {
            let now = of.head.tail();
            if self.exact && now == self.folded {
                break;
            }
            if !(self.exact && self.fold_queue(of, now, sink, recent)) {
                self.fold_banks(of, sink, recent);
            }
            // Not so if what has been settled is the bank of an earlier flip.
            if self.folded >= tail {
                break;
            }
        }
        let surplus = recent.len().saturating_sub(of.shape.recent);
        recent.drain(..surplus);
    }

    /// The bank that the samples from `base` on are in.
    fn source(&self) -> usize {
        self.bank ^ usize::from(self.flipping)
    }

    /// Folds the queue's entries up to `tail`; `false` if not all of them could be had, or too much is remembered already.
    fn fold_queue(&mut self, of: &Of<'_>, tail: u64, sink: &mut impl Sink, recent: &mut Vec<u64>) -> bool {
        let new = tail - self.folded;
        if new >= of.shape.queue as u64 || self.remembered.counts.len() as u64 + new > REMEMBERED as u64 {
            return false;
        }
        let begin = recent.len();
        if of.block.copy_queue(of.head, self.folded, tail, recent) != self.folded {
            recent.truncate(begin);
            return false;
        }
        let mut sum = 0_u64;
        for &value in &recent[begin..] {
            let bucket = of.shape.layout.bucket(value);
            sink.add(bucket, 1);
            self.remembered.add(bucket, 1);
            sum = sum.wrapping_add(value);
        }
        sink.sum(sum);
        self.remembered.sum = self.remembered.sum.wrapping_add(sum);
        // Of these, some may have been handed over already, from the queue, before their bank's turn to be settled came.
        let given = self.recent.saturating_sub(self.folded).min(new) as usize;
        recent.drain(begin..begin + given);
        self.folded = tail;
        self.recent = self.recent.max(tail);
        true
    }

    fn fold_banks(&mut self, of: &Of<'_>, sink: &mut impl Sink, recent: &mut Vec<u64>) {
        if !self.flipping {
            self.bank ^= 1;
            self.flipping = true;
            of.block.flip(self.bank);
        }
        for _ in 0..BANK_LOOKS {
            spin_loop();
            if of.block.has_entered(self.bank) {
                return self.settle(of, sink, recent);
            }
        }
        for attempt in 1.. {
            let tail = of.head.tail();
            match self.scan(of, tail, sink, attempt >= BANK_SCANS) {
                Scan::Used => {
                    let from = tail.saturating_sub(of.shape.recent as u64);
                    self.copy_recent(of, from, tail, recent);
                    self.recent = tail;
                    return;
                }
                // The rest of what the tail counts is in the other bank.
                Scan::Less => return self.settle(of, sink, recent),
                Scan::More if of.block.has_entered(self.bank) => return self.settle(of, sink, recent),
                Scan::More => {}
            }
        }
    }

    /// Folds the source bank, which the writer has left for good, and clears it.
    fn settle(&mut self, of: &Of<'_>, sink: &mut impl Sink, recent: &mut Vec<u64>) {
        // First of all, since a busy writer overwrites them.
        let begin = recent.len();
        let first = if of.shape.recent == 0 {
            u64::MAX
        } else {
            // All that the queue holds, since it is not known yet how many of them came after the flip.
            let tail = of.head.tail();
            self.copy_recent(of, (tail + 1).saturating_sub(of.shape.queue as u64), tail, recent)
        };
        let bank = self.source();
        let sum = of.block.sum(bank);
        let mut samples = 0_u64;
        of.block.for_each_bucket(bank, |bucket, count| {
            samples += count;
            sink.add(bucket, count);
        });
        self.replace_remembered(Remembered::default(), sum, sink);
        of.block.clear(bank);
        self.base += samples;
        self.folded = self.base;
        self.exact = true;
        self.uncertain = 0;
        self.flipping = false;
        // Those after the flip are for the next fold.
        recent.truncate(begin + self.folded.saturating_sub(first) as usize);
        self.recent = self.recent.max(self.folded);
    }

    /// Reads the source bank as it stands, and uses the result if it adds up to `tail`, or if this is the `last` attempt and
    /// it holds no less, then noting how much more: what a writer that has not noticed the flip, or was stopped, is up to.
    fn scan(&mut self, of: &Of<'_>, tail: u64, sink: &mut impl Sink, last: bool) -> Scan {
        let bank = self.source();
        let mut scanned = Remembered { counts: Vec::new(), sum: of.block.sum(bank) };
        let mut samples = 0_u64;
        of.block.for_each_bucket(bank, |bucket, count| {
            samples += count;
            scanned.add(bucket, count);
        });
        let Some(more) = samples.checked_sub(tail - self.base) else {
            return Scan::Less;
        };
        if more != 0 && !last {
            return Scan::More;
        }
        scanned.for_each(|bucket, count| sink.add(bucket, count));
        // A copy takes what it needs; what the scan grew through is free again for the next one.
        scanned.counts = scanned.counts.as_slice().into();
        let sum = scanned.sum;
        self.replace_remembered(scanned, sum, sink);
        self.folded = tail;
        self.exact = more == 0;
        self.uncertain = more;
        Scan::Used
    }

    /// Takes off what was folded from the source bank before, now that all of it has been added, and adds what the sum grew.
    fn replace_remembered(&mut self, by: Remembered, sum: u64, sink: &mut impl Sink) {
        let before = std::mem::replace(&mut self.remembered, by);
        before.for_each(|bucket, count| sink.remove(bucket, count));
        sink.sum(sum.wrapping_sub(before.sum));
    }

    /// Appends the samples `from..to` that the sink has not been given, if it wants any. Returns the first.
    fn copy_recent(&self, of: &Of<'_>, from: u64, to: u64, recent: &mut Vec<u64>) -> u64 {
        if of.shape.recent == 0 {
            return to;
        }
        of.block.copy_queue(of.head, self.recent.max(from).min(to), to, recent)
    }
}

/// What became of a scan.
#[derive(Debug)]
enum Scan {
    /// It was used.
    Used,
    /// Not used: the bank holds less than the tail counts, so the writer has left it.
    Less,
    /// Not used: the writer was in it.
    More,
}
