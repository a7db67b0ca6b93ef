//! The order in which the metrics of a registry are read.
//!
//! **A before B.** If every thread writes to A before B, no reading may show more of B than of A. So what may be B is read
//! before what may be A: first the histograms, then the throughputs, then the pages of counters and gauges; of each kind the
//! one that was registered last first. The list of a family's series is copied when its turn comes, not before: a series of A that
//! was created before a write to B is on it. The generation and the words of the slots come first: a reset that is not in it yet makes the next
//! reading start over, one that is in it shows.
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | the slots' words before the metrics | program order, Acquire | a write is marked clean unread | `read_order::a_write_is_not_marked_clean` |
//! | generation first | program order, Acquire | a reset that never shows | `read_order::a_reset_shows` |
//! | histograms before throughputs before pages | program order, Acquire | B ahead of A | `read_order::a_before_b` |
//! | the last registered first | program order, Acquire | B ahead of A, both of one kind | `read_order::a_before_b_of_one_kind` |
//! | a family's list when its turn comes | the family's lock | B ahead of a new series of A | `family::a_new_series_before_b` |
//!
//! **Did anything change?** Every write bumps the word of its slot, last, so a reading is current while the words add up to what they
//! did before it: no metric is asked. What changes without a write is kept with the reading: rates are those of a second.
//!
//! The orderings are those of what is read. **Progress.** That of the snapshots that are read.

use super::chunked::Chunked;
use super::counter::page::Page;
use super::counter::page_cache::PageCache;
use super::family::Listed;
use super::family::cells::CellList;
use super::family::objects::ObjectList;
use super::family_reader::CachedFamily;
use super::generation::Generation;
use super::readout::{CellsRead, GroupRead, PagesRead, SnapshotSource, Validity};
use super::rebuilds::Rebuilds;
use super::slot::changes::Changes;
use crate::engine::throughput::Moment;
use std::fmt::Debug;
use std::slice;
use std::sync::Arc;

/// A histogram or throughput, or a family of them.
#[derive(Debug)]
pub(crate) enum Group<T> {
    One(Arc<T>),
    Family(Arc<dyn Listed<ObjectList<T>>>),
}

/// A page of single counters and gauges, or all pages of a family.
#[derive(Clone, Debug)]
pub(crate) enum PageGroup {
    Page(Arc<Page>),
    Family(Arc<dyn Listed<CellList>>),
}

/// All metrics of a registry, each kind in the order of registration.
pub(crate) struct Sources<'a, H, T> {
    pub(crate) generation: &'a Generation,
    /// The words of all slots that write to these metrics.
    pub(crate) changes: &'a Changes,
    pub(crate) rebuilds: &'a Rebuilds,
    pub(crate) histograms: &'a Chunked<Group<H>>,
    pub(crate) throughputs: &'a Chunked<Group<T>>,
    pub(crate) pages: &'a Chunked<PageGroup>,
}

/// One reading of all metrics.
#[derive(Debug)]
pub(crate) struct Readout<H: SnapshotSource, T: SnapshotSource> {
    pub(crate) histograms: Box<[GroupRead<H>]>,
    pub(crate) throughputs: Box<[GroupRead<T>]>,
    pub(crate) pages: Box<[PagesRead]>,
    /// The sum of the slots' words.
    changes: u64,
    generation: u64,
    validity: Validity,
}

/// What a reader of all metrics keeps from one reading to the next.
#[derive(Debug)]
pub(crate) struct ReadCache<H: SnapshotSource, T: SnapshotSource> {
    histograms: Vec<CachedGroup<H>>,
    throughputs: Vec<CachedGroup<T>>,
    pages: Vec<CachedPages>,
}

/// A metric, or the last reading of a family.
#[derive(Debug)]
enum CachedGroup<T: SnapshotSource> {
    One(Arc<T>),
    Family(CachedFamily<T>),
}

/// The last reading of a group of pages. It keeps the group, so that no other one has its address.
#[derive(Debug)]
struct CachedPages {
    group: PageGroup,
    cache: PageCache,
    read: Option<Arc<CellsRead>>,
    /// The reading before it, if its list is the same.
    earlier: Option<Arc<CellsRead>>,
}

impl<T> Clone for Group<T> {
    fn clone(&self) -> Self {
        match self {
            Self::One(one) => Self::One(Arc::clone(one)),
            Self::Family(family) => Self::Family(Arc::clone(family)),
        }
    }
}

impl<T> Group<T> {
    /// Calls `each` with all that are there now.
    pub(crate) fn for_each(&self, each: impl Fn(&T)) {
        match self {
            Self::One(one) => each(one),
            Self::Family(family) => family
                .list()
                .series
                .iter()
                .for_each(|(_, it)| each(&it.item)),
        }
    }
}

impl<H: SnapshotSource, T: SnapshotSource> Default for Readout<H, T> {
    fn default() -> Self {
        Self {
            histograms: [].into(),
            throughputs: [].into(),
            pages: [].into(),
            changes: 0,
            generation: 0,
            validity: Validity::Lasting,
        }
    }
}

impl PageGroup {
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Page(ours), Self::Page(theirs)) => Arc::ptr_eq(ours, theirs),
            (Self::Family(ours), Self::Family(theirs)) => Arc::ptr_eq(ours, theirs),
            _ => false,
        }
    }
}

impl<H: SnapshotSource, T: SnapshotSource> Sources<'_, H, T> {
    /// Reads everything, at the time `now`.
    pub(crate) fn read(&self, cache: &mut ReadCache<H, T>, now: Moment) -> Readout<H, T> {
        let _rebuild = self.rebuilds.begin();
        let mut validity = Validity::Lasting;
        // Before the metrics: what is written from here on is read again next time.
        let changes = self.changes.sum();
        let generation = self.generation.get();
        let ReadCache {
            histograms,
            throughputs,
            pages,
        } = cache;
        let histograms = CachedGroup::read(histograms, self.histograms, now, &mut validity);
        let throughputs = CachedGroup::read(throughputs, self.throughputs, now, &mut validity);
        let pages = CachedPages::read(pages, self.pages);
        Readout {
            histograms,
            throughputs,
            pages,
            changes,
            generation,
            validity,
        }
    }

    /// Whether something was reset since a reading.
    pub(crate) fn was_reset(&self, readout: &Readout<H, T>) -> bool {
        self.generation.get() != readout.generation
    }

    /// Whether a reading that was loaded before this call is still complete in this second. It does not look for resets, or for series
    /// that were added or removed.
    pub(crate) fn is_current(&self, readout: &Readout<H, T>, second: u64) -> bool {
        readout.validity.is_in(second) && readout.changes == self.changes.sum()
    }
}

impl<H: SnapshotSource, T: SnapshotSource> Default for ReadCache<H, T> {
    fn default() -> Self {
        Self {
            histograms: Vec::new(),
            throughputs: Vec::new(),
            pages: Vec::new(),
        }
    }
}

/// Drops the cached state of groups that were removed, and adds empty state for new ones. Both lists are in the order of registration.
fn follow<C, G>(
    cached: &mut Vec<C>,
    groups: &Chunked<G>,
    is: impl Fn(&C, &G) -> bool,
    new: impl Fn(&G) -> C,
) {
    for (kept, group) in groups.iter().enumerate() {
        while cached.get(kept).is_some_and(|cached| !is(cached, group)) {
            cached.remove(kept);
        }
        if kept == cached.len() {
            cached.push(new(group));
        }
    }
    cached.truncate(groups.len());
}

/// What `read` makes of all groups, the last one first.
fn backwards<C, R>(cached: &mut [C], read: impl FnMut(&mut C) -> R) -> Box<[R]> {
    let mut read: Vec<_> = cached.iter_mut().rev().map(read).collect();
    read.reverse();
    read.into()
}

impl<T: SnapshotSource> CachedGroup<T> {
    fn is(&self, group: &Group<T>) -> bool {
        match (self, group) {
            (Self::One(ours), Group::One(theirs)) => Arc::ptr_eq(ours, theirs),
            (Self::Family(ours), Group::Family(theirs)) => ours.is(theirs),
            _ => false,
        }
    }

    fn new(group: &Group<T>) -> Self {
        match group {
            Group::One(one) => Self::One(Arc::clone(one)),
            Group::Family(family) => Self::Family(CachedFamily::new(family)),
        }
    }

    /// Reads all groups, and adds to `validity` that of what is read.
    fn read(
        cached: &mut Vec<Self>,
        groups: &Chunked<Group<T>>,
        now: Moment,
        validity: &mut Validity,
    ) -> Box<[GroupRead<T>]> {
        follow(cached, groups, Self::is, Self::new);
        backwards(cached, |cached| match cached {
            Self::One(source) => {
                let snapshot = source.read_at(now);
                *validity = validity.and(source.validity(&snapshot));
                GroupRead::One(snapshot)
            }
            Self::Family(family) => GroupRead::Family(family.read(now, validity)),
        })
    }
}

impl CachedPages {
    /// Reads the pages that were written to.
    fn read(cached: &mut Vec<Self>, groups: &Chunked<PageGroup>) -> Box<[PagesRead]> {
        let new = |group: &PageGroup| Self {
            group: group.clone(),
            cache: PageCache::default(),
            read: None,
            earlier: None,
        };
        follow(cached, groups, |cached, group| cached.group.is(group), new);
        backwards(cached, Self::refresh)
    }

    fn refresh(&mut self) -> PagesRead {
        let family = match &self.group {
            PageGroup::Family(family) => family,
            PageGroup::Page(page) => {
                self.cache.refresh(slice::from_ref(page));
                let values = self.cache.values().next().map(Arc::clone);
                return PagesRead::Page(values.unwrap_or_default());
            }
        };
        let list = family.list();
        let epoch = self.cache.refresh(&list.pages);
        let unchanged =
            |read: &&Arc<CellsRead>| read.epoch == epoch && Arc::ptr_eq(&read.list, &list);
        if let Some(read) = self.read.as_ref().filter(unchanged) {
            return PagesRead::Family(Arc::clone(read));
        }
        let earlier = self.earlier.take().and_then(Arc::into_inner);
        let pages = match earlier.filter(|earlier| Arc::ptr_eq(&earlier.list, &list)) {
            None => self.cache.values().map(Arc::clone).collect(),
            // Nobody else holds it. Pages that did not change are not touched.
            Some(mut earlier) => {
                for (page, values) in earlier.pages.iter_mut().zip(self.cache.values()) {
                    if !Arc::ptr_eq(page, values) {
                        *page = Arc::clone(values);
                    }
                }
                earlier.pages
            }
        };
        let read = Arc::new(CellsRead {
            pages,
            list: Arc::clone(&list),
            epoch,
        });
        let last = self.read.replace(Arc::clone(&read));
        self.earlier = last.filter(|last| Arc::ptr_eq(&last.list, &list));
        PagesRead::Family(read)
    }
}
