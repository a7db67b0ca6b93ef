//! What folds add up to.

use crate::Unit;
use crate::engine::histogram::accumulate::{Accumulate, FoldOutcome, FoldTarget};
use crate::engine::histogram::block::BlockConfig;
use crate::engine::histogram::bucket_layout::BucketLayout;
use crate::engine::histogram::counts::Counts;
use crate::engine::histogram::unpacked_counts::UnpackedCounts;
use crate::fold::histogram::Accumulator;
use std::time::Duration;

fn layout() -> BucketLayout {
    BucketLayout::new(0, 1 << 20, 2)
}

fn accumulator() -> Accumulator {
    let config = BlockConfig {
        layout: layout(),
        queue: 0,
        recent: 0,
    };
    Accumulator::new(&config, (2, Unit::Unitless))
}

/// Counts of the lowest buckets of an octave.
fn counts(octave: usize, lowest: &[u64]) -> Counts {
    let mut counts = UnpackedCounts::default();
    counts.push_with(octave, |out| {
        out.extend(lowest);
        out.resize(layout().octave_len(), 0);
        true
    });
    Counts::default().with(&counts)
}

/// Samples that are added and subtracted again, and octaves that a source looked at without finding anything new, leave nothing behind.
#[test]
fn octaves_without_samples_are_not_kept() {
    let mut sum = accumulator();
    // The bucket of 2.
    sum.add(256, 1);
    sum.add(700, 2);
    sum.remove(700, 2);
    let same = counts(10, &[5, 0, 7]);
    sum.grow(&layout(), &same, &counts(10, &[5, 0, 7]));
    let snapshot = sum.publish(FoldOutcome::default(), Duration::ZERO);
    assert_eq!(
        snapshot.counts.octaves().count(),
        1,
        "{:?}",
        snapshot.counts
    );
    assert_eq!((snapshot.count(), snapshot.max()), (1, Some(2)));
}

/// What two sources count is added up, whichever comes first, and what one of them adds later as well.
#[test]
fn two_sources_add_up() {
    let (nothing, first, second) = (
        Counts::default(),
        counts(2, &[1, 0, 2]),
        counts(2, &[0, 4, 0, 1]),
    );
    let grown = counts(2, &[1, 300, 2]);
    let mut sum = accumulator();
    for (before, counts) in [(&nothing, &first), (&nothing, &second), (&first, &grown)] {
        sum.grow(&layout(), before, counts);
        let snapshot = sum.publish(FoldOutcome::default(), Duration::ZERO);
        let held: u64 = snapshot.buckets().map(|bucket| bucket.count).sum();
        assert_eq!(held, snapshot.count());
    }
    let snapshot = sum.publish(FoldOutcome::default(), Duration::ZERO);
    let counts: Vec<u64> = snapshot.buckets().map(|bucket| bucket.count).collect();
    assert_eq!(counts, [1, 304, 2, 1]);
}
