//! How far a reader has read one slot, and how it goes on.
//!
//! **Less than a queue behind:** fold the queue's new entries, cost O(new). The bank has counted those samples too; their
//! buckets are remembered as [`Provisional`], to be subtracted when the bank is drained.
//!
//! **Overrun** (or too much is provisional): flip, unless a flip is already under way, then
//! - the writer has switched to the new bank, so it is done with the old one: add all of it, subtract what was folded from it
//!   before, clear it. Exact: precisely the samples of this slot up to the flip.
//! - it has not: the writer is idle, slow, or stopped inside a record. The old bank is scanned as it is. If it adds up to the
//!   tail, that is exact as well: every counter is at least what it was at that tail, so the total can be right only if each
//!   counter is. If it holds more, there are samples beyond the tail, one of a stopped writer or some of one that has not
//!   noticed the flip, and the sum may lack some. The scan is used nevertheless, since it holds writes
//!   that have returned, and the snapshot says how many samples are uncertain. The scan is provisional, and the next fold
//!   drains banks again.
//!
//! While a flip is under way, samples folded from the queue may be in either bank. Draining goes back to the flip, and the fold
//! goes on from there.
//!
//! **Sums** have 64 bits in a bank, and wrap. The buckets, and `large` for large values, say how often ([`widen`]); only a
//! large value costs the writer anything.
//!
//! The orderings are those of [`reader`](super::reader).

use super::accumulate::FoldTarget;
use super::bucket_layout::is_large;
use super::reader::BlockReader;
use crate::sync::spin_loop;
use crate::tuning::{BANK_CHECKS, BANK_SCANS, MAX_PROVISIONAL};

/// See the module's header.
#[derive(Debug, Default)]
pub(super) struct SlotCursor {
    /// The bank that the writer was told to use.
    bank: usize,
    /// The writer may still be in the other one.
    flipping: bool,
    /// The number of the first sample in the source bank ([`Self::source`]).
    base: u64,
    /// Samples folded.
    folded: u64,
    /// Samples that the last scan holds beyond the tail. Zero: `folded` is a prefix, and the queue may be continued there.
    uncertain: u64,
    /// What was folded from the queue or by the last scan, and is in a bank that has not been drained as well.
    provisional: Provisional,
    /// The first sample that the accumulator's recent samples do not have yet.
    recent: u64,
}

/// Samples by bucket, and the sum of their values.
#[derive(Debug, Default)]
struct Provisional {
    /// A bucket in the upper 24 bits, a count in the lower 40; a bucket may occur several times.
    counts: Vec<u64>,
    sum: u128,
}

impl Provisional {
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
            each(
                (entry >> Self::COUNT_BITS) as usize,
                entry & Self::MAX_COUNT,
            );
        }
    }
}

/// Hands every bucket of a bank to `each`. Returns how many samples they hold, and the sum of the bank's values.
fn read_bank(block: BlockReader<'_>, bank: usize, mut each: impl FnMut(usize, u64)) -> (u64, u128) {
    // Before the buckets, both.
    let (sum, mut floor) = (block.sum(bank), block.large(bank));
    let mut samples = 0_u64;
    block.for_each_bucket(bank, |bucket, count| {
        samples += count;
        floor = floor.wrapping_add(floor_of(block, bucket, count));
        each(bucket, count);
    });
    (samples, widen(sum, floor))
}

/// The least that the values of a bucket can add up to; large values are in [`BlockReader::large`].
fn floor_of(block: BlockReader<'_>, bucket: usize, count: u64) -> u128 {
    let low = block.config.layout.low(bucket);
    if is_large(low) {
        0
    } else {
        u128::from(low) * u128::from(count)
    }
}

/// A bank's sum. Its cell holds the lower 64 bits; the sum is the number with these bits that is nearest to `floor`, the least that
/// its values can add up to. Right while that is less than 2^63 off. Each value that is not large is off by less than a
/// 16th of itself with one digit, a 128th with two: together they reach 2^67, or 2^70. A large one is off by less than 2^48.
/// A sum that was read while samples were being recorded may lack some; it is still the nearest number.
pub(super) fn widen(sum: u64, floor: u128) -> u128 {
    let off = sum.wrapping_sub(floor as u64) as i64;
    floor.wrapping_add_signed(off.into())
}

/// The result of scanning a bank that its writer may still be in.
#[derive(Debug)]
enum Scan {
    /// The scan was folded.
    Accepted,
    /// Not folded: the bank holds less than the tail counts, so the writer has left it.
    WriterLeft,
    /// Not folded: the writer was in it.
    WriterActive,
}

impl SlotCursor {
    /// Samples folded so far.
    pub(super) fn folded(&self) -> u64 {
        self.folded
    }

    /// Samples folded beyond [`Self::folded`], which may be missing from the sum.
    pub(super) fn uncertain(&self) -> u64 {
        self.uncertain
    }

    /// Folds what is new, at least the samples before `until`, and leaves the new recent samples in `recent`. Unless a sample is
    /// uncertain afterwards, the fold is exact: it holds a prefix of the slot's samples.
    pub(super) fn fold(
        &mut self,
        block: BlockReader<'_>,
        until: u64,
        to: &mut impl FoldTarget,
        recent: &mut Vec<u64>,
    ) {
        while self.uncertain > 0 || self.folded < until {
            let tail = block.recorded();
            if !(self.uncertain == 0 && self.fold_queue(block, tail, to, recent)) {
                self.fold_banks(block, to, recent);
            }
            // Not yet, if the bank that was drained is the one of an earlier flip.
            if self.folded >= until {
                break;
            }
        }
        let surplus = recent.len().saturating_sub(block.config.recent as usize);
        recent.drain(..surplus);
    }

    /// The bank that is read next: during a flip the one that the writer is leaving, otherwise the one in use.
    fn source(&self) -> usize {
        self.bank ^ usize::from(self.flipping)
    }

    /// Folds the queue's entries up to `tail`. `false`: some were overwritten, or too much is provisional already.
    fn fold_queue(
        &mut self,
        block: BlockReader<'_>,
        tail: u64,
        to: &mut impl FoldTarget,
        recent: &mut Vec<u64>,
    ) -> bool {
        let new = tail - self.folded;
        if new >= u64::from(block.config.queue)
            || self.provisional.counts.len() as u64 + new > MAX_PROVISIONAL as u64
        {
            return false;
        }
        let begin = recent.len();
        if block.copy_queue(self.folded, tail, recent) != self.folded {
            recent.truncate(begin);
            return false;
        }
        let mut sum = 0_u128;
        for &value in &recent[begin..] {
            let bucket = block.config.layout.bucket(value);
            to.add(bucket, 1);
            self.provisional.add(bucket, 1);
            sum += u128::from(value);
        }
        to.add_sum(sum);
        self.provisional.sum = self.provisional.sum.wrapping_add(sum);
        // The accumulator may have some of the samples already: from the queue, before their bank was drained.
        let given = self.recent.saturating_sub(self.folded).min(new) as usize;
        recent.drain(begin..begin + given);
        self.folded = tail;
        self.recent = self.recent.max(tail);
        true
    }

    fn fold_banks(
        &mut self,
        block: BlockReader<'_>,
        to: &mut impl FoldTarget,
        recent: &mut Vec<u64>,
    ) {
        // Without memory for a second bank the first one is scanned, whatever the writer does in it.
        if !self.flipping && block.prepare(self.bank ^ 1) {
            self.bank ^= 1;
            self.flipping = true;
            block.flip(self.bank);
        }
        let has_switched =
            |cursor: &Self| cursor.flipping && block.writer_has_switched(cursor.bank);
        for _ in 0..BANK_CHECKS {
            spin_loop();
            if has_switched(self) {
                return self.drain_bank(block, to, recent);
            }
        }
        for attempt in 1.. {
            let tail = block.recorded();
            match self.scan(block, tail, to, attempt >= BANK_SCANS) {
                Scan::Accepted => {
                    let from = tail.saturating_sub(block.config.recent.into());
                    self.copy_recent(block, from, tail, recent);
                    self.recent = tail;
                    return;
                }
                // The rest of what the tail counts is in the other bank.
                Scan::WriterLeft => return self.drain_bank(block, to, recent),
                Scan::WriterActive if has_switched(self) => {
                    return self.drain_bank(block, to, recent);
                }
                Scan::WriterActive => {}
            }
        }
    }

    /// Folds the source bank, which the writer has left, and clears it.
    fn drain_bank(
        &mut self,
        block: BlockReader<'_>,
        to: &mut impl FoldTarget,
        recent: &mut Vec<u64>,
    ) {
        // First, since a busy writer overwrites them.
        let begin = recent.len();
        let first = self.copy_whole_queue(block, recent);
        let bank = self.source();
        let (samples, sum) = read_bank(block, bank, |bucket, count| to.add(bucket, count));
        self.replace_provisional(Provisional::default(), sum, to);
        block.clear(bank);
        self.base += samples;
        self.folded = self.base;
        self.uncertain = 0;
        self.flipping = false;
        // Those after the flip are for the next fold.
        recent.truncate(begin + self.folded.saturating_sub(first) as usize);
        self.recent = self.recent.max(self.folded);
    }

    /// Scans the source bank as it is. Folds the scan if it adds up to `tail`; or if this is the `last` attempt and it holds
    /// more, which is then uncertain: samples of a writer that has not noticed the flip, or was stopped.
    fn scan(
        &mut self,
        block: BlockReader<'_>,
        tail: u64,
        to: &mut impl FoldTarget,
        last: bool,
    ) -> Scan {
        let bank = self.source();
        let mut scanned = Provisional::default();
        let (samples, sum) = read_bank(block, bank, |bucket, count| scanned.add(bucket, count));
        scanned.sum = sum;
        let Some(more) = samples.checked_sub(tail - self.base) else {
            return Scan::WriterLeft;
        };
        if more != 0 && !last {
            return Scan::WriterActive;
        }
        scanned.for_each(|bucket, count| to.add(bucket, count));
        // A copy takes what it needs; the capacity that the scan grew to is free again for the next one.
        scanned.counts = scanned.counts.as_slice().into();
        let sum = scanned.sum;
        self.replace_provisional(scanned, sum, to);
        self.folded = tail;
        self.uncertain = more;
        Scan::Accepted
    }

    /// Subtracts what was folded from the source bank before, now that all of it was added, and adds what the sum grew by.
    fn replace_provisional(&mut self, by: Provisional, sum: u128, to: &mut impl FoldTarget) {
        let before = std::mem::replace(&mut self.provisional, by);
        before.for_each(|bucket, count| to.remove(bucket, count));
        to.add_sum(sum.wrapping_sub(before.sum));
    }

    /// Appends everything that the queue holds and the accumulator does not have, if it wants recent samples: it is not known yet
    /// how many came after the flip. Returns the first sample that was copied.
    fn copy_whole_queue(&self, block: BlockReader<'_>, recent: &mut Vec<u64>) -> u64 {
        if block.config.recent == 0 {
            return u64::MAX;
        }
        let tail = block.recorded();
        self.copy_recent(
            block,
            (tail + 1).saturating_sub(block.config.queue.into()),
            tail,
            recent,
        )
    }

    /// Appends the samples `from..to` that the accumulator does not have, if it wants recent samples. Returns the first.
    fn copy_recent(
        &self,
        block: BlockReader<'_>,
        from: u64,
        to: u64,
        recent: &mut Vec<u64>,
    ) -> u64 {
        if block.config.recent == 0 {
            return to;
        }
        block.copy_queue(self.recent.max(from).min(to), to, recent)
    }
}
