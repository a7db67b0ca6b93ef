//! The models, a file for each subject, and what they share.

mod adaptive;
mod block;
mod counter;
mod dirty;
mod exemplars;
mod family;
mod once_box;
mod read_order;
mod recorder;
mod shared;
mod slots;
mod snapshot_cache;
mod throughput;
mod versioned;

use crate::engine::chunked::Chunked;
use crate::engine::counter::page::Page;
use crate::engine::family::dirty::DirtyBit;
use crate::engine::generation::Generation;
use crate::engine::histogram::Recorder;
use crate::engine::histogram::accumulate::{Accumulate, FoldOutcome, FoldTarget};
use crate::engine::histogram::block::BlockConfig;
use crate::engine::histogram::bucket_layout::BucketLayout;
use crate::engine::read_order::{Group, PageGroup, Sources};
use crate::engine::readout::{SnapshotSource, Validity};
use crate::engine::rebuilds::Rebuilds;
use crate::engine::slot::adaptive::Promotion;
use crate::engine::slot::claims::SlotClaims;
use crate::engine::slot::growing_table::SlotId;
use crate::engine::slot::owner::{CurrentThread, ThreadSlot};
use crate::engine::throughput::{Amounts, Moment, Summarize, Tracker};
use crate::ownership::Ownership;
use loom::thread::JoinHandle;
use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Explores a model: all executions with at most `preemptions` preemptions. Prints how many there were, and fails if there
/// were fewer than `at_least`: then it has checked nothing.
fn explore(
    name: &str,
    preemptions: usize,
    at_least: usize,
    model: impl Fn() + Send + Sync + 'static,
) {
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
    let _ = writeln!(
        std::io::stderr(),
        "model {name}: {executions} executions, preemption bound {preemptions}"
    );
    assert!(
        executions >= at_least,
        "{name}: {executions} executions check nothing, expected {at_least} or more"
    );
}

/// Spawns one side of a model.
fn spawn<T: 'static, R: 'static>(
    shared: &loom::sync::Arc<T>,
    side: impl FnOnce(&T) -> R + 'static,
) -> JoinHandle<R> {
    let shared = loom::sync::Arc::clone(shared);
    loom::thread::spawn(move || side(&shared))
}

/// A thread as the engine knows it.
#[derive(Clone, Copy)]
struct ModelThread<'a> {
    own: &'a ThreadSlot,
    /// `None`: the thread was given its slot, so it never claims one.
    claims: Option<&'a SlotClaims>,
    /// Whether its clock advances, so that it is promoted when it goes on writing.
    hot: bool,
}

// SAFETY: a model hands one table of slots to all of its threads, and one state to each.
unsafe impl CurrentThread for ModelThread<'_> {
    fn with<R>(self, f: impl FnOnce(&ThreadSlot) -> R) -> R {
        f(self.own)
    }

    fn claims(&self) -> &SlotClaims {
        self.claims
            .expect("a thread that was given a slot claims none")
    }

    /// The model calls [`ThreadSlot::release`] at the thread's end.
    fn release_at_exit(self) -> bool {
        true
    }

    /// Later with every look, or always the same.
    fn ticks(self) -> u64 {
        static LOOKS: AtomicU64 = AtomicU64::new(2);
        if self.hot {
            LOOKS.fetch_add(1, Ordering::Relaxed)
        } else {
            1
        }
    }
}

/// Runs a thread, or a part of it, that owns the slot `index` from the beginning. Its clock stands still.
fn in_slot<R>(index: usize, run: impl FnOnce(ModelThread<'_>) -> R) -> R {
    in_slot_with_clock(index, false, run)
}

/// [`in_slot`], with a clock that advances.
fn in_slot_hot<R>(index: usize, run: impl FnOnce(ModelThread<'_>) -> R) -> R {
    in_slot_with_clock(index, true, run)
}

fn in_slot_with_clock<R>(index: usize, hot: bool, run: impl FnOnce(ModelThread<'_>) -> R) -> R {
    // SAFETY: a model gives each of its threads a slot of its own. The main thread uses the same slots only before it spawns
    // the others or after it has joined them.
    let own = unsafe { ThreadSlot::assume(SlotId::new(index)) };
    run(ModelThread {
        own: &own,
        claims: None,
        hot,
    })
}

/// Runs a thread that claims a slot when it needs one, and releases it at the end.
fn claiming<R>(claims: &SlotClaims, run: impl FnOnce(ModelThread<'_>) -> R) -> R {
    let own = ThreadSlot::new();
    let result = run(ModelThread {
        own: &own,
        claims: Some(claims),
        hot: false,
    });
    own.release(claims);
    result
}

/// Values 0 to 7: 0 and 1 have a bucket each, 2 and 3 share one, 4 to 7 another.
fn config(queue: usize, recent: usize) -> BlockConfig {
    BlockConfig {
        layout: BucketLayout::new(0, 7, 0),
        queue: queue as u32,
        recent: recent as u32,
    }
}

/// Out of the range of [`config`].
const REJECTED: u64 = 8;

/// Adds up what folds find.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tally {
    buckets: [u64; 8],
    sum: u128,
    rejected: u64,
    recent: Vec<u64>,
    exemplars: Arc<[Arc<u64>]>,
}

impl Tally {
    fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

/// A tally at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Snapshot {
    tally: Tally,
    outcome: FoldOutcome,
}

impl FoldTarget for Tally {
    fn add(&mut self, bucket: usize, samples: u64) {
        self.buckets[bucket] = self.buckets[bucket].wrapping_add(samples);
    }

    fn remove(&mut self, bucket: usize, samples: u64) {
        self.buckets[bucket] = self.buckets[bucket].wrapping_sub(samples);
    }

    fn add_sum(&mut self, amount: u128) {
        self.sum = self.sum.wrapping_add(amount);
    }

    fn add_rejected(&mut self, values: u64) {
        self.rejected = self.rejected.wrapping_add(values);
    }

    fn extend_recent(&mut self, values: &[u64]) {
        self.recent.extend(values);
    }
}

impl Accumulate for Tally {
    type Snapshot = Snapshot;
    type Kind = ();
    type Exemplar = u64;

    fn new(_: &BlockConfig, (): ()) -> Self {
        Self::default()
    }

    fn publish(&mut self, outcome: FoldOutcome, _taken: Duration) -> Snapshot {
        Snapshot {
            tally: self.clone(),
            outcome,
        }
    }

    fn set_exemplars(&mut self, newest: Arc<[Arc<u64>]>) {
        self.exemplars = newest;
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    fn epoch(snapshot: &Snapshot) -> u64 {
        snapshot.outcome.epoch
    }
}

/// A histogram whose threads own their blocks.
fn recorder(config: BlockConfig) -> Recorder<Tally> {
    recorder_with(config, Ownership::Always)
}

fn recorder_with(config: BlockConfig, ownership: Ownership) -> Recorder<Tally> {
    let promotion = Arc::new(only(Promotion::default()));
    recorder_of(config, ownership, promotion, DirtyBit::default())
}

/// Of the only registry of an execution, so that threads remember their words there.
fn only(promotion: Promotion) -> Promotion {
    // SAFETY: threads of another execution have ended.
    unsafe { promotion.numbered(1) }
}

/// A histogram of a registry.
fn recorder_of(
    config: BlockConfig,
    ownership: Ownership,
    promotion: Arc<Promotion>,
    dirty: DirtyBit,
) -> Recorder<Tally> {
    let recorder = Recorder::new(config, (), Duration::ZERO, ownership, promotion, dirty);
    // The first reader makes what readers share. If that were a thread of the model, another one that loads the pointer would see what the
    // first one did before, and nothing else would have to order it.
    recorder.latest();
    recorder
}

/// Records as a thread that owns the slot `by`.
fn record(recorder: &Recorder<Tally>, by: usize, values: &[u64]) {
    in_slot(by, |thread| {
        values
            .iter()
            .for_each(|value| recorder.record(thread, *value))
    });
}

impl SnapshotSource for Recorder<Tally> {
    type Snapshot = Snapshot;

    fn validity(&self, snapshot: &Snapshot) -> Validity {
        self.validity(snapshot, snapshot.outcome.uncertain)
    }

    fn read_at(&self, now: Moment) -> Arc<Snapshot> {
        self.read(|_, _| false, || now.exact)
    }
}

/// When throughputs are read: in second 2.
const NOW: Moment = Moment {
    coarse: Duration::from_secs(2),
    exact: Duration::ZERO,
};

/// What a reset of a throughput left behind.
#[derive(Debug, Default)]
struct Forgotten {
    total: u64,
    seconds: HashMap<u64, u64>,
}

/// What was added since the last reset: all of it, and in the seconds 1 and 2.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Added {
    /// Never reset: the epoch.
    calls: u64,
    total: u64,
    seconds: [u64; 2],
}

impl Summarize for Forgotten {
    type Snapshot = Added;

    fn summarize(&mut self, _now: Moment, amounts: &Amounts<'_>) -> Added {
        let seconds = [1, 2].map(|second| {
            let forgotten = self
                .seconds
                .get(&crate::engine::throughput::ring::stamp(second))
                .copied();
            (amounts.in_second)(second) - forgotten.unwrap_or(0)
        });
        Added {
            calls: amounts.calls,
            total: amounts.total - self.total,
            seconds,
        }
    }

    fn reset(&mut self, _now: Moment, amounts: &Amounts<'_>, seconds: HashMap<u64, u64>) {
        *self = Self {
            total: amounts.total,
            seconds,
        };
    }

    fn epoch(snapshot: &Added) -> (u64, u64) {
        (snapshot.calls, NOW.coarse.as_secs())
    }
}

fn tracker() -> Tracker<Forgotten> {
    tracker_of(Arc::default())
}

fn tracker_of(promotion: Arc<Promotion>) -> Tracker<Forgotten> {
    Tracker::new(Forgotten::default(), NOW, promotion)
}

impl SnapshotSource for Tracker<Forgotten> {
    type Snapshot = Added;

    fn validity(&self, _: &Added) -> Validity {
        Validity::InSecond(NOW.coarse.as_secs())
    }

    fn read_at(&self, now: Moment) -> Arc<Added> {
        self.read(|_| false, now.coarse.as_secs(), || now)
    }
}

/// All metrics of a registry, in the order of registration.
#[derive(Default)]
struct Metrics {
    generation: Generation,
    promotion: Arc<Promotion>,
    rebuilds: Arc<Rebuilds>,
    histograms: Chunked<Group<Recorder<Tally>>>,
    throughputs: Chunked<Group<Tracker<Forgotten>>>,
    pages: Chunked<PageGroup>,
}

impl Metrics {
    /// So many pages, and nothing else. Threads share their cells.
    fn with_pages(count: usize) -> Self {
        let promotion = Arc::<Promotion>::default();
        let page = || PageGroup::Page(Arc::new(Page::new(Arc::clone(&promotion))));
        Self {
            pages: (0..count).map(|_| page()).collect(),
            promotion,
            ..Self::default()
        }
    }

    fn sources(&self) -> Sources<'_, Recorder<Tally>, Tracker<Forgotten>> {
        Sources {
            generation: &self.generation,
            changes: &self.promotion.changes,
            rebuilds: &self.rebuilds,
            histograms: &self.histograms,
            throughputs: &self.throughputs,
            pages: &self.pages,
        }
    }

    /// All histograms; models of whole registries have no families of them.
    fn histograms(&self) -> impl DoubleEndedIterator<Item = &Recorder<Tally>> {
        self.histograms.iter().map(single)
    }

    fn throughputs(&self) -> impl DoubleEndedIterator<Item = &Tracker<Forgotten>> {
        self.throughputs.iter().map(single)
    }

    fn pages(&self) -> impl DoubleEndedIterator<Item = &Page> {
        self.pages.iter().map(|group| match group {
            PageGroup::Page(page) => &**page,
            PageGroup::Family(_) => unreachable!("the model has no families of cells"),
        })
    }
}

fn single<T>(group: &Group<T>) -> &T {
    match group {
        Group::One(one) => one,
        Group::Family(_) => unreachable!("the model has no families of histograms or throughputs"),
    }
}

/// Asserts that a tally holds exactly the first so many of `values`, at least `at_least` of them; or, of what it says is
/// uncertain, any of the later ones, in full or without being in the sum. Returns how many are certain.
fn assert_prefix(snapshot: &Snapshot, values: &[u64], at_least: usize) -> usize {
    let tally = &snapshot.tally;
    let layout = config(2, 0).layout;
    let prefix = |n: usize| {
        let mut expected = Tally::default();
        for value in &values[..n] {
            expected.add(layout.bucket(*value), 1);
            expected.add_sum(u128::from(*value));
        }
        expected
    };
    let within = |part: &Tally| {
        part.buckets
            .iter()
            .zip(&tally.buckets)
            .all(|(part, whole)| part <= whole)
    };
    let (count, uncertain) = (tally.count() as usize, snapshot.outcome.uncertain as usize);
    let certain = count
        .checked_sub(uncertain)
        .expect("more is uncertain than there is");
    assert!(
        certain >= at_least,
        "{certain} samples where {at_least} writes had returned: {tally:?}"
    );
    assert!(
        count <= values.len(),
        "more samples than were written: {tally:?}"
    );
    assert!(
        within(&prefix(certain)),
        "a sample of the first {certain} of {values:?} is missing: {tally:?}"
    );
    let summed = (certain..=count).any(|n| prefix(n).sum == tally.sum && within(&prefix(n)));
    assert!(
        summed,
        "a sum of no prefix of {values:?} from {certain} on: {tally:?}"
    );
    certain
}
