//! The last N samples, exact.

use crate::kind::Unit;
use crate::snapshot::exported::{QUANTILES, Quantiles};
use crate::snapshot::rank::Fraction;
use std::sync::Arc;

/// The last N samples of a histogram that [keeps them](crate::HistogramOptions::recent), exact.
///
/// With one writer these are the newest N. With several, each thread's order is kept, and what one read brings in is
/// interleaved in proportion, so that a burst of one thread does not evict all others. If a thread wrote more than its
/// queue holds (at least twice N) between two reads, the newest part that could be copied is there, and older samples stay
/// in the place of what could not.
///
/// ```
/// use epoch_metrics::{HistogramOptions, Registry};
///
/// let sizes = Registry::new().histogram("batch", "Sizes.", HistogramOptions::values(0, 100).recent(3))?;
/// [90, 10, 20, 30].into_iter().for_each(|size| sizes.record(size));
/// let snapshot = sizes.snapshot();
/// let recent = snapshot.recent().expect("the options ask for recent samples");
/// assert_eq!(recent.sorted(), [10, 20, 30]);
/// assert_eq!(recent.quantile(0.5), Some(20.0));
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Recent {
    pub(crate) sorted: Arc<[u64]>,
    pub(crate) sum: u128,
    pub(crate) last: Option<u64>,
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) unit: Unit,
}

impl Recent {
    /// The number of samples: at most N.
    pub fn count(&self) -> usize {
        self.sorted.len()
    }

    /// `true` if there are no samples.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The smallest sample; `None` if there are none.
    pub fn min(&self) -> Option<u64> {
        self.sorted.first().copied()
    }

    /// The largest sample; `None` if there are none.
    pub fn max(&self) -> Option<u64> {
        self.sorted.last().copied()
    }

    /// The last of the samples in the order in which they were read; `None` if there are none. It is the newest of its thread. If
    /// several threads recorded between two reads, another thread's may be newer: a sample carries no time.
    pub fn last_read(&self) -> Option<u64> {
        self.last
    }

    /// The mean; `None` if there are no samples.
    pub fn mean(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.sum as f64 / self.sorted.len() as f64)
    }

    /// The quantile `q`, interpolated linearly between the closest ranks: rank q × (n − 1), as NumPy does by default. `q` is
    /// clamped to 0 to 1; NaN counts as 0. `None` if there are no samples.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let last = self.sorted.len().checked_sub(1)?;
        let (below, rest) = Fraction::new(q).interpolated_rank(self.sorted.len());
        let above = (below + 1).min(last);
        let (low, high) = (self.sorted[below], self.sorted[above]);
        Some(low as f64 + (high - low) as f64 * rest)
    }

    /// What pages show of the samples: of each nearest rank, as [`HistogramSnapshot::quantile`](crate::HistogramSnapshot::quantile) has
    /// it, so that each is one of the samples.
    pub(crate) fn exported_quantiles(&self) -> Quantiles {
        QUANTILES.map(|q| {
            let rank = Fraction::new(q).nearest_rank(self.sorted.len() as u64);
            self.sorted.get(rank as usize - 1).copied()
        })
    }

    /// The samples in rising order.
    pub fn sorted(&self) -> &[u64] {
        &self.sorted
    }
}
