//! One thread's block and the fold that reads it.

use super::{Tally, assert_prefix, explore, shape};
use crate::block::{Block, Head};
use crate::fold::{Folder, Shape};
use loom::sync::Arc;
use loom::thread;

/// A block and its head.
struct Slot {
    head: Head,
    block: Block,
    shape: Shape,
}

impl Slot {
    fn record(&self, values: &[u64]) {
        for &value in values {
            if !self.block.record(&self.head, value) {
                self.block.record_any(&self.head, value);
            }
        }
    }

    /// Returns how many samples are uncertain.
    fn fold(&self, folder: &mut Folder, tally: &mut Tally) -> u64 {
        folder.fold(0, &self.head, &self.block, &self.shape, tally).uncertain
    }
}

/// What is recorded: `before` the race, with a fold after each part; `unread`, without; `meanwhile`, while a reader folds
/// `folds` times; and `AFTER` it. Each fold must be a prefix, successive ones never go back, and those after the join must
/// hold everything.
struct Race {
    queue: usize,
    before: &'static [&'static [u64]],
    unread: &'static [u64],
    meanwhile: &'static [u64],
    folds: usize,
    preemptions: usize,
}

/// Enough to overrun the queue twice, so that both banks are drained and what the race left in them shows.
const AFTER: [&[u64]; 4] = [&[], &[1, 2, 2], &[4, 1, 2], &[1]];

impl Race {
    fn run(&'static self, name: &str) {
        explore(name, self.preemptions, 50, move || {
            let slot = Arc::new(Slot {
                head: Head::default(),
                block: Block::new(shape(self.queue, 0).layout, self.queue),
                shape: shape(self.queue, 0),
            });
            let (mut folder, mut tally) = (Folder::default(), Tally::default());
            for part in self.before {
                slot.record(part);
                slot.fold(&mut folder, &mut tally);
            }
            slot.record(self.unread);
            let mut all = [&self.before.concat(), self.unread, self.meanwhile].concat();
            let mut held = all.len() - self.meanwhile.len();
            let writer = {
                let slot = Arc::clone(&slot);
                thread::spawn(move || slot.record(self.meanwhile))
            };
            let reader = {
                let (slot, all) = (Arc::clone(&slot), all.clone());
                thread::spawn(move || {
                    for _ in 0..self.folds {
                        let uncertain = slot.fold(&mut folder, &mut tally);
                        held = assert_prefix(&tally, uncertain, &all, held);
                    }
                    (folder, tally)
                })
            };
            writer.join().unwrap();
            let (mut folder, mut tally) = reader.join().unwrap();
            for part in AFTER {
                slot.record(part);
                all.extend(part);
                assert_eq!(slot.fold(&mut folder, &mut tally), 0, "the writer is done");
                assert_prefix(&tally, 0, &all, all.len());
            }
        });
    }
}

/// The reader keeps up: it folds from the queue. Fails with the tail Relaxed on either side, or published before the
/// queue's entry.
#[test]
fn record_races_a_fold() {
    const RACE: Race = Race { queue: 4, before: &[], unread: &[], meanwhile: &[1, 2], folds: 1, preemptions: 3 };
    RACE.run("block::record_races_a_fold");
}

/// A queue of two is overrun while it is copied, and the reader catches up. Fails with the queue's entry or the fence
/// Relaxed, or if an entry is taken for good while the tail is a whole queue ahead of it.
#[test]
fn lapped_and_catching_up() {
    const RACE: Race = Race { queue: 2, before: &[], unread: &[], meanwhile: &[1, 2, 3], folds: 1, preemptions: 2 };
    RACE.run("block::lapped_and_catching_up");
}

/// The reader is behind: it flips the banks and reads the one that the writer has left, or is about to leave. Fails with
/// the sum Relaxed on either side (a sum ahead of its buckets), with the tail published before the bucket, or if a bank is
/// taken for frozen before the writer was seen in the other.
#[test]
fn sum_never_ahead() {
    const RACE: Race =
        Race { queue: 2, before: &[&[1], &[]], unread: &[], meanwhile: &[3, 2, 2], folds: 1, preemptions: 3 };
    RACE.run("block::sum_never_ahead");
}

/// The reader has flipped; now it drains the bank that was left, clears it, and sends the writer back to it. Fails with
/// `current` Relaxed on either side: the writer continues counters that it does not see cleared.
#[test]
fn flip_back_and_forth() {
    const RACE: Race =
        Race { queue: 2, before: &[&[1, 2]], unread: &[], meanwhile: &[3, 2, 1], folds: 1, preemptions: 2 };
    RACE.run("block::flip_back_and_forth");
    const THERE: Race =
        Race { queue: 2, before: &[&[1, 2], &[2]], unread: &[], meanwhile: &[2, 2, 1], folds: 1, preemptions: 2 };
    THERE.run("block::flip_back_and_forth");
}

/// Zeroes leave no sum by which to tell that the writer has entered a bank. Fails if a fold ends once it has settled the bank of
/// an earlier flip.
#[test]
fn zeroes() {
    const RACE: Race = Race { queue: 2, before: &[&[0, 0]], unread: &[], meanwhile: &[0, 0], folds: 2, preemptions: 2 };
    RACE.run("block::zeroes");
    const ONE: Race =
        Race { queue: 2, before: &[&[1], &[]], unread: &[], meanwhile: &[3, 2, 0], folds: 1, preemptions: 3 };
    ONE.run("block::zeroes");
    // The queue gave a zero that is in the new bank; when the old one is settled, what is shown must not go back behind it.
    const BETWEEN: Race =
        Race { queue: 2, before: &[&[1, 1], &[0]], unread: &[0, 0], meanwhile: &[3], folds: 1, preemptions: 3 };
    BETWEEN.run("block::zeroes");
}

/// A counter overflows its lower half while its bank is scanned. Fails if halves of which one was read before the carry and
/// the other after it are put together as they are, in either direction.
#[test]
fn carry() {
    const RACE: Race = Race { queue: 2, before: &[], unread: &[1, 1, 1], meanwhile: &[1, 1], folds: 1, preemptions: 3 };
    RACE.run("block::carry");
    const TWICE: Race =
        Race { queue: 2, before: &[], unread: &[1, 1, 1, 1, 1, 1, 1], meanwhile: &[1], folds: 1, preemptions: 3 };
    TWICE.run("block::carry");
}

/// The reader had flipped and scanned while the writer was idle; now one record races a fold, which takes it from the queue
/// before the bank that was left is settled. Each recent sample is handed over once. Fails if what the queue gave already is
/// handed over again when a fold goes on behind the settled bank.
#[test]
fn recent_samples_come_once() {
    explore("block::recent_samples_come_once", 2, 20, || {
        let shape = shape(4, 2);
        let slot = Arc::new(Slot { head: Head::default(), block: Block::new(shape.layout, 4), shape });
        let (mut folder, mut tally) = (Folder::default(), Tally::default());
        slot.record(&[1, 1, 1, 2]);
        slot.fold(&mut folder, &mut tally);
        assert_eq!(tally.recent, [1, 2]);
        let writer = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || slot.record(&[3]))
        };
        let reader = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || {
                slot.fold(&mut folder, &mut tally);
                (folder, tally)
            })
        };
        writer.join().unwrap();
        let (mut folder, mut tally) = reader.join().unwrap();
        slot.record(&[1]);
        slot.fold(&mut folder, &mut tally);
        assert_eq!((tally.count(), tally.sum), (6, 9));
        assert_eq!(tally.recent, [1, 2, 3, 1], "handed over twice, or not at all");
    });
}
