//! The block that threads share, and threads that get one of their own.

use super::{
    REJECTED, Snapshot, Tally, assert_prefix, config, explore, in_slot_hot, record, recorder_with,
    spawn,
};
use crate::engine::generation::Generation;
use crate::engine::histogram::Recorder;
use crate::engine::histogram::shared::SharedBlock;
use crate::engine::readout::SnapshotSource;
use crate::ownership::Ownership;
use crate::zeroed::{on_allocation, refuse_boxes};
use loom::sync::Arc;
use std::time::Duration;

fn shared() -> Arc<Recorder<Tally>> {
    Arc::new(recorder_with(config(2, 0), Ownership::Never))
}

fn read(recorder: &Recorder<Tally>) -> std::sync::Arc<Snapshot> {
    recorder.read_at(super::NOW)
}

/// Asserts that buckets and sum agree, if nothing is uncertain: 1, 2 and 4 have a bucket each.
fn assert_not_torn(snapshot: &Snapshot) {
    let [_, ones, twos, fours, ..] = snapshot.tally.buckets;
    if snapshot.outcome.uncertain == 0 {
        let sum = u128::from(ones + 2 * twos + 4 * fours);
        assert_eq!(snapshot.tally.sum, sum, "torn: {snapshot:?}");
    }
}

/// Two threads record while a reader reads: what it gets is not torn.
/// Fails with the sum or the tail Relaxed on either side, or if a record adds to the sum or the tail before its bucket.
#[test]
fn writers_beside_a_reader() {
    explore("shared::writers_beside_a_reader", 1, 100, || {
        let recorder = shared();
        record(&recorder, 0, &[1, 2]);
        let first = spawn(&recorder, |recorder| record(recorder, 0, &[1]));
        let second = spawn(&recorder, |recorder| record(recorder, 1, &[2]));
        let reader = spawn(&recorder, |recorder| {
            let snapshot = read(recorder);
            assert_not_torn(&snapshot);
            assert!(snapshot.tally.count() - snapshot.outcome.uncertain >= 2);
        });
        for side in [first, second, reader] {
            side.join().unwrap();
        }
        let last = read(&recorder);
        assert_eq!(
            (last.tally.buckets, last.tally.sum, last.outcome.uncertain),
            ([0, 2, 2, 0, 0, 0, 0, 0], 6, 0)
        );
    });
}

/// A thread records into an octave that a reader looks at, and that is touched already: what the reader does not see shows the next time. Fails if
/// the bucket's addition or the reader's fence is not sequentially consistent, or if the octave is touched before the bucket is added to.
#[test]
fn a_touched_octave_is_read() {
    explore("shared::a_touched_octave_is_read", 3, 100, || {
        let recorder = shared();
        record(&recorder, 0, &[2]);
        let writer = spawn(&recorder, |recorder| record(recorder, 0, &[2]));
        let reader = spawn(&recorder, |recorder| {
            let snapshot = read(recorder);
            assert_not_torn(&snapshot);
            assert!(snapshot.tally.buckets[2] >= 1);
        });
        writer.join().unwrap();
        reader.join().unwrap();
        let last = read(&recorder);
        let held = (
            last.tally.buckets[2],
            last.tally.sum,
            last.outcome.uncertain,
        );
        assert_eq!(held, (2, 4, 0));
    });
}

/// Two threads record into different octaves while a reader reads; only one octave was touched before. Fails if the reader takes the
/// touched octaves before it loads the tail.
#[test]
fn octaves_are_taken_after_the_tail() {
    explore("shared::octaves_are_taken_after_the_tail", 2, 100, || {
        let recorder = shared();
        // Makes the octaves, and touches one.
        record(&recorder, 0, &[2, 4]);
        read(&recorder);
        record(&recorder, 0, &[2]);
        let writers = [(0, 4), (1, 2)].map(|(slot, value)| {
            spawn(&recorder, move |recorder| record(recorder, slot, &[value]))
        });
        assert_not_torn(&read(&recorder));
        for writer in writers {
            writer.join().unwrap();
        }
        let last = read(&recorder);
        assert_not_torn(&last);
        assert_eq!((last.tally.count(), last.outcome.uncertain), (5, 0));
    });
}

/// Two threads are the first to record, into the same octave. Fails with an octave's pointer Relaxed, wherever it is loaded or installed.
#[test]
fn two_make_an_octave() {
    explore("shared::two_make_an_octave", 2, 100, || {
        let recorder = shared();
        let writers =
            [0, 1].map(|slot| spawn(&recorder, move |recorder| record(recorder, slot, &[2])));
        for writer in writers {
            writer.join().unwrap();
        }
        let last = read(&recorder);
        assert_eq!((last.tally.buckets[2], last.tally.sum), (2, 4));
    });
}

/// Two threads are the first to record, into octaves that want the same place: one of them gets it. Fails if it is taken without an exchange.
#[test]
fn two_take_a_place() {
    explore("shared::two_take_a_place", 3, 100, || {
        let recorder = shared();
        let writers = [(0, 2), (1, 4)].map(|(slot, value)| {
            spawn(&recorder, move |recorder| record(recorder, slot, &[value]))
        });
        for writer in writers {
            writer.join().unwrap();
        }
        let last = read(&recorder);
        assert_not_torn(&last);
        assert_eq!((last.tally.count(), last.tally.sum), (2, 6));
    });
}

/// What large values add up to is read before their buckets. Fails with `large` Relaxed on either side.
#[test]
fn large_never_ahead() {
    const VALUE: u64 = 6;
    explore("shared::large_never_ahead", 3, 5, || {
        let layout = config(2, 0).layout;
        let block = Arc::new(SharedBlock::new(&layout));
        assert!(block.make_room(VALUE, &layout));
        let writer = spawn(&block, move |block| {
            (0..2).for_each(|_| assert!(block.try_record(VALUE, &layout)));
        });
        let reader = spawn(&block, move |block| {
            let bank = block.bank_at(0).unwrap();
            let large = bank.large();
            let mut counts = Vec::new();
            assert!(bank.read_octave(layout.octave(layout.bucket(VALUE)), &mut counts));
            let floor = u128::from(counts[0] * VALUE);
            assert!(large <= floor, "{large} in values, {floor} in their bucket");
        });
        writer.join().unwrap();
        reader.join().unwrap();
    });
}

/// A count carries while it is read. Fails if the upper half is not raised.
#[test]
fn carry() {
    explore("shared::carry", 2, 100, || {
        let recorder = shared();
        record(&recorder, 0, &[1, 1]);
        let writer = spawn(&recorder, move |recorder| record(recorder, 0, &[1, 1]));
        let reader = spawn(&recorder, |recorder| assert_not_torn(&read(recorder)));
        writer.join().unwrap();
        reader.join().unwrap();
        let carried = read(&recorder);
        assert_eq!(
            (carried.tally.buckets[1], carried.outcome.uncertain),
            (4, 0)
        );
        record(&recorder, 0, &[1; 5]);
        let last = read(&recorder);
        assert_eq!((last.tally.buckets[1], last.tally.sum), (9, 9));
    });
}

/// A thread records, then rejects. Fails if a reader loads the rejections Relaxed, or after the samples.
#[test]
fn a_rejection_after_a_sample() {
    for is_read in [false, true] {
        explore("shared::a_rejection_after_a_sample", 3, 20, move || {
            let recorder = shared();
            record(&recorder, 1, &[2]);
            // The reader either has something to fold, whatever it sees of the writer, or trusts what it sees, and has no bank to send
            // the writer to.
            let read = move |recorder: &Recorder<Tally>| {
                if is_read {
                    refuse_boxes();
                }
                read(recorder)
            };
            if is_read {
                read(&recorder);
            }
            let writer = spawn(&recorder, |recorder| record(recorder, 0, &[1, REJECTED]));
            let reader = spawn(&recorder, move |recorder| {
                let tally = &read(recorder).tally;
                assert!(
                    tally.rejected <= tally.buckets[1],
                    "rejected first: {tally:?}"
                );
            });
            writer.join().unwrap();
            reader.join().unwrap();
            let tally = &read(&recorder).tally;
            assert_eq!((tally.rejected, tally.count()), (1, 2));
        });
    }
}

/// A thread gets a block of its own while a reader reads: what the reader gets is a prefix of what the thread wrote. Fails if the
/// shared block is read before the owned ones.
#[test]
fn promoted_beside_a_reader() {
    const VALUES: [u64; 5] = [1, 2, 1, 2, 1];
    const BEFORE: usize = 3;
    explore("shared::promoted_beside_a_reader", 2, 50, || {
        let recorder = Arc::new(recorder_with(config(4, 0), Ownership::Adaptive));
        let record = |recorder: &Recorder<Tally>, values: &[u64]| {
            in_slot_hot(0, |thread| {
                for value in values {
                    recorder.record(thread, *value);
                }
            });
        };
        record(&recorder, &VALUES[..BEFORE]);
        let writer = spawn(&recorder, move |recorder| {
            record(recorder, &VALUES[BEFORE..])
        });
        let reader = spawn(&recorder, |recorder| {
            let held = assert_prefix(&read(recorder), &VALUES, BEFORE);
            assert_prefix(&read(recorder), &VALUES, held);
        });
        writer.join().unwrap();
        reader.join().unwrap();
        let last = read(&recorder);
        assert_prefix(&last, &VALUES, VALUES.len());
        assert_eq!(last.outcome.uncertain, 0);
    });
}

/// An allocator that records: while a thread makes an octave, its allocator records into the same octave, and a reader reads. In a block of
/// its own and in the shared one. Fails if a record goes on with what it loaded before the allocation.
#[test]
fn an_allocation_that_records() {
    for ownership in [Ownership::Always, Ownership::Never] {
        explore("shared::an_allocation_that_records", 2, 20, move || {
            let recorder = Arc::new(recorder_with(config(2, 0), ownership));
            record(&recorder, 0, &[1]);
            let hooked = Arc::clone(&recorder);
            let writer = spawn(&recorder, move |recorder| {
                on_allocation(move || record(&hooked, 0, &[2]));
                record(recorder, 0, &[3]);
            });
            let reader = spawn(&recorder, |recorder| {
                assert_prefix(&read(recorder), &[1, 2, 3], 1);
            });
            writer.join().unwrap();
            reader.join().unwrap();
            assert_prefix(&read(&recorder), &[1, 2, 3], 3);
        });
    }
}

/// A thread records while a reader reads twice, and each read sends writers to the other bank: both get a prefix, but for what is uncertain.
/// Fails with `late` Relaxed on either side, if a late record does not count as such, or if readers do not ask.
#[test]
fn reads_that_flip() {
    explore("shared::reads_that_flip", 2, 100, || {
        let recorder = shared();
        // Makes the octaves.
        record(&recorder, 0, &[2, 4]);
        let writer = spawn(&recorder, |recorder| record(recorder, 0, &[2, 4]));
        let reader = spawn(&recorder, |recorder| {
            for read_before in [false, true] {
                if read_before {
                    // Gives the read something to fold.
                    record(recorder, 1, &[REJECTED]);
                }
                let snapshot = read(recorder);
                assert_not_torn(&snapshot);
                // What is uncertain aside, it is a prefix.
                let [_, _, twos, fours, ..] = snapshot.tally.buckets;
                let certain = twos + fours - snapshot.outcome.uncertain;
                assert!(certain >= 2 && (certain == 2 || twos == 2), "{snapshot:?}");
            }
        });
        writer.join().unwrap();
        reader.join().unwrap();
        assert_prefix(&read(&recorder), &[2, 4, 2, 4], 4);
    });
}

/// Two threads record while a reset runs, the second one of the histogram, so that the banks are flipped back. What it returned and what
/// is left add up, neither is torn, and what was recorded before the call was returned. Fails if a bank is cut that does not add up.
#[test]
fn a_reset_beside_writers() {
    for resets_before in [0, 1] {
        explore("shared::a_reset_beside_writers", 1, 100, move || {
            let recorder = shared();
            record(&recorder, 0, &[1]);
            let generation = Generation::default();
            for _ in 0..resets_before {
                recorder.reset(Duration::ZERO, &generation);
                record(&recorder, 0, &[1]);
            }
            // Without a reset before, the first one also makes the other bank: one writer leaves executions enough.
            let writers: &[(usize, &[u64])] = match resets_before {
                0 => &[(0, &[2, 4])],
                _ => &[(0, &[2]), (1, &[4])],
            };
            let writers = writers
                .iter()
                .map(|(slot, values)| spawn(&recorder, |recorder| record(recorder, *slot, values)));
            let writers: Vec<_> = writers.collect();
            let reset = spawn(&recorder, |recorder| {
                recorder.reset(Duration::ZERO, &Generation::default())
            });
            for writer in writers {
                writer.join().unwrap();
            }
            let (forgotten, rest) = (reset.join().unwrap(), read(&recorder));
            for side in [&forgotten, &*rest] {
                assert_eq!(side.outcome.uncertain, 0);
                assert_not_torn(side);
            }
            assert_eq!(forgotten.tally.buckets[1], 1, "recorded before the call");
            assert_eq!(forgotten.tally.count() + rest.tally.count(), 3);
            assert_eq!(forgotten.tally.sum + rest.tally.sum, 7);
        });
    }
}

/// A thread is promoted while a reset runs: what is returned is a prefix of what it recorded, and with the rest it is everything. Fails if
/// what a reset returned is left as well.
#[test]
fn a_reset_beside_a_promotion() {
    explore("shared::a_reset_beside_a_promotion", 2, 50, || {
        let recorder = Arc::new(recorder_with(config(4, 0), Ownership::Adaptive));
        in_slot_hot(0, |thread| {
            (0..3).for_each(|_| recorder.record(thread, 1));
        });
        let writer = spawn(&recorder, |recorder| {
            in_slot_hot(0, |thread| {
                recorder.record(thread, 2);
                recorder.record(thread, 4);
            });
        });
        let reset = spawn(&recorder, |recorder| {
            recorder.reset(Duration::ZERO, &Generation::default())
        });
        writer.join().unwrap();
        let (forgotten, rest) = (reset.join().unwrap(), read(&recorder));
        let [_, ones, twos, fours, ..] = forgotten.tally.buckets;
        assert!(
            ones == 3 && twos >= fours,
            "no prefix, or not what was recorded before: {forgotten:?}"
        );
        assert_not_torn(&forgotten);
        assert_eq!(forgotten.tally.count() + rest.tally.count(), 5);
        assert_eq!(forgotten.tally.sum + rest.tally.sum, 9);
    });
}
