//! What pages show of a histogram: options.

use crate::metric::options::HistogramOptions;

/// What pages show.
impl HistogramOptions {
    /// Whether pages show quantiles of the [recent](Self::recent) samples, in a summary whose name has `_recent` before the unit; defaults
    /// to `false`. Without recent samples it is an error.
    ///
    /// The quantiles are 0.5, 0.9, 0.95, 0.99 and 0.999, each of nearest rank and so one of the samples; `NaN` if there are none. The summary's
    /// count and sum are those of the histogram: a server computes rates of them. Quantiles cannot be aggregated: neither a mean nor any other
    /// function of the quantiles of two series is one of both together. Use the histogram's buckets for that.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let registry = Registry::new();
    /// let options = HistogramOptions::durations().recent(100).export_recent(true);
    /// registry.histogram("latency", "Time to answer.", options)?.record(40);
    /// let page = registry.render_prometheus();
    /// assert!(page.contains("latency_recent_seconds{quantile=\"0.99\"} 0.00000004\n"), "{page}");
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn export_recent(mut self, export: bool) -> Self {
        self.export_recent = export;
        self
    }

    /// Whether pages show quantiles of each of the [windows](Self::windows), in a summary whose name has `_window` before the unit, with the
    /// label `window`; defaults to `false`. Without windows it is an error.
    ///
    /// Quantiles, count and sum are as with [`export_recent`](Self::export_recent). Windows move on when nothing is recorded, so the series are
    /// rendered anew in each second until all windows are empty. They begin where they should only if something
    /// [ticks](crate::Registry::tick) each second, or scrapes come as often.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    /// use std::time::Duration;
    ///
    /// let registry = Registry::new();
    /// let options = HistogramOptions::values(0, 64).windows(&[30, 60].map(Duration::from_secs)).export_windows(true);
    /// registry.histogram("batch", "Batch sizes.", options)?.record(7);
    /// let page = registry.render_prometheus();
    /// assert!(page.contains("batch_window{window=\"30s\",quantile=\"0.5\"} 7\n"), "{page}");
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn export_windows(mut self, export: bool) -> Self {
        self.export_windows = export;
        self
    }

    /// Whether the newest [exemplar](crate::Histogram::record_with_exemplar) of each exported bucket is kept; defaults to `false`. Values
    /// that are recorded without labels cost no more with it.
    ///
    /// OpenMetrics, protobuf and JSON show exemplars; Prometheus' text format 0.0.4 does not have them. Each bound of each series takes
    /// 8 bytes, and with an exemplar about 150 more. An exemplar is shown with the first bound at or above its value. A
    /// [reset](crate::Histogram::reset) drops the exemplars of what was recorded before it ended.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let registry = Registry::new();
    /// let latency = registry.histogram("latency", "Latency.", HistogramOptions::durations().exemplars(true))?;
    /// latency.start().stop_with_exemplar(&[("trace_id", "4bf92f35")])?;
    /// assert!(registry.render_openmetrics().contains(r#"# {trace_id="4bf92f35"}"#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn exemplars(mut self, keep: bool) -> Self {
        self.exemplars = keep;
        self
    }

    /// Which bounds are exported as `le`, in the histogram's unit, in any order. They are exported as given, whatever the
    /// range and the digits.
    ///
    /// Counts come from the buckets, so a value within half a bucket of a bound may count on the other side of it: with 2 digits
    /// that is half a percent of the bound or less. Up to 2 × 10^digits every value has a bucket of its own, and counts are exact.
    ///
    /// Values beyond the last bound are exported as `le="+Inf"` alone: for a quantile among them, Prometheus' `histogram_quantile`
    /// answers the last bound.
    ///
    /// The default is 1, 2 and 5 in each decade (1, 2.5 and 5 of [decimals](crate::Unit::Decimal)): from 1 to 10^9 (from 10^-6 to 10^3), or,
    /// with an explicit range, from the last step at or below its start to the first one at or above its end.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let registry = Registry::new();
    /// registry.histogram("batch", "Batch sizes.", HistogramOptions::values(0, 64).export_bounds(&[8, 32]))?;
    /// let page = registry.render_prometheus();
    /// assert!(page.contains(r#"batch_bucket{le="8.0"} 0"#) && page.contains(r#"batch_bucket{le="32.0"} 0"#));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn export_bounds(mut self, bounds: &[u64]) -> Self {
        self.bounds = Some(bounds.to_vec());
        self
    }
}
