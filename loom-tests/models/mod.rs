//! The models, a file for each file of the core, and what they share.

mod block;
mod cached;
mod cells;
mod per_thread;
mod recorder;
mod ring;
mod slots;

use crate::fold::{Folded, Shape, Sink};
use crate::layout::Layout;
use crate::recorder::{Accumulate, Recorder};
use crate::segments::Position;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Explores a model: all executions with at most `preemptions` preemptions. Prints how many there were, and fails if there
/// were fewer than `at_least`: then it has checked nothing.
fn explore(name: &str, preemptions: usize, at_least: usize, model: impl Fn() + Send + Sync + 'static) {
    let executions = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&executions);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let executions = executions.load(Ordering::Relaxed);
    // Not println: the harness would keep it to itself.
    let _ = writeln!(std::io::stderr(), "model {name}: {executions} executions, preemption bound {preemptions}");
    assert!(executions >= at_least, "{name}: {executions} executions check nothing, expected {at_least} or more");
}

/// The slot with this number.
fn slot(index: usize) -> Position {
    Position::of(index)
}

/// Values 0 to 7: 0 and 1 have a bucket each, 2 and 3 share one, 4 to 7 another.
fn shape(queue: usize, recent: usize) -> Shape {
    Shape { layout: Layout::new(0, 7, 0), queue, recent }
}

/// Adds up what folds find.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tally {
    buckets: [u64; 8],
    sum: u64,
    recent: Vec<u64>,
}

impl Tally {
    fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

impl Sink for Tally {
    fn add(&mut self, bucket: usize, samples: u64) {
        self.buckets[bucket] = self.buckets[bucket].wrapping_add(samples);
    }

    fn remove(&mut self, bucket: usize, samples: u64) {
        self.buckets[bucket] = self.buckets[bucket].wrapping_sub(samples);
    }

    fn sum(&mut self, amount: u64) {
        self.sum = self.sum.wrapping_add(amount);
    }

    fn recent(&mut self, _slot: usize, values: &[u64]) {
        self.recent.extend(values);
    }
}

/// A tally at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Snapshot {
    tally: Tally,
    folded: Folded,
}

impl Accumulate for Tally {
    type Snapshot = Snapshot;

    fn publish(&mut self, folded: Folded, _taken: Duration) -> Snapshot {
        Snapshot { tally: self.clone(), folded }
    }

    fn reset(&mut self, _folded: Folded) {
        *self = Self::default();
    }

    fn epoch(snapshot: &Snapshot) -> u64 {
        snapshot.folded.epoch
    }
}

fn recorder(queue: usize) -> Recorder<Tally> {
    Recorder::new(shape(queue, 0), Tally::default(), Duration::ZERO)
}

/// Records as a handle does.
fn record(recorder: &Recorder<Tally>, by: Position, value: u64) {
    let (head, block) = recorder.blocks().get_or_make(by, || recorder.block());
    if !block.record(head, value) {
        block.record_any(head, value);
    }
}

fn read(recorder: &Recorder<Tally>) -> Arc<Snapshot> {
    recorder.read(|_| false, || Duration::ZERO)
}

/// Asserts that a tally holds exactly the first so many of `values`, at least `at_least` of them; or, of what it says is
/// uncertain, any of the later ones, in full or without being in the sum. Returns how many are certain.
fn assert_prefix(tally: &Tally, uncertain: u64, values: &[u64], at_least: usize) -> usize {
    let layout = shape(2, 0).layout;
    let prefix = |n: usize| {
        let mut expected = Tally::default();
        for value in &values[..n] {
            expected.add(layout.bucket(*value), 1);
            expected.sum(*value);
        }
        expected
    };
    let within = |part: &Tally| part.buckets.iter().zip(&tally.buckets).all(|(part, whole)| part <= whole);
    let count = tally.count() as usize;
    let certain = count.checked_sub(uncertain as usize).expect("more is uncertain than there is");
    assert!(certain >= at_least, "{certain} samples where {at_least} writes had returned: {tally:?}");
    assert!(count <= values.len(), "more samples than were written: {tally:?}");
    assert!(within(&prefix(certain)), "a sample of the first {certain} of {values:?} is missing: {tally:?}");
    let summed = (certain..=count).any(|n| prefix(n).sum == tally.sum && within(&prefix(n)));
    assert!(summed, "a sum of no prefix of {values:?} from {certain} on: {tally:?}");
    certain
}
