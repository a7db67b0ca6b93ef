//! What folds add up to.

use crate::Unit;
use crate::engine::histogram::accumulate::{Accumulate, FoldOutcome, FoldTarget};
use crate::engine::histogram::block::BlockConfig;
use crate::engine::histogram::bucket_layout::BucketLayout;
use crate::engine::histogram::counts::Counts;
use crate::fold::histogram::Accumulator;
use std::time::Duration;

fn accumulator() -> Accumulator {
    let config = BlockConfig {
        layout: BucketLayout::new(0, 1 << 20, 2),
        queue: 0,
        recent: 0,
    };
    Accumulator::new(&config, (2, Unit::Unitless))
}

/// Samples that are added and subtracted again, and octaves that a source looked at without finding anything new, leave nothing behind.
#[test]
fn octaves_without_samples_are_not_kept() {
    let mut sum = accumulator();
    // The bucket of 2.
    sum.add(256, 1);
    sum.add(700, 2);
    sum.remove(700, 2);
    let same = [5, 0, 7];
    sum.grow(1_280, &Counts::new(&same), &Counts::new(&same));
    let snapshot = sum.publish(FoldOutcome::default(), Duration::ZERO);
    assert_eq!(snapshot.octaves.len(), 1, "{:?}", snapshot.octaves);
    assert_eq!((snapshot.count(), snapshot.max()), (1, Some(2)));
}

/// What two sources count of an octave is added up, whichever comes first, and what one of them adds later as well.
#[test]
fn two_sources_of_an_octave_add_up() {
    let (nothing, first, second) = (
        Counts::default(),
        Counts::new(&[1, 0, 2]),
        Counts::new(&[0, 4, 0, 1]),
    );
    let grown = Counts::new(&[1, 300, 2]);
    let mut sum = accumulator();
    for (before, counts) in [(&nothing, &first), (&nothing, &second), (&first, &grown)] {
        sum.grow(256, before, counts);
        let snapshot = sum.publish(FoldOutcome::default(), Duration::ZERO);
        let held: u64 = snapshot.buckets().map(|bucket| bucket.count).sum();
        assert_eq!(held, snapshot.count());
    }
    let snapshot = sum.publish(FoldOutcome::default(), Duration::ZERO);
    let counts: Vec<u64> = snapshot.buckets().map(|bucket| bucket.count).collect();
    assert_eq!(counts, [1, 304, 2, 1]);
}
