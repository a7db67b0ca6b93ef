//! What a registry held at one moment: every metric, by family.

use crate::engine::chunked::Chunked;
use crate::engine::read_order::{Group, Readout};
use crate::engine::readout::{GroupRead, SnapshotSource};
use crate::metric::histogram::{Histogram, HistogramCore};
use crate::metric::throughput::{Throughput, ThroughputCore};
use crate::registry::catalog::Catalog;
use crate::registry::family_snapshot::FamilySnapshot;
use crate::snapshot::histogram::HistogramSnapshot;
use crate::snapshot::throughput::ThroughputSnapshot;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Every metric of a registry at one moment.
///
/// It holds a prefix of what each thread wrote to a metric, and everything that was written before the call that built it.
/// Resets aside, what is counted never goes back from one snapshot to the next.
///
/// **A before B.** If every thread or task writes to A before B, tasks that change threads in between included, no snapshot
/// shows more of B than of A, resets and [`uncertain`](HistogramSnapshot::uncertain) samples aside. This follows from the order
/// of reading: first the histograms, then the throughputs, then counters and gauges, and of each kind the last registered
/// first. So A and B may be of one kind, with A registered first, or of two kinds, with B's read first. One exception: what a global
/// allocator writes to A during a thread's first write to A is put off until that write is done, and may show after B.
///
/// ```
/// let registry = epoch_metrics::Registry::new();
/// let jobs = registry.counter_family("jobs", "Jobs done.", &["queue"])?;
/// jobs.with(&["fast"])?.add(2);
/// let snapshot = registry.snapshot();
/// for family in snapshot.families() {
///     for series in family.series() {
///         println!("{} {:?} {:?}", family.name(), series.labels().collect::<Vec<_>>(), series.value());
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RegistrySnapshot {
    pub(super) catalog: Arc<Catalog>,
    /// The version of the catalog.
    pub(super) version: usize,
    pub(super) readout: Readout<HistogramCore, ThroughputCore>,
    /// Of the clock's coarse method: rates were read in it.
    pub(super) second: u64,
    pub(super) taken: Duration,
}

impl RegistrySnapshot {
    /// The families, in the order of registration. A throughput is two families: its total, a counter; and its rates, a gauge
    /// with the label `window`. A histogram may be up to three: the quantiles of its recent samples, and of its windows, are summaries
    /// ([`HistogramOptions::export_recent`](crate::HistogramOptions::export_recent), [`export_windows`](crate::HistogramOptions::export_windows)).
    pub fn families(&self) -> impl ExactSizeIterator<Item = FamilySnapshot<'_>> {
        let families = self.catalog.families.iter();
        let readout = &self.readout;
        families.map(move |entry| FamilySnapshot { readout, entry })
    }

    /// What histograms rejected: a family for each family of histograms, all of one name.
    pub(super) fn rejections(&self) -> impl ExactSizeIterator<Item = FamilySnapshot<'_>> {
        let families = self.catalog.rejections.iter();
        let readout = &self.readout;
        families.map(move |entry| FamilySnapshot { readout, entry })
    }

    /// The family of this name, with the registry's prefix and without the suffixes that a page adds (a counter's `_total`).
    pub fn family(&self, name: &str) -> Option<FamilySnapshot<'_>> {
        self.families().find(|family| family.name() == name)
    }

    /// What the snapshot holds of this histogram; `None` if it was registered later, or in another registry.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let registry = Registry::new();
    /// let sizes = registry.histogram("sizes", "Sizes.", HistogramOptions::values(0, 100))?;
    /// sizes.record(4);
    /// let snapshot = registry.snapshot();
    /// assert_eq!(snapshot.histogram(&sizes).map(|held| held.sum()), Some(4));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn histogram(&self, histogram: &Histogram) -> Option<&Arc<HistogramSnapshot>> {
        find(
            &self.catalog.histograms,
            &self.readout.histograms,
            histogram.core(),
        )
    }

    /// What the snapshot holds of this throughput; `None` if it was registered later, or in another registry.
    pub fn throughput(&self, throughput: &Throughput) -> Option<&Arc<ThroughputSnapshot>> {
        find(
            &self.catalog.throughputs,
            &self.readout.throughputs,
            throughput.core(),
        )
    }
}

/// What a reading holds of one metric, single or in a family.
fn find<'a, T: SnapshotSource>(
    groups: &Chunked<Group<T>>,
    read: &'a [GroupRead<T>],
    wanted: &Arc<T>,
) -> Option<&'a Arc<T::Snapshot>> {
    groups.iter().zip(read).find_map(|pair| match pair {
        (Group::One(one), GroupRead::One(held)) => Arc::ptr_eq(one, wanted).then_some(held),
        (_, read) => read.find(wanted),
    })
}

impl fmt::Debug for RegistrySnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let series: usize = self.families().map(|family| family.series().len()).sum();
        let mut out = f.debug_struct("RegistrySnapshot");
        out.field("families", &self.catalog.families.len())
            .field("series", &series)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for RegistrySnapshot {
    /// A map from each family's name to its kind, help, unit and series.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.families().map(|family| (family.name(), family)))
    }
}
