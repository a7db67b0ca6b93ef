//! One thread's block, and the fold that reads it.

use super::{assert_prefix, config, explore, in_slot, record, recorder, spawn};
use crate::engine::histogram::block::OwnedBlocks;
use crate::engine::histogram::reader::BlockReader;
use crate::engine::histogram::writer::BlockWriter;
use crate::engine::readout::SnapshotSource;
use crate::engine::slot::owner::CurrentThread;
use loom::sync::Arc;

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
            let recorder = Arc::new(recorder(config(self.queue, 0)));
            for part in self.before {
                record(&recorder, 0, part);
                recorder.read_at(super::NOW);
            }
            record(&recorder, 0, self.unread);
            let mut all = [&self.before.concat(), self.unread, self.meanwhile].concat();
            let mut held = all.len() - self.meanwhile.len();
            let writer = spawn(&recorder, |recorder| record(recorder, 0, self.meanwhile));
            let reader = {
                let all = all.clone();
                spawn(&recorder, move |recorder| {
                    for _ in 0..self.folds {
                        held = assert_prefix(&recorder.read_at(super::NOW), &all, held);
                    }
                })
            };
            writer.join().unwrap();
            reader.join().unwrap();
            for part in AFTER {
                record(&recorder, 0, part);
                all.extend(part);
                let snapshot = recorder.read_at(super::NOW);
                assert_eq!(
                    snapshot.outcome.uncertain, 0,
                    "no writer is inside a record"
                );
                assert_prefix(&snapshot, &all, all.len());
            }
        });
    }
}

/// The reader keeps up: it folds from the queue. Fails with `recorded` Relaxed on either side, or published before the
/// queue's entry.
#[test]
fn record_races_a_fold() {
    const RACE: Race = Race {
        queue: 4,
        before: &[],
        unread: &[],
        meanwhile: &[1, 2],
        folds: 1,
        preemptions: 3,
    };
    RACE.run("block::record_races_a_fold");
}

/// A queue of two is overrun while it is copied, and the reader catches up. Fails with the queue's entry or the fence
/// Relaxed, or if an entry is taken for valid while the writer may be overwriting it.
#[test]
fn lapped_and_catching_up() {
    const RACE: Race = Race {
        queue: 2,
        before: &[],
        unread: &[],
        meanwhile: &[1, 2, 3],
        folds: 1,
        preemptions: 2,
    };
    RACE.run("block::lapped_and_catching_up");
}

/// The reader is behind: it flips the banks and reads the one that the writer has left, or is about to leave. Fails with
/// the sum Relaxed on either side (a sum ahead of its buckets), with `recorded` published before the bucket, or if a bank is
/// drained before the writer has switched to the other.
#[test]
fn sum_never_ahead() {
    const RACE: Race = Race {
        queue: 2,
        before: &[&[1], &[]],
        unread: &[],
        meanwhile: &[3, 2, 2],
        folds: 1,
        preemptions: 3,
    };
    RACE.run("block::sum_never_ahead");
}

/// What large values add up to is read before their buckets. Fails with `large` Relaxed on either side: a value is in it whose
/// bucket does not show yet.
#[test]
fn large_never_ahead() {
    const VALUE: u64 = 6;
    explore("block::large_never_ahead", 3, 5, || {
        let blocks = Arc::new(OwnedBlocks::default());
        let write = |blocks: &OwnedBlocks, samples: usize| {
            in_slot(0, |thread| {
                let config = config(2, 0);
                let writer = BlockWriter::find_or_create(blocks, thread.owner(), &config).unwrap();
                (0..samples)
                    .for_each(|_| assert!(writer.make_room(VALUE) && writer.try_record_any(VALUE)));
            });
        };
        write(&blocks, 1);
        let writer = spawn(&blocks, move |blocks| write(blocks, 2));
        let reader = spawn(&blocks, |blocks| {
            let config = config(2, 0);
            blocks.for_each(|block| {
                let block = BlockReader::new(block, &config);
                let (large, mut floor) = (block.large(0), 0);
                block.for_each_bucket(0, |_, count| floor += u128::from(count * VALUE));
                assert!(large <= floor, "{large} in values, {floor} in their bucket");
            });
        });
        writer.join().unwrap();
        reader.join().unwrap();
    });
}

/// The reader has flipped; now it drains the bank that was left, clears it, and sends the writer back to it. Fails with
/// `current` Relaxed on either side: the writer continues counters whose clearing it does not see.
#[test]
fn flip_back_and_forth() {
    const RACE: Race = Race {
        queue: 2,
        before: &[&[1, 2]],
        unread: &[],
        meanwhile: &[3, 2, 1],
        folds: 1,
        preemptions: 2,
    };
    RACE.run("block::flip_back_and_forth");
    const THERE: Race = Race {
        queue: 2,
        before: &[&[1, 2], &[2]],
        unread: &[],
        meanwhile: &[2, 2, 1],
        folds: 1,
        preemptions: 2,
    };
    THERE.run("block::flip_back_and_forth");
}

/// Zeroes leave no sum that shows that the writer has switched to a bank. Fails if a fold ends once it has drained the bank of
/// an earlier flip.
#[test]
fn zeroes() {
    const RACE: Race = Race {
        queue: 2,
        before: &[&[0, 0]],
        unread: &[],
        meanwhile: &[0, 0],
        folds: 2,
        preemptions: 2,
    };
    RACE.run("block::zeroes");
    const ONE: Race = Race {
        queue: 2,
        before: &[&[1], &[]],
        unread: &[],
        meanwhile: &[3, 2, 0],
        folds: 1,
        preemptions: 3,
    };
    ONE.run("block::zeroes");
    // The queue gave a zero that is in the new bank; when the old one is drained, the result must not go back behind it.
    const BETWEEN: Race = Race {
        queue: 2,
        before: &[&[1, 1], &[0]],
        unread: &[0, 0],
        meanwhile: &[3],
        folds: 1,
        preemptions: 3,
    };
    BETWEEN.run("block::zeroes");
}

/// A counter overflows its lower half while its bank is scanned. Fails if two halves, one read before the carry
/// and the other after it, are joined as they are, in either direction.
#[test]
fn carry() {
    const RACE: Race = Race {
        queue: 2,
        before: &[],
        unread: &[1, 1, 1],
        meanwhile: &[1, 1],
        folds: 1,
        preemptions: 3,
    };
    RACE.run("block::carry");
    const TWICE: Race = Race {
        queue: 2,
        before: &[],
        unread: &[1, 1, 1, 1, 1, 1, 1],
        meanwhile: &[1],
        folds: 1,
        preemptions: 3,
    };
    TWICE.run("block::carry");
}

/// The reader had flipped and scanned while the writer was idle; now one record races a fold, which takes it from the queue
/// before the bank that was left is drained. Each recent sample is handed over once. Fails if what came from the queue
/// already is handed over again when a fold goes on behind the drained bank.
#[test]
fn recent_samples_come_once() {
    explore("block::recent_samples_come_once", 2, 20, || {
        let recorder = Arc::new(recorder(config(4, 2)));
        record(&recorder, 0, &[1, 1, 1, 2]);
        assert_eq!(recorder.read_at(super::NOW).tally.recent, [1, 2]);
        let writer = spawn(&recorder, |recorder| record(recorder, 0, &[3]));
        let reader = spawn(&recorder, |recorder| {
            recorder.read_at(super::NOW);
        });
        writer.join().unwrap();
        reader.join().unwrap();
        record(&recorder, 0, &[1]);
        let tally = &recorder.read_at(super::NOW).tally;
        assert_eq!((tally.count(), tally.sum), (6, 9));
        assert_eq!(
            tally.recent,
            [1, 2, 3, 1],
            "handed over twice, or not at all"
        );
    });
}
