//! What a reading holds of each group of metrics, and how long it holds.

use super::chunked::Chunked;
use super::family::cells::{CellKind, CellList};
use super::family::labels::LabelValues;
use super::family::list::Series;
use super::family::objects::ObjectList;
use crate::engine::throughput::Moment;
use crate::tuning::PAGE_CELLS;
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

/// A metric with a snapshot of its own.
pub(crate) trait SnapshotSource {
    type Snapshot: Debug;

    /// How long a snapshot that was read just now holds everything, if nothing is written or reset.
    fn validity(&self, snapshot: &Self::Snapshot) -> Validity;
    /// A snapshot that holds everything, whatever staleness is allowed. `now`: a time before this call. It is given rather than
    /// read, because a registry's lock is held.
    fn read_at(&self, now: Moment) -> Arc<Self::Snapshot>;
}

/// How long something that was read holds everything, if nothing is written or reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    Lasting,
    /// In this second of the clock.
    InSecond(u64),
    /// It must be read again.
    Never,
}

/// What was read of a [`Group`](super::read_order::Group).
#[derive(Debug)]
pub(crate) enum GroupRead<T: SnapshotSource> {
    One(Arc<T::Snapshot>),
    Family(Arc<FamilyRead<T>>),
}

/// Positions whose snapshots are kept as one piece: another reading shares it until one of them changes.
pub(crate) const PART: usize = u8::BITS as usize;

/// The snapshots of a part of a family.
pub(crate) type Part<S> = [Option<Arc<S>>; PART];

/// The list of a family, and the snapshots of the series on it, at the same positions.
#[derive(Debug)]
pub(crate) struct FamilyRead<T: SnapshotSource> {
    pub(super) list: Arc<ObjectList<T>>,
    pub(super) parts: Chunked<Arc<Part<T::Snapshot>>>,
}

impl<T: SnapshotSource> Clone for FamilyRead<T> {
    fn clone(&self) -> Self {
        Self {
            list: Arc::clone(&self.list),
            parts: self.parts.clone(),
        }
    }
}

impl<T: SnapshotSource> FamilyRead<T> {
    /// What was read at a position.
    pub(super) fn snapshot(&self, position: usize) -> Option<&Arc<T::Snapshot>> {
        self.parts.get(position / PART)?[position % PART].as_ref()
    }

    /// See [`GroupRead::differing`].
    fn differing(
        &self,
        other: &Self,
        part: usize,
        same: impl Fn(&Arc<T::Snapshot>, &Arc<T::Snapshot>) -> bool,
    ) -> Option<u8> {
        let (ours, theirs) = (self.parts.get(part)?, other.parts.get(part)?);
        // Each snapshot belongs to one metric.
        if Arc::ptr_eq(ours, theirs) {
            return Some(0);
        }
        let mut differing = 0;
        for (at, snapshots) in ours.iter().zip(theirs.iter()).enumerate() {
            match snapshots {
                (None, None) => {}
                (Some(ours), Some(theirs)) if same(ours, theirs) => {}
                (Some(_), Some(_)) => differing |= 1 << at,
                _ => return None,
            }
        }
        Some(differing)
    }
}

/// What was read of a [`PageGroup`](super::read_order::PageGroup).
#[derive(Clone, Debug)]
pub(crate) enum PagesRead {
    /// The values of the page's cells.
    Page(Arc<[u64]>),
    Family(Arc<CellsRead>),
}

/// The list of a family, and the values of its pages' cells.
#[derive(Debug)]
pub(crate) struct CellsRead {
    pub(crate) list: Arc<CellList>,
    pub(crate) pages: Box<[Arc<[u64]>]>,
    /// The sum of the pages' epochs.
    pub(super) epoch: u64,
}

/// Cells that are compared at a time.
const BLOCK: usize = 8;

/// What was read of one page of a family: its series, and the values of its cells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CellsPart<'a> {
    kind: CellKind,
    series: &'a Arc<Vec<Option<Series<u64>>>>,
    cells: &'a Arc<[u64]>,
}

/// The same, kept to be compared with a later reading.
#[derive(Clone, Debug)]
pub(crate) struct KeptCells {
    kind: CellKind,
    series: Arc<Vec<Option<Series<u64>>>>,
    cells: Arc<[u64]>,
    /// The value of each series is what its cell holds: none was given a cell that another one had.
    from_zero: bool,
}

impl<T: SnapshotSource> GroupRead<T> {
    /// How many metrics were read.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Family(read) => read.list.series.len(),
        }
    }

    /// How many positions there are, empty ones included.
    pub(crate) fn positions(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Family(read) => read.list.series.positions(),
        }
    }

    /// What was read at a position; with the labels, if it is a family's.
    pub(crate) fn series(
        &self,
        position: usize,
    ) -> Option<(Option<&LabelValues>, &Arc<T::Snapshot>)> {
        match self {
            Self::One(snapshot) => (position == 0).then_some((None, snapshot)),
            Self::Family(read) => {
                let snapshot = read.snapshot(position)?;
                Some((Some(&read.list.series.get(position)?.labels), snapshot))
            }
        }
    }

    /// Which snapshots of a part are other ones than in another reading of the same group, a bit for each. `None`: other positions of it
    /// are empty. `same`: whether two that are not one object count as one.
    pub(crate) fn differing(
        &self,
        other: &Self,
        part: usize,
        same: impl Fn(&T::Snapshot, &T::Snapshot) -> bool,
    ) -> Option<u8> {
        let same = |ours: &Arc<_>, theirs: &Arc<_>| Arc::ptr_eq(ours, theirs) || same(ours, theirs);
        match (self, other) {
            (Self::One(ours), Self::One(theirs)) => Some(u8::from(!same(ours, theirs))),
            (Self::Family(ours), Self::Family(theirs)) => ours.differing(theirs, part, same),
            _ => None,
        }
    }

    /// What was read of a metric in a family.
    pub(crate) fn find(&self, metric: &Arc<T>) -> Option<&Arc<T::Snapshot>> {
        let Self::Family(read) = self else {
            return None;
        };
        let mut series = read.list.series.iter();
        let (at, _) = series.find(|(_, series)| Arc::ptr_eq(&*series.item, metric))?;
        read.snapshot(at)
    }
}

impl PagesRead {
    /// A cell of a page of single metrics.
    pub(crate) fn cell(&self, index: u8) -> u64 {
        match self {
            Self::Page(values) => values[usize::from(index)],
            Self::Family(_) => 0,
        }
    }

    /// A family's list and cells.
    pub(crate) fn family(&self) -> Option<&Arc<CellsRead>> {
        match self {
            Self::Page(_) => None,
            Self::Family(read) => Some(read),
        }
    }
}

impl CellsRead {
    /// The series at a position, with its value as a cell's bits.
    pub(crate) fn series(&self, position: usize) -> Option<(&LabelValues, u64)> {
        let series = self.list.series.get(position)?;
        let cell = self.pages.get(position / PAGE_CELLS)?[position % PAGE_CELLS];
        Some((&series.labels, self.list.kind.since(cell, series.item)))
    }
}

impl CellsRead {
    /// One page.
    pub(crate) fn part(&self, number: usize) -> Option<CellsPart<'_>> {
        Some(CellsPart {
            kind: self.list.kind,
            series: self.list.series.shared_chunk(number)?,
            cells: self.pages.get(number)?,
        })
    }
}

impl CellsPart<'_> {
    /// How many places there are, those without a series included.
    pub(crate) fn len(self) -> usize {
        self.series.len()
    }

    /// Whether both are one object: then nothing changed.
    pub(crate) fn is(self, other: Self) -> bool {
        Arc::ptr_eq(self.series, other.series) && Arc::ptr_eq(self.cells, other.cells)
    }

    /// How many series there are at these places.
    pub(crate) fn series_at(self, places: Range<usize>) -> usize {
        self.series[places].iter().flatten().count()
    }

    pub(crate) fn keep(self) -> KeptCells {
        let mut series = self.series.iter().flatten();
        KeptCells {
            kind: self.kind,
            series: Arc::clone(self.series),
            cells: Arc::clone(self.cells),
            from_zero: series.all(|series| series.item == 0),
        }
    }
}

impl KeptCells {
    /// Whether a reading is of the same series, at the same places.
    pub(crate) fn has_series_of(&self, reading: CellsPart<'_>) -> bool {
        // Both are held, so what is changed in one is changed in a copy.
        Arc::ptr_eq(&self.series, reading.series)
    }

    /// The places where another reading of the same series differs, and the values here and there, as a cell's bits.
    pub(crate) fn changes<'a>(
        &'a self,
        reading: CellsPart<'a>,
    ) -> impl Iterator<Item = (usize, u64, u64)> + 'a {
        // A reading copies the list before it reads the cells: cells behind its end may be of series that came in between.
        let places = ..self.series.len();
        let (ours, theirs) = (&self.cells[places], &reading.cells[places]);
        // Eight at a time: most of a page stands.
        let blocks = ours.chunks(BLOCK).zip(theirs.chunks(BLOCK));
        let blocks = blocks.enumerate();
        let blocks = blocks.filter(|(_, (ours, theirs))| {
            let cells = ours.iter().zip(*theirs);
            cells.fold(0, |differs, (ours, theirs)| differs | (ours ^ theirs)) != 0
        });
        let cells = blocks.flat_map(|(block, (ours, theirs))| {
            let places = block * BLOCK..;
            places.zip(ours.iter().zip(theirs))
        });
        let changed = cells.filter(|(_, (ours, theirs))| ours != theirs);
        changed.filter_map(|(place, (ours, theirs))| {
            let before = match self.from_zero {
                true => 0,
                false => self.series.get(place)?.as_ref()?.item,
            };
            let value = |cell| self.kind.since(cell, before);
            Some((place, value(*ours), value(*theirs)))
        })
    }

    /// Takes the cells of another reading of the same series.
    pub(crate) fn follow(&mut self, reading: CellsPart<'_>) {
        self.cells = Arc::clone(reading.cells);
    }
}

impl Validity {
    /// That of two things together.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Lasting, it) | (it, Self::Lasting) => it,
            (ours, theirs) if ours == theirs => ours,
            // Of two seconds, no one is both.
            _ => Self::Never,
        }
    }

    pub(super) fn is_in(self, second: u64) -> bool {
        self == Self::Lasting || self == Self::InSecond(second)
    }
}
