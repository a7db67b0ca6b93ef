//! One family of a registry's snapshot.

use crate::engine::read_order::Readout;
use crate::engine::readout::{CellsPart, CellsRead, PART};
use crate::kind::{MetricKind, Unit};
use crate::metric::histogram::HistogramCore;
use crate::metric::throughput::ThroughputCore;
use crate::registry::catalog::{CellValue, FamilyEntry, Groups, Stored};
use crate::registry::series_snapshot::{Held, SeriesSnapshot};
use crate::sample::description::FamilyDescription;
use crate::snapshot::histogram::HistogramSnapshot;
use crate::tuning::PAGE_CELLS;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// One family of a [`RegistrySnapshot`](crate::RegistrySnapshot): a metric without labels is a family of one series.
///
/// ```
/// use epoch_metrics::MetricKind;
///
/// let registry = epoch_metrics::Registry::new();
/// registry.gauge("queued", "Requests that wait.")?;
/// let snapshot = registry.snapshot();
/// let family = snapshot.family("queued").expect("it is registered");
/// assert_eq!((family.kind(), family.help()), (MetricKind::Gauge, "Requests that wait."));
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone, Copy)]
pub struct FamilySnapshot<'a> {
    pub(super) readout: &'a Readout<HistogramCore, ThroughputCore>,
    pub(super) entry: &'a FamilyEntry,
}

/// The series of a family, by position.
struct SeriesIter<'a> {
    family: FamilySnapshot<'a>,
    position: usize,
    left: usize,
}

impl<'a> FamilySnapshot<'a> {
    pub(super) fn description(&self) -> &'a FamilyDescription {
        &self.entry.description
    }

    /// Whether it is on a page.
    pub(super) fn is_shown(&self) -> bool {
        !matches!(self.entry.stored, Stored::Rejections(_)) || self.len() > 0
    }

    /// The name with the registry's prefix, without the suffixes that a page adds.
    pub fn name(&self) -> &'a str {
        &self.entry.description.name
    }

    /// What the metric means.
    pub fn help(&self) -> &'a str {
        &self.entry.description.help
    }

    /// The kind, as expositions name it.
    pub fn kind(&self) -> MetricKind {
        self.entry.description.kind
    }

    /// The unit of a histogram's values.
    pub fn unit(&self) -> Unit {
        self.entry.description.unit
    }

    /// The names of the labels by which the series differ. The registry's constant labels are not among them.
    pub fn labels(&self) -> &'a [Box<str>] {
        &self.entry.description.labels
    }

    /// The series, in the order in which they were created. A series that was created after another one was removed may come in
    /// that one's place.
    pub fn series(&self) -> impl ExactSizeIterator<Item = SeriesSnapshot<'a>> + use<'a> {
        SeriesIter {
            family: *self,
            position: 0,
            left: self.len(),
        }
    }

    /// How many series there are.
    fn len(self) -> usize {
        let readout = self.readout;
        match &self.entry.stored {
            Stored::Cell(..) => 1,
            Stored::Cells(..) => self.cells().map_or(0, |read| read.list.series.len()),
            Stored::Histograms(group) | Stored::Rejections(group) | Stored::Recent(group) => {
                readout.histograms[*group].len()
            }
            Stored::Windows(group, windows) => readout.histograms[*group].len() * windows.len(),
            Stored::Totals(group) => readout.throughputs[*group].len(),
            Stored::Rates(group, windows) => readout.throughputs[*group].len() * windows.len(),
        }
    }
}

/// Series by position. A position without a series is one whose series was removed.
impl<'a> FamilySnapshot<'a> {
    /// How many positions there are. All windows of one throughput come before those of the next.
    pub(super) fn positions(self) -> usize {
        let readout = self.readout;
        match &self.entry.stored {
            Stored::Cell(..) => 1,
            Stored::Cells(..) => self.cells().map_or(0, |read| read.list.series.positions()),
            Stored::Histograms(group) | Stored::Rejections(group) | Stored::Recent(group) => {
                readout.histograms[*group].positions()
            }
            Stored::Windows(group, windows) => {
                readout.histograms[*group].positions() * windows.len()
            }
            Stored::Totals(group) => readout.throughputs[*group].positions(),
            Stored::Rates(group, windows) => {
                readout.throughputs[*group].positions() * windows.len()
            }
        }
    }

    /// The cells of a family of cells.
    pub(super) fn cells(self) -> Option<&'a Arc<CellsRead>> {
        match self.entry.stored {
            Stored::Cells(_, group) => self.readout.pages[group].family(),
            _ => None,
        }
    }

    /// The series at a position.
    pub(super) fn at(self, position: usize) -> Option<SeriesSnapshot<'a>> {
        let readout = self.readout;
        let mut since = None;
        let (values, last, held) = match &self.entry.stored {
            Stored::Cell(value, group, index) => {
                since = Some(self.entry.description.registered);
                let bits = readout.pages[*group].cell(*index);
                (None, None, Held::Cell(*value, bits))
            }
            Stored::Cells(value, _) => {
                let read = self.cells()?;
                since = read.list.created(position);
                let (labels, bits) = read.series(position)?;
                (Some(labels), None, Held::Cell(*value, bits))
            }
            Stored::Histograms(group) => {
                let (labels, held) = readout.histograms[*group].series(position)?;
                (labels, None, Held::Histogram(held))
            }
            Stored::Rejections(group) => {
                let (labels, held) = readout.histograms[*group].series(position)?;
                (labels, None, Held::Rejections(held))
            }
            Stored::Recent(group) => {
                let (labels, held) = readout.histograms[*group].series(position)?;
                (labels, None, Held::Recent(held))
            }
            Stored::Windows(group, windows) => {
                let (position, window) = (position / windows.len(), position % windows.len());
                let (labels, held) = readout.histograms[*group].series(position)?;
                (labels, Some(&*windows[window]), Held::Window(held, window))
            }
            Stored::Totals(group) => {
                let (labels, held) = readout.throughputs[*group].series(position)?;
                (labels, None, Held::Total(held))
            }
            Stored::Rates(group, windows) => {
                let (position, window) = (position / windows.len(), position % windows.len());
                let (labels, held) = readout.throughputs[*group].series(position)?;
                (labels, Some(&*windows[window]), Held::Rate(held, window))
            }
        };
        Some(SeriesSnapshot {
            description: &self.entry.description,
            labels: self.entry.description.label_set(values, last),
            held,
            since,
        })
    }

    /// One page of a family of cells, and what the bits of its cells are.
    pub(super) fn cells_of(self, part: usize) -> Option<(CellsPart<'a>, CellValue)> {
        match self.entry.stored {
            Stored::Cells(value, _) => Some((self.cells()?.part(part)?, value)),
            _ => None,
        }
    }

    /// Whether the series of a part are the same in another snapshot of this family, and have the same values.
    pub(super) fn is_same_part(self, other: Self, number: usize) -> bool {
        match self.cells_of(number).zip(other.cells_of(number)) {
            Some(((ours, _), (theirs, _))) => ours.is(theirs),
            None => self.differing(other, number) == Some(0),
        }
    }

    /// Which histograms or throughputs of a part are others, or have other values, than in another snapshot of this family, a bit for each.
    /// A single cell is one bit. `None`: other positions of the part are empty, or it has cells.
    ///
    /// It compares objects, so equal values of two reads of a histogram count as different; but not what it rejected, which seldom changes.
    pub(super) fn differing(self, other: Self, number: usize) -> Option<u8> {
        let (ours, theirs) = (self.readout, other.readout);
        let ((groups, at), (_, before)) = (self.entry.stored.group(), other.entry.stored.group());
        match groups {
            Groups::Histograms => {
                let of_rejections = matches!(self.entry.stored, Stored::Rejections(_));
                let same = |ours: &HistogramSnapshot, theirs: &HistogramSnapshot| {
                    let rejected = ours.rejected == theirs.rejected;
                    // Of one histogram, which may have come in the place of another one.
                    of_rejections && rejected && ours.origin == theirs.origin
                };
                ours.histograms[at].differing(&theirs.histograms[before], number, same)
            }
            Groups::Throughputs => {
                let (ours, theirs) = (&ours.throughputs[at], &theirs.throughputs[before]);
                ours.differing(theirs, number, |_, _| false)
            }
            Groups::Pages => {
                let cell = |of: Self| match of.entry.stored {
                    Stored::Cell(_, group, index) => Some(of.readout.pages[group].cell(index)),
                    _ => None,
                };
                Some(u8::from(cell(self)? != cell(other)?))
            }
        }
    }
}

/// Parts: so many positions that their bytes are kept as one piece.
impl<'a> FamilySnapshot<'a> {
    pub(super) fn parts(self) -> usize {
        self.positions().div_ceil(self.part_len())
    }

    /// The positions of a part.
    pub(super) fn positions_of(self, part: usize) -> Range<usize> {
        let (len, positions) = (self.part_len(), self.positions());
        positions.min(part * len)..positions.min((part + 1) * len)
    }

    fn part_len(self) -> usize {
        match &self.entry.stored {
            Stored::Cell(..) | Stored::Cells(..) => PAGE_CELLS,
            Stored::Histograms(_)
            | Stored::Rejections(_)
            | Stored::Recent(_)
            | Stored::Totals(_)
            | Stored::Windows(..)
            | Stored::Rates(..) => PART * self.width(),
        }
    }

    /// Series of one histogram or throughput, side by side.
    pub(super) fn width(self) -> usize {
        match &self.entry.stored {
            Stored::Windows(_, windows) | Stored::Rates(_, windows) => windows.len().max(1),
            _ => 1,
        }
    }
}

impl<'a> Iterator for SeriesIter<'a> {
    type Item = SeriesSnapshot<'a>;

    fn next(&mut self) -> Option<SeriesSnapshot<'a>> {
        self.left = self.left.checked_sub(1)?;
        let positions = self.position..self.family.positions();
        let (at, series) = positions
            .into_iter()
            .find_map(|at| Some((at, self.family.at(at)?)))?;
        self.position = at + 1;
        Some(series)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for SeriesIter<'_> {}

impl fmt::Debug for FamilySnapshot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("FamilySnapshot");
        out.field("name", &self.name()).field("kind", &self.kind());
        out.field("series", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for FamilySnapshot<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut out = serializer.serialize_struct("FamilySnapshot", 4)?;
        out.serialize_field("kind", &self.kind())?;
        out.serialize_field("help", self.help())?;
        out.serialize_field("unit", &self.unit())?;
        out.serialize_field("series", &self.series().collect::<Vec<_>>())?;
        out.end()
    }
}
