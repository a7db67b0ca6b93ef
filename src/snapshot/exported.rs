//! Quantiles that pages show of a histogram, in summaries beside its buckets.

/// Which ones.
pub(crate) const QUANTILES: [f64; 5] = [0.5, 0.9, 0.95, 0.99, 0.999];

/// Their values; `None` where there are no samples.
pub(crate) type Quantiles = [Option<u64>; QUANTILES.len()];

/// The quantiles of all windows of a histogram.
#[derive(Debug)]
pub(crate) struct WindowQuantiles {
    /// Of the clock's coarse method: in the next one they may be others.
    pub(crate) second: u64,
    /// In the order of the windows.
    pub(crate) windows: Box<[Quantiles]>,
}

impl WindowQuantiles {
    /// Whether all windows are empty. They stay so until something is recorded.
    pub(crate) fn is_empty(&self) -> bool {
        let mut all = self.windows.iter().flatten();
        all.all(Option::is_none)
    }
}
