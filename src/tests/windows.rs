//! What windows keep.

use crate::fold::windows::Windows;
use crate::{HistogramOptions, Registry};
use std::sync::Arc;
use std::time::Duration;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// However often they are looked at, and for however long: a snapshot a second of the longest window, and two more. Seconds in which
/// nothing was recorded share one.
#[test]
fn windows_keep_a_snapshot_a_second() {
    let options = HistogramOptions::values(0, 100).recent(10);
    let sizes = Registry::new().histogram("h", "", options).unwrap();
    for busy in [true, false] {
        let mut windows = Windows::new([millis(2_000), millis(7_000)].into(), millis(300));
        for now in (300..100_000).step_by(300) {
            if busy {
                sizes.record(now % 100);
            }
            windows.observe(millis(now), &sizes.snapshot());
            assert!(windows.kept().len() <= 9, "{}", windows.kept().len());
        }
        assert!(windows.kept().len() >= 8);
        let snapshots: Vec<_> = windows.kept().iter().flat_map(|(_, held)| held).collect();
        assert!(snapshots.iter().all(|held| held.recent().is_none()));
        let pairs = snapshots.windows(2);
        let shared = pairs.filter(|pair| Arc::ptr_eq(pair[0], pair[1])).count();
        assert_eq!(shared, if busy { 0 } else { snapshots.len() - 1 });
    }
}

/// A reader that reads between a reset and the restart of the windows finds what came after the reset, and nothing else.
#[test]
fn a_reset_shows_before_the_windows_restart() {
    let options = HistogramOptions::values(0, 100);
    let sizes = Registry::new().histogram("h", "", options).unwrap();
    let mut windows = Windows::new([millis(5_000)].into(), Duration::ZERO);
    sizes.record(1);
    windows.observe(millis(1_000), &sizes.snapshot());
    windows.observe(millis(3_000), &sizes.snapshot());
    sizes.reset();
    sizes.record(2);
    let current = sizes.snapshot();
    windows.observe(millis(4_000), &current);
    let read = windows.read(&current);
    assert_eq!((read[0].span, read[0].snapshot.sum()), (millis(1_000), 2));
    windows.restart(millis(3_500));
    windows.observe(millis(6_000), &current);
    let read = windows.read(&current);
    assert_eq!((read[0].span, read[0].snapshot.sum()), (millis(2_500), 2));
}

/// The same without records after the reset, so that no epoch changed.
#[test]
fn a_reset_shows_though_nothing_follows_it() {
    let options = HistogramOptions::values(0, 100);
    let sizes = Registry::new().histogram("h", "", options).unwrap();
    let mut windows = Windows::new([millis(5_000)].into(), Duration::ZERO);
    sizes.record(1);
    windows.observe(millis(1_000), &sizes.snapshot());
    sizes.reset();
    for (now, span) in [(2_000, 1_000), (3_000, 2_000), (4_000, 3_000)] {
        let current = sizes.snapshot();
        windows.observe(millis(now), &current);
        let read = windows.read(&current);
        assert_eq!((read[0].span, read[0].snapshot.sum()), (millis(span), 0));
    }
}
