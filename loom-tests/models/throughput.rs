//! Throughput.

use super::{NOW, explore, in_slot, spawn, tracker};
use crate::engine::generation::Generation;
use crate::engine::readout::SnapshotSource;
use crate::engine::throughput::{Amounts, Moment, Summarize, Tracker};
use loom::sync::Arc;
use std::collections::HashMap;
use std::time::Duration;

/// Adds 10 for each of `seconds`, as a thread that owns slot 0.
fn add<S: Summarize>(tracker: &Tracker<S>, seconds: &[u64]) {
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
            let added = tracker.read_at(super::NOW);
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
        let added = tracker.read_at(super::NOW);
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
        let reader = spawn(&tracker, |tracker| tracker.read_at(super::NOW));
        writer.join().unwrap();
        let snapshot = reader.join().unwrap();
        if tracker.is_current(&snapshot, NOW.coarse.as_secs()) {
            assert_eq!(
                (snapshot.total, snapshot.seconds),
                (20, [10, 10]),
                "current, but incomplete"
            );
        }
        let last = tracker.read_at(super::NOW);
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
            tracker.reset(NOW, &Generation::default())
        });
        writer.join().unwrap();
        let (before, after) = (reset.join().unwrap(), tracker.read_at(super::NOW));
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

/// A reader of second 3 waits while one of second 2 rebuilds: it does not get the other one's rates, but what was rebuilt for
/// second 3 serves one of second 2. Fails if whatever was rebuilt after a request serves it.
#[test]
fn a_later_second_is_not_served_an_earlier_one() {
    explore(
        "throughput::a_later_second_is_not_served_an_earlier_one",
        2,
        10,
        || {
            let at = |second| Moment {
                coarse: Duration::from_secs(second),
                ..NOW
            };
            let tracker = Arc::new(Tracker::new(Stamped, at(0), std::sync::Arc::default()));
            let readers = [2, 3].map(|second| {
                spawn(&tracker, move |tracker| {
                    let read = tracker.read(|_| false, second, || at(second));
                    assert!(*read >= second, "{read} served to a reader of {second}");
                })
            });
            for reader in readers {
                reader.join().unwrap();
            }
        },
    );
}

/// Snapshots that are nothing but their second.
#[derive(Debug)]
struct Stamped;

impl Summarize for Stamped {
    type Snapshot = u64;

    fn summarize(&mut self, now: Moment, _: &Amounts<'_>) -> Self::Snapshot {
        now.coarse.as_secs()
    }

    fn reset(&mut self, _: Moment, _: &Amounts<'_>, _: HashMap<u64, u64>) {}

    fn epoch(second: &Self::Snapshot) -> (u64, u64) {
        (0, *second)
    }
}
