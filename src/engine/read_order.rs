//! The order in which the metrics of a registry are read.
//!
//! **A before B.** If every thread writes to A before B, no reading may show more of B than of A. So what may be B is read
//! before what may be A: first the histograms, then the throughputs, then the pages of counters and gauges; of each kind the
//! one that was registered last first. The generation and the words of the slots come first: a reset that is not in it yet makes the next
//! reading start over, one that is in it shows.
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | the slots' words before the pages | program order, Acquire | a write is marked clean unread | `read_order::a_write_is_not_marked_clean` |
//! | generation first | program order, Acquire | a reset that never shows | `read_order::a_reset_shows` |
//! | histograms before throughputs before pages | program order, Acquire | B ahead of A | `read_order::a_before_b` |
//! | the last registered first | program order, Acquire | B ahead of A, both of one kind | `read_order::a_before_b_of_one_kind` |
//!
//! The orderings are those of what is read. **Progress.** That of the snapshots that are read.

use super::counter::page::Page;
use super::counter::page_cache::PageCache;
use super::generation::Generation;
use super::slot::changes::Changes;
use crate::engine::throughput::Moment;
use std::sync::Arc;

/// A metric with a snapshot of its own.
pub(crate) trait SnapshotSource {
    type Snapshot;

    /// Whether a snapshot that was loaded before this call holds everything, in this second.
    fn is_current(&self, snapshot: &Self::Snapshot, second: u64) -> bool;
    /// A snapshot that holds everything, whatever staleness is allowed. `now`: a time before this call. It is given rather than
    /// read, because a registry's lock is held.
    fn read_at(&self, now: Moment) -> Arc<Self::Snapshot>;
}

/// All metrics of a registry, each kind in the order of registration.
pub(crate) struct Sources<'a, H, T> {
    pub(crate) generation: &'a Generation,
    /// The words of all slots that write to these pages.
    pub(crate) changes: &'a Changes,
    pub(crate) histograms: &'a [Arc<H>],
    pub(crate) throughputs: &'a [Arc<T>],
    pub(crate) pages: &'a [Arc<Page>],
}

/// One reading of all metrics.
#[derive(Debug)]
pub(crate) struct Readout<H, T> {
    pub(crate) histograms: Box<[Arc<H>]>,
    pub(crate) throughputs: Box<[Arc<T>]>,
    /// The values of each page's cells.
    pub(crate) pages: Box<[Arc<[u64]>]>,
    /// The sum of the slots' words.
    changes: u64,
    generation: u64,
}

impl<H, T> Default for Readout<H, T> {
    fn default() -> Self {
        Self {
            histograms: [].into(),
            throughputs: [].into(),
            pages: [].into(),
            changes: 0,
            generation: 0,
        }
    }
}

impl<H: SnapshotSource, T: SnapshotSource> Sources<'_, H, T> {
    /// Reads everything, at the time `now`.
    pub(crate) fn read(
        &self,
        cache: &mut PageCache,
        now: Moment,
    ) -> Readout<H::Snapshot, T::Snapshot> {
        // Before the pages: what is written from here on is read again next time.
        let changes = self.changes.sum();
        let generation = self.generation.get();
        let histograms = read_backwards(self.histograms, now);
        let throughputs = read_backwards(self.throughputs, now);
        cache.refresh(self.pages);
        let pages = cache.values().map(Arc::clone).collect();
        Readout {
            histograms,
            throughputs,
            pages,
            changes,
            generation,
        }
    }

    /// Whether something was reset since a reading.
    pub(crate) fn was_reset(&self, readout: &Readout<H::Snapshot, T::Snapshot>) -> bool {
        self.generation.get() != readout.generation
    }

    /// Whether a reading that was loaded before this call holds everything in this second, resets aside.
    pub(crate) fn is_current(
        &self,
        readout: &Readout<H::Snapshot, T::Snapshot>,
        second: u64,
    ) -> bool {
        readout.changes == self.changes.sum()
            && self
                .histograms
                .iter()
                .zip(&readout.histograms)
                .all(|(source, held)| source.is_current(held, second))
            && self
                .throughputs
                .iter()
                .zip(&readout.throughputs)
                .all(|(source, held)| source.is_current(held, second))
    }
}

fn read_backwards<S: SnapshotSource>(sources: &[Arc<S>], now: Moment) -> Box<[Arc<S::Snapshot>]> {
    let mut snapshots: Vec<_> = sources
        .iter()
        .rev()
        .map(|source| source.read_at(now))
        .collect();
    snapshots.reverse();
    snapshots.into()
}
