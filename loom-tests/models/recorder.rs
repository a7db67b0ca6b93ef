//! A whole histogram: several threads' blocks, the shared snapshot, reset.

use super::{assert_prefix, explore, read, record, recorder, slot};
use crate::cells::{CellId, Cells};
use crate::resets::Resets;
use crate::ring::Ring;
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

/// A reset while another reader, who caches something derived from the snapshot, asks for the count of resets and then for
/// the snapshot. If it has seen the reset it gets the empty one, or it would keep the old one as current. Fails with the
/// count Relaxed on either side, or if it is raised before the empty snapshot is published.
#[test]
fn a_reset_is_seen() {
    explore("recorder::a_reset_is_seen", 3, 20, || {
        let (recorder, resets) = (Arc::new(recorder(4)), Arc::new(Resets::default()));
        record(&recorder, slot(0), 1);
        assert_eq!(read(&recorder).tally.count(), 1);
        let reset = {
            let (recorder, resets) = (Arc::clone(&recorder), Arc::clone(&resets));
            thread::spawn(move || {
                recorder.try_reset(std::time::Duration::ZERO).expect("nobody is inside of a record");
                resets.count();
            })
        };
        let reader = {
            let (recorder, resets) = (Arc::clone(&recorder), Arc::clone(&resets));
            thread::spawn(move || {
                let seen = resets.seen();
                let snapshot = read(&recorder);
                assert!(seen == 0 || snapshot.tally.count() == 0, "after the reset: {snapshot:?}");
            })
        };
        reset.join().unwrap();
        reader.join().unwrap();
        assert_eq!((resets.seen(), read(&recorder).tally.count()), (1, 0));
    });
}

/// A thread counts A, adds to B's throughput, then records into C and D; a reader reads them the other way round, as a registry
/// does. It never sees more of a later one than of an earlier one. D's queue is overrun, so that it is its banks that are
/// read; and C refuses a value after the first. Fails with a cell, a total, a tail or the refusals Relaxed on either side, if
/// A is read before B, or the samples before the refusals.
#[test]
fn a_before_b() {
    explore("recorder::a_before_b", 2, 100, || {
        let a = CellId::new(0);
        let all = Arc::new((Cells::default(), Ring::default(), recorder(4), recorder(2)));
        all.0.touch(slot(0), a, 0);
        record(&all.2, slot(0), 1);
        (0..2).for_each(|_| record(&all.3, slot(0), 1));
        let writer = {
            let all = Arc::clone(&all);
            thread::spawn(move || {
                assert!(all.0.add(slot(0), a, 1));
                all.1.add(1, 1);
                record(&all.2, slot(0), 1);
                all.2.blocks().near(slot(0)).expect("it was touched").0.reject();
                record(&all.3, slot(0), 1);
            })
        };
        let reader = {
            let all = Arc::clone(&all);
            thread::spawn(move || {
                let d = read(&all.3);
                let c = read(&all.2);
                // Those of the writer; the first was there before it.
                let (c, refused) = (c.tally.count() - 1, c.folded.rejected);
                let b = all.1.total();
                let a = all.0.value(a);
                assert!(b <= a, "{b} of B, {a} of A");
                assert!(c <= b, "{c} of C, {b} of B");
                let certain = d.tally.count() - d.folded.uncertain;
                assert!(certain <= 2 + c, "{certain} of D, the first two aside, {c} of C");
                assert!(refused <= c, "{refused} refused after {c} of C");
            })
        };
        writer.join().unwrap();
        reader.join().unwrap();
    });
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
