//! Throughput.

use super::{NOW, explore, in_slot, spawn, tracker};
use crate::engine::generation::Generation;
use crate::engine::read_order::SnapshotSource;
use crate::engine::throughput::Tracker;
use loom::sync::Arc;

/// Adds 10 for each of `seconds`, as a thread that owns slot 0.
fn add<S: crate::engine::throughput::Summarize>(tracker: &Tracker<S>, seconds: &[u64]) {
    in_slot(0, |thread| {
        seconds
            .iter()
            .for_each(|second| tracker.add(thread, *second, 10))
    });
}

/// A thread adds three times, over two seconds, while a reader reads: what is counted as a call is in the total and in its
/// second, and seconds never mix. Fails with `calls` Relaxed on either side, or published before the amounts.
#[test]
fn counted_is_visible() {
    explore("throughput::counted_is_visible", 3, 100, || {
        let tracker = Arc::new(tracker());
        let writer = spawn(&tracker, |tracker| add(tracker, &[1, 1, 2]));
        let reader = spawn(&tracker, |tracker| {
            let added = tracker.read_now();
            let [first, second] = added.seconds;
            assert!(
                added.total >= added.calls * 10,
                "the total lacks what is counted: {added:?}"
            );
            assert!(
                first + second >= added.calls * 10,
                "the seconds lack what is counted: {added:?}"
            );
            assert!(first <= 20 && second <= 10, "seconds mixed: {added:?}");
        });
        writer.join().unwrap();
        reader.join().unwrap();
        let added = tracker.read_now();
        assert_eq!((added.calls, added.total, added.seconds), (3, 30, [20, 10]));
    });
}

/// A thread adds twice while a reader makes a snapshot. A snapshot that is current after the join holds both. Fails if the
/// calls are loaded after the total or after the seconds.
#[test]
fn a_snapshot_is_not_marked_clean() {
    explore("throughput::a_snapshot_is_not_marked_clean", 3, 100, || {
        let tracker = Arc::new(tracker());
        let writer = spawn(&tracker, |tracker| add(tracker, &[1, 2]));
        let reader = spawn(&tracker, |tracker| tracker.read_now());
        writer.join().unwrap();
        let snapshot = reader.join().unwrap();
        if tracker.is_current(&snapshot, NOW.coarse.as_secs()) {
            assert_eq!(
                (snapshot.total, snapshot.seconds),
                (20, [10, 10]),
                "current, but incomplete"
            );
        }
        let last = tracker.read_now();
        assert_eq!((last.calls, last.total, last.seconds), (2, 20, [10, 10]));
    });
}

/// A reset races two additions. What the reset returned and what is read afterwards add up, in the total and in each second:
/// nothing is in both, nothing in neither. Fails if the two sides of the cut read the total, or the seconds, each for itself,
/// or if the reset takes the calls after the amounts.
#[test]
fn reset_races_an_addition() {
    explore("throughput::reset_races_an_addition", 2, 50, || {
        let tracker = Arc::new(tracker());
        add(&tracker, &[1]);
        let writer = spawn(&tracker, |tracker| add(tracker, &[1, 2]));
        let reset = spawn(&tracker, |tracker| {
            tracker.reset(|| NOW, &Generation::default())
        });
        writer.join().unwrap();
        let (before, after) = (reset.join().unwrap(), tracker.read_now());
        assert_eq!(before.total + after.total, 30, "{before:?} {after:?}");
        for (second, added) in [20, 10].into_iter().enumerate() {
            assert_eq!(
                before.seconds[second] + after.seconds[second],
                added,
                "{before:?} {after:?}"
            );
        }
    });
}
