//! Exemplars: for each exported bucket of a histogram the newest sample that came with labels.
//!
//! **Writer.** Load how often the histogram was reset; record the sample; publish the exemplar in its bucket's place, with that number;
//! stored += 1; the slot's [word](crate::engine::slot::changes), a second time. So an exemplar is published after its sample, and
//! whoever reads between the two reads again.
//! **Reader**, under the histogram's lock, before it folds anything: load `stored`, then the places. What it finds there is of samples that
//! the fold finds too. `stored` is a part of the snapshot's epoch.
//! **Reset**, under the same lock: when everything is cut, it raises the number of resets. A sample that a reset forgot was recorded by a
//! writer that had loaded a lower number, so its exemplar does not show any more. That of a sample which was recorded while the
//! reset was under way, and belongs to what comes after it, is dropped as well.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | a place, publish and load | those of [`Published`] | each other | | |
//! | `stored`, a read-modify-write | Release | the reader's `stored` | an exemplar is counted that is not there yet, and does not show | `exemplars::an_exemplar_shows` |
//! | `stored` by a reader | Acquire | the writer's `stored` | the same | `exemplars::an_exemplar_shows` |
//! | `resets`, all | Relaxed | nothing: the tail by which a reset counts a sample orders the writer's load before the reset's store | | |
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | the sample before its exemplar | Release of a place | an exemplar without its sample | `exemplars::an_exemplar_has_its_sample` |
//! | the places before the fold | Acquire of a place | the same | `exemplars::an_exemplar_has_its_sample` |
//! | a place before `stored`, and `stored` before the places | Release, Acquire | an exemplar that does not show | `exemplars::an_exemplar_shows` |
//! | `resets` before the sample | program order | an exemplar of a sample that was forgotten | `exemplars::a_reset_drops_exemplars` |
//! | `resets` raised under the lock | the lock | the same | `exemplars::a_reset_drops_exemplars` |
//!
//! **Progress.** Writers are lock-free, as an `ArcSwap` is, once they have allocated the exemplar. Of two that write to the same place at the
//! same moment, either may come last.
//!
//! **Exceptions.** A global allocator must not record with exemplars: its samples may be put off until after a first write, and show after
//! their exemplar. If there is no memory for a sample's counters, the sample counts as rejected, whatever its exemplar says.

use crate::published::Published;
use crate::sync::{Acquire, AtomicU64, Relaxed, Release};
use std::sync::Arc;

/// The newest exemplar of a bucket, with the number of resets that its writer loaded.
type Place<E> = Published<Option<(u64, Arc<E>)>>;

/// See the module's header.
#[derive(Debug)]
pub(super) struct Exemplars<E> {
    /// The highest value of each bucket but the last one, rising.
    bounds: Box<[u64]>,
    /// One for each bucket.
    places: Box<[Place<E>]>,
    /// How many were stored.
    stored: AtomicU64,
    /// How often the histogram was reset.
    resets: AtomicU64,
}

impl<E> Exemplars<E> {
    /// `bounds`: the highest value of each bucket but the last one, rising.
    pub(super) fn new(bounds: Box<[u64]>) -> Self {
        let none = Arc::new(None);
        Self {
            places: (0..=bounds.len())
                .map(|_| Published::new(Arc::clone(&none)))
                .collect(),
            bounds,
            stored: AtomicU64::new(0),
            resets: AtomicU64::new(0),
        }
    }

    fn resets(&self) -> u64 {
        // Relaxed: see the table.
        self.resets.load(Relaxed)
    }

    /// Records a sample with `record`, and stores its exemplar. The slot's word comes after this.
    pub(super) fn record(&self, value: u64, record: impl FnOnce(), exemplar: impl FnOnce() -> E) {
        let resets = self.resets();
        record();
        let place = self.bounds.partition_point(|bound| *bound < value);
        self.places[place].store(Arc::new(Some((resets, Arc::new(exemplar())))));
        // Release: a reader that counts this exemplar sees it.
        self.stored.fetch_add(1, Release);
    }

    /// How many were stored so far.
    pub(super) fn stored(&self) -> u64 {
        // Acquire: pairs with `record`; the exemplars that it counts are visible after this.
        self.stored.load(Acquire)
    }

    /// The newest exemplar of each bucket that has one, in the order of the buckets. Load `stored` before.
    pub(super) fn newest(&self) -> Arc<[Arc<E>]> {
        let resets = self.resets();
        let places = self.places.iter().map(Published::load);
        let newest = places.filter_map(|place| match &*place {
            Some((number, exemplar)) if *number == resets => Some(Arc::clone(exemplar)),
            _ => None,
        });
        newest.collect()
    }

    /// Drops all exemplars of samples that a reset has cut off. Under the histogram's lock.
    pub(super) fn reset(&self) {
        // Relaxed: see the table. A load and a store, because one reset runs at a time.
        self.resets.store(self.resets() + 1, Relaxed);
    }
}
