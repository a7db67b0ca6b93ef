//! A whole histogram: several threads' blocks, the shared snapshot, reset.

use super::{
    Metrics, ModelThread, REJECTED, Snapshot, assert_prefix, claiming, config, explore, in_slot,
    record, recorder, recorder_of, spawn, tracker_of,
};
use crate::engine::family::dirty::DirtyBit;
use crate::engine::generation::Generation;
use crate::engine::histogram::Recorder;
use crate::engine::read_order::{Group, ReadCache};
use crate::engine::readout::{GroupRead, SnapshotSource};
use crate::engine::slot::claims::SlotClaims;
use crate::ownership::Ownership;
use loom::sync::Arc;
use std::time::Duration;

type Tallied = Recorder<super::Tally>;

/// Asserts that each sample of a snapshot that says nothing of uncertain ones is in the sum: the values are 1, 2 and 4, which
/// have a bucket each.
fn assert_not_torn(snapshot: &Snapshot) {
    let [_, ones, twos, fours, ..] = snapshot.tally.buckets;
    if snapshot.outcome.uncertain == 0 {
        assert_eq!(
            snapshot.tally.sum,
            u128::from(ones + 2 * twos + 4 * fours),
            "torn: {snapshot:?}"
        );
    }
}

/// Two writers and a reader. A snapshot holds of each thread a prefix; here each thread has a bucket of its own, so the
/// buckets tell. The last read holds everything.
#[test]
fn two_writers_and_a_reader() {
    explore("recorder::two_writers_and_a_reader", 2, 100, || {
        let recorder = Arc::new(recorder(config(2, 0)));
        let writers = [0, 1].map(|slot| {
            spawn(&recorder, move |recorder| {
                record(recorder, slot, &[slot as u64 + 1])
            })
        });
        let reader = spawn(&recorder, |recorder| {
            let snapshot = recorder.read_at(super::NOW);
            assert!(snapshot.tally.count() <= 2);
            assert_not_torn(&snapshot);
        });
        for writer in writers {
            writer.join().unwrap();
        }
        reader.join().unwrap();
        let last = recorder.read_at(super::NOW);
        assert_eq!(
            (last.tally.count(), last.tally.sum, last.outcome.uncertain),
            (2, 3, 0)
        );
    });
}

/// A thread records, then reads: its own write is there, also when the read is a hit on what another reader published
/// meanwhile. Two slots, folded in either order. Fails if the tails are compared before the published snapshot is loaded,
/// or if that load is Relaxed.
#[test]
fn read_your_write_through_a_hit() {
    for (mine, other) in [(0, 1), (1, 0)] {
        explore(
            "recorder::read_your_write_through_a_hit",
            2,
            100,
            move || {
                let recorder = Arc::new(recorder(config(4, 0)));
                record(&recorder, 0, &[1]);
                record(&recorder, 1, &[1]);
                let writer = spawn(&recorder, move |recorder| {
                    record(recorder, mine, &[2]);
                    let snapshot = recorder.read_at(super::NOW);
                    assert!(
                        snapshot.tally.buckets[2] >= 1,
                        "own write missing: {snapshot:?}"
                    );
                });
                let reader = spawn(&recorder, move |recorder| {
                    record(recorder, other, &[1]);
                    let snapshot = recorder.read_at(super::NOW);
                    assert!(
                        snapshot.tally.count() >= 3,
                        "own write missing: {snapshot:?}"
                    );
                });
                writer.join().unwrap();
                reader.join().unwrap();
            },
        );
    }
}

/// A write lands while another thread rebuilds: it is never marked clean. After the join the snapshot shows it. Fails if a
/// snapshot carries the tails as they are after the fold rather than those that were folded.
#[test]
fn write_during_a_rebuild() {
    explore("recorder::write_during_a_rebuild", 3, 50, || {
        let recorder = Arc::new(recorder(config(4, 0)));
        record(&recorder, 0, &[1]);
        let writer = spawn(&recorder, |recorder| record(recorder, 0, &[2]));
        let reader = spawn(&recorder, |recorder| {
            recorder.read_at(super::NOW).tally.count()
        });
        writer.join().unwrap();
        assert!(reader.join().unwrap() >= 1);
        let snapshot = recorder.read_at(super::NOW);
        assert_prefix(&snapshot, &[1, 2], 2);
        assert!(
            std::sync::Arc::ptr_eq(&snapshot, &recorder.read_at(super::NOW)),
            "nothing changed, so the same snapshot"
        );
    });
}

/// A reset races a record, with the queue kept up with and overrun. What the reset returned and what is read afterwards
/// add up: nothing is in both, nothing in neither, nor a sample's bucket here and its value there. Fails if a slot is cut
/// although a sample is uncertain, or if a reset that is given up loses what it has folded.
#[test]
fn reset_races_a_write() {
    for (queue, before) in [(4, 1), (2, 2)] {
        explore("recorder::reset_races_a_write", 2, 100, move || {
            let recorder = Arc::new(recorder(config(queue, 0)));
            (0..before).for_each(|_| record(&recorder, 0, &[1]));
            record(&recorder, 0, &[REJECTED]);
            let writer = spawn(&recorder, |recorder| record(recorder, 0, &[2, 4]));
            let reset = spawn(&recorder, |recorder| {
                recorder.try_reset(Duration::ZERO, &Generation::default())
            });
            writer.join().unwrap();
            let forgotten = reset.join().unwrap();
            let rest = recorder.read_at(super::NOW);
            assert_eq!(rest.outcome.uncertain, 0);
            assert_not_torn(&rest);
            forgotten.iter().for_each(assert_not_torn);
            let forgotten = forgotten.map(|snapshot| snapshot.tally).unwrap_or_default();
            assert_eq!(
                forgotten.count() + rest.tally.count(),
                before + 2,
                "{forgotten:?} {rest:?}"
            );
            assert_eq!(
                forgotten.sum + rest.tally.sum,
                u128::from(before + 6),
                "{forgotten:?} {rest:?}"
            );
            assert_eq!(forgotten.rejected + rest.tally.rejected, 1);
        });
    }
}

/// A histogram, and how often it was reset.
struct Resettable {
    recorder: Tallied,
    generation: Generation,
}

/// A reset, while another thread, which caches something derived from the snapshot, reads the generation and then the snapshot.
/// If the generation counts the reset, the snapshot is the empty one; otherwise the thread would keep the old one as current.
/// Fails with the generation Relaxed on either side, or if it is bumped before the empty snapshot is published.
#[test]
fn a_reset_is_seen() {
    explore("recorder::a_reset_is_seen", 3, 20, || {
        let shared = Resettable {
            recorder: recorder(config(4, 0)),
            generation: Generation::default(),
        };
        let shared = Arc::new(shared);
        record(&shared.recorder, 0, &[1]);
        assert_eq!(shared.recorder.read_at(super::NOW).tally.count(), 1);
        let reset = spawn(&shared, |shared| {
            shared
                .recorder
                .try_reset(Duration::ZERO, &shared.generation)
                .expect("no writer is inside a record");
        });
        let reader = spawn(&shared, |shared| {
            let generation = shared.generation.get();
            let snapshot = shared.recorder.read_at(super::NOW);
            assert!(
                generation == 0 || snapshot.tally.count() == 0,
                "after the reset: {snapshot:?}"
            );
        });
        reset.join().unwrap();
        reader.join().unwrap();
        assert_eq!(
            (
                shared.generation.get(),
                shared.recorder.read_at(super::NOW).tally.count()
            ),
            (1, 0)
        );
    });
}

/// Two threads record over queues that were overrun while a reset cuts their slots, each at its own moment. The reset returns at
/// least what was recorded before it; what it returned and what is left add up in each slot. Fails if a slot is cut at what was
/// folded before the reset, or if an uncertain one is cut.
#[test]
fn a_reset_cuts_each_slot_by_itself() {
    explore("recorder::a_reset_cuts_each_slot_by_itself", 2, 100, || {
        let recorder = Arc::new(recorder(config(2, 0)));
        record(&recorder, 0, &[1, 1]);
        record(&recorder, 1, &[2, 2]);
        let writers = [0, 1].map(|slot| {
            spawn(&recorder, move |recorder| {
                record(recorder, slot, &[slot as u64 + 1])
            })
        });
        let reset = spawn(&recorder, |recorder| {
            recorder.reset(Duration::ZERO, &Generation::default())
        });
        for writer in writers {
            writer.join().unwrap();
        }
        let (forgotten, rest) = (reset.join().unwrap(), recorder.read_at(super::NOW));
        for side in [&forgotten, &rest] {
            assert_eq!(side.outcome.uncertain, 0);
            assert_not_torn(side);
        }
        for slot in [1, 2] {
            let sides = [&forgotten, &rest].map(|side| side.tally.buckets[slot]);
            assert!(sides[0] >= 2, "left behind: {forgotten:?} {rest:?}");
            assert_eq!(sides[0] + sides[1], 3, "{forgotten:?} {rest:?}");
        }
    });
}

/// A reader reads twice while a reset waits for a thread that records. It sees everything, or what came after the reset; and never
/// less than before unless the reset is complete. Fails if readers do not see what a reset has cut, or what it has not.
#[test]
fn a_reader_beside_a_reset() {
    explore("recorder::a_reader_beside_a_reset", 1, 100, || {
        let shared = Arc::new(Resettable {
            recorder: recorder(config(2, 0)),
            generation: Generation::default(),
        });
        record(&shared.recorder, 0, &[1, 1, 2]);
        record(&shared.recorder, 1, &[4]);
        let writer = spawn(&shared, |shared| record(&shared.recorder, 0, &[2, 2]));
        let reset = spawn(&shared, |shared| {
            shared.recorder.reset(Duration::ZERO, &shared.generation)
        });
        let reader = spawn(&shared, |shared| {
            let mut last = 4;
            for _ in 0..2 {
                let snapshot = shared.recorder.read_at(super::NOW);
                assert_not_torn(&snapshot);
                let count = snapshot.tally.count();
                // What was recorded before the reset is there as a whole, or not at all.
                match snapshot.tally.buckets[3] {
                    0 => assert!(count <= 2, "half forgotten: {snapshot:?}"),
                    _ => assert!(count >= last, "went back: {snapshot:?}"),
                }
                last = count - snapshot.outcome.uncertain;
            }
        });
        writer.join().unwrap();
        reader.join().unwrap();
        let (forgotten, rest) = (reset.join().unwrap(), shared.recorder.read_at(super::NOW));
        let count = |side: &Snapshot| side.tally.count();
        assert_eq!(count(&forgotten) + count(&rest), 6);
        assert_eq!(forgotten.tally.sum + rest.tally.sum, 12);
    });
}

/// A reset that is repeated until it succeeds, while a thread records. Fails if an attempt that failed counts as a reset.
#[test]
fn a_reset_is_counted_once() {
    explore("recorder::a_reset_is_counted_once", 2, 50, || {
        let shared = Resettable {
            recorder: recorder(config(2, 0)),
            generation: Generation::default(),
        };
        let shared = Arc::new(shared);
        record(&shared.recorder, 0, &[1, 1]);
        let writer = spawn(&shared, |shared| record(&shared.recorder, 0, &[2]));
        let reset = spawn(&shared, |shared| {
            shared.recorder.reset(Duration::ZERO, &shared.generation)
        });
        writer.join().unwrap();
        let (before, after) = (reset.join().unwrap(), shared.recorder.read_at(super::NOW));
        assert_eq!(shared.generation.get(), 1, "resets");
        assert_eq!(
            before.tally.count() + after.tally.count(),
            3,
            "{before:?} {after:?}"
        );
    });
}

/// A thread counts A, adds to B's throughput, then records into C and D; a registry reads all of them. It never shows more of a
/// later one than of an earlier one. D's queue is overrun, so its banks are read; and C rejects a value after the first. Fails
/// with the rejections Relaxed on either side, if the samples are read before the rejections, or if one kind of metric is
/// read before a kind that may be written to later.
#[test]
fn a_before_b() {
    explore("recorder::a_before_b", 2, 100, || {
        let pages = Metrics::with_pages(1);
        let promotion = || std::sync::Arc::clone(&pages.promotion);
        let [c, d] = [4, 2].map(|queue| {
            let histogram = recorder_of(
                config(queue, 0),
                Ownership::Always,
                promotion(),
                DirtyBit::default(),
            );
            std::sync::Arc::new(histogram)
        });
        let metrics = Metrics {
            histograms: [&c, &d]
                .map(|one| Group::One(one.clone()))
                .into_iter()
                .collect(),
            throughputs: [Group::One(tracker_of(promotion()).into())]
                .into_iter()
                .collect(),
            ..pages
        };
        let metrics = Arc::new(metrics);
        let count = |metrics: &Metrics, thread: ModelThread<'_>, n| {
            metrics.pages().for_each(|page| page.add(thread, 0, n));
        };
        in_slot(0, |thread| count(&metrics, thread, 0));
        record(&c, 0, &[1]);
        record(&d, 0, &[1, 1]);
        let writer = spawn(&metrics, move |metrics| {
            in_slot(0, |thread| {
                count(metrics, thread, 1);
                metrics
                    .throughputs()
                    .for_each(|throughput| throughput.add(thread, 1, 1));
            });
            record(&c, 0, &[1, REJECTED]);
            record(&d, 0, &[1]);
        });
        let reader = spawn(&metrics, |metrics| {
            let readout = metrics
                .sources()
                .read(&mut ReadCache::default(), super::NOW);
            let [GroupRead::One(c), GroupRead::One(d)] = &*readout.histograms else {
                unreachable!()
            };
            let [GroupRead::One(throughput)] = &*readout.throughputs else {
                unreachable!()
            };
            let (a, b) = (readout.pages[0].cell(0), throughput.total);
            assert!(b <= a, "{b} of B, {a} of A");
            // The writer's own; the first was there before it.
            let (c, rejected) = (c.tally.count() - 1, c.tally.rejected);
            assert!(c <= b, "{c} of C, {b} of B");
            assert!(rejected <= c, "{rejected} rejected after {c} of C");
            let certain = d.tally.count() - d.outcome.uncertain;
            assert!(
                certain <= 2 + rejected,
                "{certain} of D, the first two aside, after {rejected} rejected"
            );
        });
        writer.join().unwrap();
        reader.join().unwrap();
    });
}

/// A histogram, and the slots of a process.
struct Claimed {
    recorder: Tallied,
    claims: SlotClaims,
}

/// Two threads record and end, the second one perhaps in the slot of the first, while a reader folds. A new owner's first
/// record continues what the last owner recorded. Fails with the claim or the release of a slot Relaxed.
#[test]
fn hand_over_of_a_block() {
    explore("recorder::hand_over_of_a_block", 2, 100, || {
        let shared = Arc::new(Claimed {
            recorder: recorder(config(2, 0)),
            claims: SlotClaims::default(),
        });
        let writers = [1, 2].map(|value| {
            spawn(&shared, move |shared| {
                claiming(&shared.claims, |thread| {
                    shared.recorder.record(thread, value)
                });
            })
        });
        let reader = spawn(&shared, |shared| {
            assert_not_torn(&shared.recorder.read_at(super::NOW))
        });
        for writer in writers {
            writer.join().unwrap();
        }
        reader.join().unwrap();
        let snapshot = shared.recorder.read_at(super::NOW);
        assert_eq!(
            (
                snapshot.tally.count(),
                snapshot.tally.sum,
                snapshot.outcome.uncertain
            ),
            (2, 3, 0)
        );
    });
}
