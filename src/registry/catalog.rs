//! Which metrics there are: families with their series, and where the value of each series is stored.

use crate::engine::counter::page::Page;
use crate::engine::series_map::LabelValues;
use crate::engine::slot::adaptive::Promotion;
use crate::metric::histogram::HistogramCore;
use crate::metric::throughput::ThroughputCore;
use crate::sample::description::FamilyDescription;
use crate::sample::labels::LabelSet;
use crate::tuning::PAGE_CELLS;
use std::sync::Arc;

/// Everything that is registered, each kind of storage in the order of registration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog {
    pub(crate) families: Vec<FamilyEntry>,
    pub(crate) pages: Vec<Arc<Page>>,
    pub(crate) histograms: Vec<Arc<HistogramCore>>,
    pub(crate) throughputs: Vec<Arc<ThroughputCore>>,
    /// When threads get cells of their own.
    promotion: Arc<Promotion>,
    /// Cells in use, over all pages.
    cells: usize,
}

/// One family.
#[derive(Clone, Debug)]
pub(crate) struct FamilyEntry {
    /// Shared by all snapshots; a change (a help text that comes late) replaces it.
    pub(crate) description: Arc<FamilyDescription>,
    pub(crate) series: Vec<(LabelSet, Stored)>,
}

/// Where a value is stored, and how it is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stored {
    /// A cell, by the index of its page and its index on the page; so are the next two.
    Counter(usize, u8),
    Gauge(usize, u8),
    FloatGauge(usize, u8),
    /// The index of the histogram.
    Histogram(usize),
    /// The index of the throughput, whose total it is.
    Total(usize),
    /// The index of the throughput, and that of the window.
    Rate(usize, usize),
}

impl Catalog {
    /// An empty catalog. `promotion`: the registry's.
    pub(super) fn new(promotion: Arc<Promotion>) -> Self {
        Self {
            promotion,
            ..Self::default()
        }
    }

    /// Adds a family without series.
    pub(super) fn add_family(&mut self, description: FamilyDescription) {
        self.families.push(FamilyEntry {
            description: Arc::new(description),
            series: Vec::new(),
        });
    }

    /// Adds a series with the family's labels, which have these values.
    pub(super) fn add_series(&mut self, family: usize, values: LabelValues, stored: Stored) {
        let family = &mut self.families[family];
        let labels = family.description.label_set(values);
        family.series.push((labels, stored));
    }

    /// Adds a series whose value is a cell, the next free one; returns the cell.
    pub(super) fn add_cell(
        &mut self,
        family: usize,
        values: LabelValues,
        stored: fn(usize, u8) -> Stored,
    ) -> (Arc<Page>, u8) {
        let (page, index) = (self.cells / PAGE_CELLS, (self.cells % PAGE_CELLS) as u8);
        if page == self.pages.len() {
            let promotion = Arc::clone(&self.promotion);
            self.pages.push(Arc::new(Page::new(promotion)));
        }
        self.cells += 1;
        self.add_series(family, values, stored(page, index));
        (Arc::clone(&self.pages[page]), index)
    }

    /// Adds a series whose value is a histogram.
    pub(super) fn add_histogram(
        &mut self,
        family: usize,
        values: LabelValues,
        core: &Arc<HistogramCore>,
    ) {
        self.histograms.push(Arc::clone(core));
        self.add_series(family, values, Stored::Histogram(self.histograms.len() - 1));
    }
}
