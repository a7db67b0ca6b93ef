//! Which metrics there are: families, and where the values of their series are stored.
//!
//! Registrations copy a chunk of each list, not the lists. The series of families with labels are not here: each family has a list of
//! its own, so that a new series changes nothing of the catalog.

use crate::engine::chunked::Chunked;
use crate::engine::counter::handles::CellHandle;
use crate::engine::counter::page::Page;
use crate::engine::family::Listed;
use crate::engine::family::cells::CellList;
use crate::engine::family::objects::ObjectList;
use crate::engine::read_order::{Group, PageGroup};
use crate::engine::slot::adaptive::Promotion;
use crate::kind::MetricKind;
use crate::metric::histogram::HistogramCore;
use crate::metric::options::ValidOptions;
use crate::metric::throughput::ThroughputCore;
use crate::registry::own_labels::own_labels;
use crate::sample::description::FamilyDescription;
use crate::sample::value::Value;
use crate::tuning::PAGE_CELLS;
use std::sync::Arc;
use std::time::Duration;

/// Everything that is registered, each kind of storage in the order of registration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog {
    pub(crate) families: Chunked<FamilyEntry>,
    pub(crate) pages: Chunked<PageGroup>,
    pub(crate) histograms: Chunked<Group<HistogramCore>>,
    pub(crate) throughputs: Chunked<Group<ThroughputCore>>,
    /// What histograms rejected: for each family of them, one of these.
    pub(crate) rejections: Chunked<FamilyEntry>,
    /// What these are called; `None` if there are none.
    rejected: Option<Arc<FamilyDescription>>,
    /// When threads get cells of their own.
    promotion: Arc<Promotion>,
    /// Cells in use of the last page, if it is one of single metrics.
    cells: usize,
}

/// One family.
#[derive(Clone, Debug)]
pub(crate) struct FamilyEntry {
    /// Shared by all snapshots; a change (a help text that comes late) replaces it.
    pub(crate) description: Arc<FamilyDescription>,
    pub(crate) stored: Stored,
}

/// Where the values of a family are stored: indices of groups, and how a value is read there.
#[derive(Clone, Debug)]
pub(crate) enum Stored {
    /// A single metric: a cell by its group and its index on the page.
    Cell(CellValue, usize, u8),
    /// The cells of a family.
    Cells(CellValue, usize),
    /// One histogram, or a family of them.
    Histograms(usize),
    /// Quantiles of the recent samples of one histogram, or of each of a family of them.
    Recent(usize),
    /// Quantiles of their windows: a series for each window. With the texts of the windows.
    Windows(usize, Arc<[Box<str>]>),
    /// How many values of one histogram, or of each of a family of them, were rejected.
    Rejections(usize),
    /// The totals of one throughput, or of a family of them.
    Totals(usize),
    /// The rates of one throughput, or of a family of them: a series for each window. With the texts of the windows.
    Rates(usize, Arc<[Box<str>]>),
}

/// The list that a number of a group belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Groups {
    Pages,
    Histograms,
    Throughputs,
}

impl Stored {
    pub(crate) fn group(&self) -> (Groups, usize) {
        match self {
            Self::Cell(_, at, _) | Self::Cells(_, at) => (Groups::Pages, *at),
            Self::Histograms(at)
            | Self::Rejections(at)
            | Self::Recent(at)
            | Self::Windows(at, _) => (Groups::Histograms, *at),
            Self::Totals(at) | Self::Rates(at, _) => (Groups::Throughputs, *at),
        }
    }

    fn number_of_group(&mut self) -> &mut usize {
        match self {
            Self::Cell(_, at, _) | Self::Cells(_, at) => at,
            Self::Histograms(at)
            | Self::Rejections(at)
            | Self::Recent(at)
            | Self::Windows(at, _) => at,
            Self::Totals(at) | Self::Rates(at, _) => at,
        }
    }
}

/// What the bits of a cell are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CellValue {
    Counter,
    FloatCounter,
    Gauge,
    FloatGauge,
}

impl CellValue {
    pub(crate) fn kind(self) -> MetricKind {
        match self {
            Self::Counter | Self::FloatCounter => MetricKind::Counter,
            Self::Gauge | Self::FloatGauge => MetricKind::Gauge,
        }
    }

    pub(crate) fn of(self, bits: u64) -> Value {
        match self {
            Self::Counter => Value::Counter(bits),
            Self::FloatCounter => Value::FloatCounter(f64::from_bits(bits)),
            Self::Gauge => Value::Gauge(bits as i64),
            Self::FloatGauge => Value::FloatGauge(f64::from_bits(bits)),
        }
    }
}

impl Catalog {
    /// An empty catalog. `rejected`: describes what histograms rejected. `promotion`: the registry's.
    pub(super) fn new(rejected: Option<Arc<FamilyDescription>>, promotion: Arc<Promotion>) -> Self {
        Self {
            rejected,
            promotion,
            ..Self::default()
        }
    }

    pub(super) fn add_family(&mut self, description: &Arc<FamilyDescription>, stored: Stored) {
        self.families.push(FamilyEntry {
            description: Arc::clone(description),
            stored,
        });
    }

    /// Adds a single metric whose value is a cell, the next free one.
    pub(super) fn add_cell(
        &mut self,
        description: &Arc<FamilyDescription>,
        value: CellValue,
    ) -> CellHandle {
        let open = match self.pages.last() {
            Some(PageGroup::Page(page)) if self.cells < PAGE_CELLS => Some(Arc::clone(page)),
            // A page that is full, or a family: metrics that are registered later come on a later page.
            _ => None,
        };
        let page = open.unwrap_or_else(|| {
            let page = Arc::new(Page::new(Arc::clone(&self.promotion)));
            self.pages.push(PageGroup::Page(Arc::clone(&page)));
            self.cells = 0;
            page
        });
        let index = self.cells as u8;
        self.cells += 1;
        let group = self.pages.len() - 1;
        self.add_family(description, Stored::Cell(value, group, index));
        CellHandle::new(page, index)
    }

    /// Adds a family of cells.
    pub(super) fn add_cells(
        &mut self,
        description: &Arc<FamilyDescription>,
        value: CellValue,
        family: Arc<dyn Listed<CellList>>,
    ) {
        self.pages.push(PageGroup::Family(family));
        let group = self.pages.len() - 1;
        self.add_family(description, Stored::Cells(value, group));
    }

    /// Adds a histogram, or a family of histograms, and the summaries that the options ask for.
    pub(super) fn add_histograms(
        &mut self,
        families: &[Arc<FamilyDescription>],
        options: &ValidOptions,
        group: Group<HistogramCore>,
    ) {
        self.histograms.push(group);
        let group = self.histograms.len() - 1;
        let recent = options.export_recent.then_some(Stored::Recent(group));
        let windows = || Stored::Windows(group, texts(&options.windows));
        let windows = options.export_windows.then(windows);
        let stored = [Stored::Histograms(group)].into_iter();
        for (description, stored) in families.iter().zip(stored.chain(recent).chain(windows)) {
            self.add_family(description, stored);
        }
        let description = &families[0];
        if let Some(rejected) = &self.rejected {
            let (constant, labels) = own_labels(description, true);
            let mut about = FamilyDescription::clone(rejected).open(description.open);
            (about.constant, about.labels) = (constant, labels);
            self.rejections.push(FamilyEntry {
                description: Arc::new(about),
                stored: Stored::Rejections(group),
            });
        }
    }

    /// Adds a throughput, or a family of throughputs, as the two families that it is exposed as.
    pub(super) fn add_throughputs(
        &mut self,
        total: &Arc<FamilyDescription>,
        rates: &Arc<FamilyDescription>,
        windows: &[Duration],
        group: Group<ThroughputCore>,
    ) {
        self.throughputs.push(group);
        let group = self.throughputs.len() - 1;
        self.add_family(total, Stored::Totals(group));
        self.add_family(rates, Stored::Rates(group, texts(windows)));
    }

    /// Gives a family, which has this description's name, this description.
    pub(super) fn describe(&mut self, description: &Arc<FamilyDescription>) {
        let is = |family: &FamilyEntry| family.description.name == description.name;
        let at = self.families.iter().position(is);
        if let Some(family) = at.and_then(|at| self.families.get_mut(at)) {
            family.description = Arc::clone(description);
        }
    }

    /// Removes a family. A single metric's cell stays on its page, unused.
    pub(super) fn remove_family(&mut self, name: &str) {
        let is = |family: &&FamilyEntry| family.description.name == name;
        let Some(removed) = self.families.iter().find(is).cloned() else {
            return;
        };
        // A group that is removed with it.
        let group = match removed.stored {
            Stored::Cells(_, at) => {
                self.pages = without(&self.pages, at);
                // The page that is the last one now may be one whose cells were not counted any more.
                self.cells = PAGE_CELLS;
                Some((Groups::Pages, at))
            }
            Stored::Histograms(at) => {
                self.histograms = without(&self.histograms, at);
                Some((Groups::Histograms, at))
            }
            Stored::Totals(at) => {
                // The rates of the same throughput are removed next.
                self.throughputs = without(&self.throughputs, at);
                Some((Groups::Throughputs, at))
            }
            Stored::Cell(..)
            | Stored::Rejections(_)
            | Stored::Recent(_)
            | Stored::Windows(..)
            | Stored::Rates(..) => None,
        };
        let others = self.families.iter().filter(|family| !is(family));
        self.families = renumbered(others.cloned(), group);
        let about = self.rejections.iter();
        let others = about.filter(|family| group != Some(family.stored.group()));
        self.rejections = renumbered(others.cloned(), group);
    }

    /// Families with labels, each with its cap and what it turned away.
    pub(crate) fn capped(&self) -> impl Iterator<Item = (&Arc<FamilyDescription>, Capped<'_>)> {
        self.families.iter().filter_map(|family| {
            let capped = match family.stored {
                Stored::Cells(_, group) => match self.pages.get(group)? {
                    PageGroup::Family(family) => Capped::Cells(&**family),
                    PageGroup::Page(_) => return None,
                },
                Stored::Histograms(group) => match self.histograms.get(group)? {
                    Group::Family(family) => Capped::Histograms(&**family),
                    Group::One(_) => return None,
                },
                Stored::Totals(group) => match self.throughputs.get(group)? {
                    Group::Family(family) => Capped::Throughputs(&**family),
                    Group::One(_) => return None,
                },
                Stored::Cell(..)
                | Stored::Rejections(_)
                | Stored::Recent(_)
                | Stored::Windows(..)
                | Stored::Rates(..) => return None,
            };
            Some((&family.description, capped))
        })
    }
}

/// Windows as the values of a label.
fn texts(windows: &[Duration]) -> Arc<[Box<str>]> {
    let text = |window: &Duration| format!("{}s", window.as_secs()).into_boxed_str();
    windows.iter().map(text).collect()
}

fn without<T: Clone>(groups: &Chunked<T>, at: usize) -> Chunked<T> {
    let others = groups
        .iter()
        .enumerate()
        .filter(|(number, _)| *number != at);
    others.map(|(_, group)| group.clone()).collect()
}

/// Families with the numbers of the groups that they have when one is removed.
fn renumbered(
    families: impl Iterator<Item = FamilyEntry>,
    removed: Option<(Groups, usize)>,
) -> Chunked<FamilyEntry> {
    let moves = |family: &FamilyEntry| {
        let (groups, at) = family.stored.group();
        removed.is_some_and(|(theirs, removed)| groups == theirs && at > removed)
    };
    let adapted = families.map(|mut family| {
        let moved = usize::from(moves(&family));
        *family.stored.number_of_group() -= moved;
        family
    });
    adapted.collect()
}

/// A family with a cap.
pub(crate) enum Capped<'a> {
    Cells(&'a dyn Listed<CellList>),
    Histograms(&'a dyn Listed<ObjectList<HistogramCore>>),
    Throughputs(&'a dyn Listed<ObjectList<ThroughputCore>>),
}

impl Capped<'_> {
    /// Look-ups that the cap turned away.
    pub(crate) fn overflowed(&self) -> u64 {
        match self {
            Self::Cells(family) => family.cap().overflowed(),
            Self::Histograms(family) => family.cap().overflowed(),
            Self::Throughputs(family) => family.cap().overflowed(),
        }
    }
}
