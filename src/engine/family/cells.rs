//! Series that are one cell each, on pages that belong to their family: counters and gauges.
//!
//! **Removal.** The cell keeps its value, since handles may still write to it: what they add is the difference to the value at the
//! removal. It is added to the detached sum, and the cell is given to another series, once no handle is left
//! ([`handles`](crate::engine::counter::handles)) and no rebuild of the registry's snapshot can read the cell for the removed series
//! any more ([`rebuilds`](crate::engine::rebuilds)).
//!
//! **Pages.** A new series takes the lowest free position, and the last page is freed when neither it nor the page before it has a cell in
//! use. A slow rebuild keeps the cells of everything that is removed meanwhile; this returns the memory afterwards.
//!
//! **Another series.** A counter's cell goes on from where it stands, which readers subtract: the series' *baseline*. So neither a
//! reader nor a page's epoch sees a cell go back. A gauge's cell, or a float's, is cleared instead: its difference would not be exact.
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | a cell is settled only when no handle is left | the handle counts | one series' writes count for another | `family::what_a_dropped_handle_wrote_is_detached` |
//! | and only after the rebuilds that may read it | the mark | the same, in a snapshot | `family::a_cell_is_kept_until_a_rebuild_has_ended` |
//! | a page is given back when no cell of it is in use, and readers tell a new one from it | program order | a snapshot shows what was there before | `family::pages_at_the_end_are_given_back` |
//! | a gauge is cleared, and its page's epoch raised | Release | a snapshot shows the removed series' value | `family::a_gauge_is_reused` |
//!
//! **Progress.** That of the family's lock.

use super::Members;
use super::labels::LabelValues;
use super::list::{Series, SeriesList};
use crate::engine::chunked::Chunked;
use crate::engine::counter::handles::CellHandle;
use crate::engine::counter::page::Page;
use crate::engine::rebuilds::{Mark, Rebuilds};
use crate::engine::throughput::Moment;
use crate::tuning::PAGE_CELLS;
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Removed series that are looked at whenever one is created or removed: more than come, so that they do not pile up.
const LOOKS: usize = 4;

/// Room for so many of them is kept.
const KEPT: usize = 64;

/// What the bits of a cell mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CellKind {
    /// A counter: the cell is never cleared.
    Counter,
    /// A whole number that is set.
    Whole,
    /// A floating-point number.
    Float,
}

impl CellKind {
    fn add(self, a: u64, b: u64) -> u64 {
        match self {
            Self::Counter | Self::Whole => a.wrapping_add(b),
            Self::Float => (f64::from_bits(a) + f64::from_bits(b)).to_bits(),
        }
    }

    /// The value of a series whose cell holds `cell`, and held `before` when the series got it.
    pub(crate) fn since(self, cell: u64, before: u64) -> u64 {
        match self {
            Self::Counter | Self::Whole => cell.wrapping_sub(before),
            // Zero is not subtracted: it would turn -0.0 into 0.0.
            Self::Float if before == 0 => cell,
            Self::Float => (f64::from_bits(cell) - f64::from_bits(before)).to_bits(),
        }
    }
}

/// What readers copy: the series with their baselines, and the pages of their cells. Position `n` is cell `n % 256` of page `n / 256`.
#[derive(Clone, Debug)]
pub(crate) struct CellList {
    pub(crate) kind: CellKind,
    pub(crate) series: SeriesList<u64>,
    pub(crate) pages: Arc<Vec<Arc<Page>>>,
    /// When the series at each position was created, in nanoseconds of the registry's clock; empty if that is not kept.
    created: Chunked<u64>,
}

/// A removed series whose cell may still be written to, or read.
#[derive(Debug)]
struct Removed {
    position: usize,
    /// What the cell held: what is more is detached.
    held: u64,
    mark: Mark,
}

/// See the module's header.
pub(crate) struct Cells<H, V> {
    list: Arc<CellList>,
    new_page: Box<dyn Fn() -> Page + Send>,
    /// The time now, if times of creation are kept.
    now: Option<Box<dyn Fn() -> Duration + Send>>,
    handle: fn(CellHandle) -> H,
    value: fn(u64) -> V,
    /// Positions that another series can have.
    free: BTreeSet<usize>,
    /// By page, how many of its positions are not free.
    used: Vec<usize>,
    removed: VecDeque<Removed>,
    detached: u64,
    rebuilds: Arc<Rebuilds>,
}

impl CellList {
    fn cell(&self, position: usize) -> (&Arc<Page>, u8) {
        (
            &self.pages[position / PAGE_CELLS],
            (position % PAGE_CELLS) as u8,
        )
    }

    /// When the series at a position was created, if that is kept.
    pub(crate) fn created(&self, position: usize) -> Option<Duration> {
        let created = self.created.get(position);
        created.map(|nanos| Duration::from_nanos(*nanos))
    }

    fn read(&self, position: usize) -> u64 {
        let (page, index) = self.cell(position);
        page.value(index)
    }
}

impl<H, V> Cells<H, V> {
    /// `handle` and `value` make what users get of a cell and of its bits.
    pub(crate) fn new(
        kind: CellKind,
        rebuilds: &Arc<Rebuilds>,
        new_page: impl Fn() -> Page + Send + 'static,
        handle: fn(CellHandle) -> H,
        value: fn(u64) -> V,
    ) -> Self {
        Self {
            list: Arc::new(CellList {
                kind,
                series: SeriesList::default(),
                pages: Arc::default(),
                created: Chunked::default(),
            }),
            new_page: Box::new(new_page),
            now: None,
            handle,
            value,
            free: BTreeSet::new(),
            used: Vec::new(),
            removed: VecDeque::new(),
            detached: 0,
            rebuilds: Arc::clone(rebuilds),
        }
    }

    /// Keeps when each series was created. Asks for the time while the family is locked.
    pub(crate) fn with_creation_times(self, now: impl Fn() -> Duration + Send + 'static) -> Self {
        Self {
            now: Some(Box::new(now)),
            ..self
        }
    }

    /// Adds up what was written to removed series, and frees their cells, as far as that is final.
    fn settle(&mut self) {
        for _ in 0..LOOKS.min(self.removed.len()) {
            let Some(removed) = self.removed.pop_front() else {
                return;
            };
            let (page, index) = self.list.cell(removed.position);
            if page.holders.handles_of(index) == 0 && self.rebuilds.have_ended(removed.mark) {
                let later = self.list.kind.since(page.value(index), removed.held);
                self.detached = self.list.kind.add(self.detached, later);
                if self.list.kind != CellKind::Counter {
                    page.clear(index);
                }
                self.free.insert(removed.position);
                self.used[removed.position / PAGE_CELLS] -= 1;
            } else {
                self.removed.push_back(removed);
            }
        }
        self.give_back_pages();
    }

    /// Gives back pages at the end, but for one that is not in use: the next series may need it.
    fn give_back_pages(&mut self) {
        while let [.., 0, 0] = &*self.used {
            let list = Arc::make_mut(&mut self.list);
            Arc::make_mut(&mut list.pages).pop();
            list.series.pop_empty_chunk();
            list.created.pop_chunk();
            self.used.pop();
            self.free.split_off(&(self.used.len() * PAGE_CELLS));
        }
        let room = 2 * self.removed.len() + KEPT;
        if self.removed.capacity() > 2 * room {
            self.removed.shrink_to(room);
        }
    }

    /// Takes a series off its position. Returns what its cell holds, and what it held when the series got it. `from` chooses one of the
    /// two: whatever the cell gains beyond that counts as detached.
    fn take(&mut self, position: usize, from: fn(u64, u64) -> u64) -> Option<(u64, u64)> {
        self.settle();
        let series = Arc::make_mut(&mut self.list).series.take(position)?;
        let held = self.list.read(position);
        self.removed.push_back(Removed {
            position,
            held: from(held, series.item),
            mark: self.rebuilds.mark(),
        });
        Some((held, series.item))
    }

    fn value_of(&self, position: usize, series: &Series<u64>) -> u64 {
        self.list.kind.since(self.list.read(position), series.item)
    }

    fn total(&self, values: impl Iterator<Item = u64>) -> V {
        (self.value)(values.fold(0, |sum, value| self.list.kind.add(sum, value)))
    }
}

impl<H: Clone + Send + Sync, V> Members for Cells<H, V> {
    type Handle = H;
    type Value = V;
    type List = CellList;

    fn create(&mut self, labels: &LabelValues) -> (H, usize) {
        self.settle();
        let position = self.free.pop_first();
        let position = position.unwrap_or_else(|| self.list.series.positions());
        let list = Arc::make_mut(&mut self.list);
        if position == list.pages.len() * PAGE_CELLS {
            Arc::make_mut(&mut list.pages).push(Arc::new((self.new_page)()));
            self.used.push(0);
        }
        self.used[position / PAGE_CELLS] += 1;
        let (page, index) = list.cell(position);
        let item = match list.kind {
            CellKind::Counter => page.value(index),
            CellKind::Whole | CellKind::Float => 0,
        };
        page.holders.give(index, item);
        let cell = CellHandle::new(Arc::clone(page), index);
        let labels = labels.clone();
        list.series.put(position, Series { labels, item });
        if let Some(now) = &self.now {
            let now = now().as_nanos() as u64;
            match list.created.get_mut(position) {
                Some(created) => *created = now,
                None => list.created.push(now),
            }
        }
        ((self.handle)(cell), position)
    }

    fn remove(&mut self, position: usize, _now: Moment) -> Option<V> {
        let (held, item) = self.take(position, |held, _| held)?;
        Some((self.value)(self.list.kind.since(held, item)))
    }

    fn expire(&mut self, position: usize, _now: Moment) {
        self.take(position, |_, item| item);
    }

    fn handle(&self, position: usize) -> Option<H> {
        self.list.series.get(position)?;
        let (page, index) = self.list.cell(position);
        Some((self.handle)(CellHandle::new(Arc::clone(page), index)))
    }

    fn handles(&self, position: usize) -> usize {
        let (page, index) = self.list.cell(position);
        page.holders.handles_of(index)
    }

    fn positions(&self) -> Vec<usize> {
        let series = self.list.series.iter();
        series.map(|(position, _)| position).collect()
    }

    fn list(&self) -> &Arc<CellList> {
        &self.list
    }

    fn labels(&self, position: usize) -> Option<&LabelValues> {
        Some(&self.list.series.get(position)?.labels)
    }

    fn values(&self, _now: Moment) -> Vec<(LabelValues, V)> {
        let series = self.list.series.iter();
        let value = |(position, series): (usize, &Series<u64>)| {
            let value = (self.value)(self.value_of(position, series));
            (series.labels.clone(), value)
        };
        series.map(value).collect()
    }

    fn sum(&self, _now: Moment) -> V {
        let series = self.list.series.iter();
        self.total(series.map(|(position, series)| self.value_of(position, series)))
    }

    fn detached(&self, _now: Moment) -> V {
        let removed = self.removed.iter();
        let later = removed.map(|removed| {
            let cell = self.list.read(removed.position);
            self.list.kind.since(cell, removed.held)
        });
        self.total(later.chain([self.detached]))
    }

    fn len(&self) -> usize {
        self.list.series.len()
    }
}

impl<H, V> fmt::Debug for Cells<H, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cells")
            .field("kind", &self.list.kind)
            .field("series", &self.list.series.len())
            .field("removed", &self.removed.len())
            .finish_non_exhaustive()
    }
}
