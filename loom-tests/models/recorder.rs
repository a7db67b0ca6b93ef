//! A whole histogram: several threads' blocks, the shared snapshot, reset.

use super::{assert_prefix, explore, read, record, recorder, slot};
use crate::sync::{Acquire, AtomicBool, Release};
use loom::sync::Arc;
use loom::thread;

/// Two writers and a reader. A snapshot holds of each thread a prefix; here each thread has a bucket of its own, so the
/// buckets tell. The last read holds everything.
#[test]
fn two_writers_and_a_reader() {
    explore("recorder::two_writers_and_a_reader", 2, 100, || {
        let recorder = Arc::new(recorder(2));
        let write = |by: usize, value: u64| {
            let recorder = Arc::clone(&recorder);
            thread::spawn(move || record(&recorder, slot(by), value))
        };
        let writers = [write(0, 1), write(1, 2)];
        let reader = {
            let recorder = Arc::clone(&recorder);
            thread::spawn(move || {
                let snapshot = read(&recorder);
                let tally = &snapshot.tally;
                assert!(tally.count() <= 2);
                if snapshot.folded.uncertain == 0 {
                    assert_eq!(tally.sum, tally.buckets[1] + 2 * tally.buckets[2], "torn: {tally:?}");
                }
            })
        };
        for writer in writers {
            writer.join().unwrap();
        }
        reader.join().unwrap();
        let last = read(&recorder);
        assert_eq!((last.tally.count(), last.tally.sum, last.folded.uncertain), (2, 3, 0));
    });
}

/// A thread records, then reads: its own write is there, also when the read is a hit on what another reader published
/// meanwhile. Two slots, folded in either order. Fails if the tails are compared before the published snapshot is loaded,
/// or if that load is Relaxed.
#[test]
fn read_your_write_through_a_hit() {
    for (mine, other) in [(0, 1), (1, 0)] {
        explore("recorder::read_your_write_through_a_hit", 2, 100, move || {
            let recorder = Arc::new(recorder(4));
            record(&recorder, slot(0), 1);
            record(&recorder, slot(1), 1);
            let writer = {
                let recorder = Arc::clone(&recorder);
                thread::spawn(move || {
                    record(&recorder, slot(mine), 2);
                    let snapshot = read(&recorder);
                    assert!(snapshot.tally.buckets[2] >= 1, "own write missing: {snapshot:?}");
                })
            };
            let reader = {
                let recorder = Arc::clone(&recorder);
                thread::spawn(move || {
                    record(&recorder, slot(other), 1);
                    let snapshot = read(&recorder);
                    assert!(snapshot.tally.count() >= 3, "own write missing: {snapshot:?}");
                })
            };
            writer.join().unwrap();
            reader.join().unwrap();
        });
    }
}

/// A write lands while another thread rebuilds: it is never marked clean. After the join the snapshot shows it. Fails if a
/// snapshot carries the tails as they are after the fold rather than those that were folded.
#[test]
fn write_during_a_rebuild() {
    explore("recorder::write_during_a_rebuild", 3, 50, || {
        let recorder = Arc::new(recorder(4));
        record(&recorder, slot(0), 1);
        let writer = {
            let recorder = Arc::clone(&recorder);
            thread::spawn(move || record(&recorder, slot(0), 2))
        };
        let reader = {
            let recorder = Arc::clone(&recorder);
            thread::spawn(move || read(&recorder).tally.count())
        };
        writer.join().unwrap();
        assert!(reader.join().unwrap() >= 1);
        let snapshot = read(&recorder);
        assert_prefix(&snapshot.tally, snapshot.folded.uncertain, &[1, 2], 2);
        assert!(std::sync::Arc::ptr_eq(&snapshot, &read(&recorder)), "nothing changed, so the same snapshot");
    });
}

/// A reset races a record, with the queue kept up with and overrun. What the reset returned and what is read afterwards
/// add up: nothing is in both, nothing in neither, nor a sample's bucket here and its value there. Fails if a reset accepts
/// an uncertain fold.
#[test]
fn reset_races_a_write() {
    for (queue, before) in [(4, 1), (2, 2)] {
        explore("recorder::reset_races_a_write", 2, 100, move || {
            let recorder = Arc::new(recorder(queue));
            (0..before).for_each(|_| record(&recorder, slot(0), 1));
            let writer = {
                let recorder = Arc::clone(&recorder);
                thread::spawn(move || {
                    record(&recorder, slot(0), 2);
                    record(&recorder, slot(0), 4);
                })
            };
            let reset = {
                let recorder = Arc::clone(&recorder);
                thread::spawn(move || recorder.try_reset(std::time::Duration::ZERO))
            };
            writer.join().unwrap();
            let forgotten = reset.join().unwrap();
            let rest = read(&recorder);
            assert_eq!(rest.folded.uncertain, 0);
            let sides = [forgotten.map(|snapshot| snapshot.tally).unwrap_or_default(), rest.tally.clone()];
            for side in &sides {
                let [_, ones, twos, fours, ..] = side.buckets;
                assert_eq!(side.sum, ones + 2 * twos + 4 * fours, "half a sample on either side: {sides:?}");
            }
            assert_eq!(sides[0].count() + sides[1].count(), before + 2, "{sides:?}");
            assert_eq!(sides[0].sum + sides[1].sum, before + 6, "{sides:?}");
        });
    }
}

/// A thread ends and another continues its slot, while a reader folds. The new owner's first record sees the old owner's
/// last one. (That the claim orders the two is modelled in `slots::hand_over`; a flag stands in for it here.)
#[test]
fn hand_over_of_a_block() {
    explore("recorder::hand_over_of_a_block", 2, 100, || {
        let recorder = Arc::new(recorder(2));
        let given_back = Arc::new(AtomicBool::new(false));
        let first = {
            let (recorder, given_back) = (Arc::clone(&recorder), Arc::clone(&given_back));
            thread::spawn(move || {
                record(&recorder, slot(0), 1);
                given_back.store(true, Release);
            })
        };
        let second = {
            let recorder = Arc::clone(&recorder);
            thread::spawn(move || {
                let mine = given_back.load(Acquire);
                if mine {
                    record(&recorder, slot(0), 2);
                }
                mine
            })
        };
        let reader = {
            let recorder = Arc::clone(&recorder);
            thread::spawn(move || {
                let snapshot = read(&recorder);
                assert_prefix(&snapshot.tally, snapshot.folded.uncertain, &[1, 2], 0);
            })
        };
        first.join().unwrap();
        let both = second.join().unwrap();
        reader.join().unwrap();
        let snapshot = read(&recorder);
        assert_prefix(&snapshot.tally, snapshot.folded.uncertain, &[1, 2], 1 + usize::from(both));
    });
}
