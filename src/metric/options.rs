//! Histogram options, and how they are validated.

use crate::clock::nanos;
use crate::engine::histogram::block::BlockConfig;
use crate::engine::histogram::bucket_layout::BucketLayout;
use crate::error::OptionsError;
use crate::kind::Unit;
use crate::metric::bounds;
use crate::metric::window_lengths::valid_windows;
use crate::ownership::Ownership;
use crate::sample::bound::Bound;
use crate::tuning::MIN_QUEUE;
use std::time::Duration;

/// How a histogram of whole numbers records and exports. [`DurationOptions`](crate::DurationOptions) are those of a histogram of durations.
///
/// ```
/// use epoch_metrics::{HistogramOptions, Unit};
///
/// let any = HistogramOptions::default(); // all of 64 bits
/// let size = HistogramOptions::values(0, 16 << 20).unit(Unit::Bytes).significant_digits(3);
/// let latency = HistogramOptions::durations();
/// # let _ = (any, size, latency);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "options do nothing until a histogram is registered with them"]
pub struct HistogramOptions {
    unit: Unit,
    /// They come from [`DurationOptions`](crate::DurationOptions).
    durations: bool,
    /// `None`: every value.
    range: Option<(u64, u64)>,
    digits: u8,
    recent: Option<usize>,
    ownership: Option<Ownership>,
    bounds: Option<Vec<u64>>,
    windows: Vec<Duration>,
    exemplars: bool,
    export_recent: bool,
    export_windows: bool,
}

/// Validated options.
#[derive(Clone, Debug)]
pub(crate) struct ValidOptions {
    pub(crate) unit: Unit,
    pub(crate) digits: u8,
    pub(crate) config: BlockConfig,
    /// `None`: as the registry says.
    pub(crate) ownership: Option<Ownership>,
    /// Rising.
    pub(crate) bounds: Vec<Bound>,
    /// Whole seconds; none if no snapshots are kept.
    pub(crate) windows: Box<[Duration]>,
    pub(crate) exemplars: bool,
    pub(crate) export_recent: bool,
    pub(crate) export_windows: bool,
}

impl Default for HistogramOptions {
    /// Every value of 64 bits, without a unit, with 2 significant digits.
    fn default() -> Self {
        Self {
            unit: Unit::Unitless,
            durations: false,
            range: None,
            digits: 2,
            recent: None,
            ownership: None,
            bounds: None,
            windows: Vec::new(),
            exemplars: false,
            export_recent: false,
            export_windows: false,
        }
    }
}

impl HistogramOptions {
    /// The most recent samples that can be kept.
    pub const MAX_RECENT: usize = 1 << 16;

    /// How many recent samples a single histogram keeps by default. Members of a family keep none by default.
    pub const DEFAULT_RECENT: usize = 1000;

    /// The longest [window](Self::windows) that can be kept: 5 minutes.
    pub const MAX_WINDOW: Duration = Duration::from_secs(300);

    /// Those of a histogram of durations.
    pub(super) fn of_durations() -> Self {
        Self {
            unit: Unit::Seconds,
            durations: true,
            ..Self::default()
        }
    }

    /// Values from `min` to `max`, both included. Other values count as rejected, by series, and are in no other number.
    /// [`HistogramOptions::default`] takes every value.
    pub fn values(min: u64, max: u64) -> Self {
        Self::default().range(min, max)
    }

    /// The unit of the values. [`Unit::Seconds`] is an error at registration: durations have
    /// [options of their own](Self::durations).
    pub fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// The range of values that are recorded, both ends included, in the histogram's unit.
    pub fn range(mut self, min: u64, max: u64) -> Self {
        self.range = Some((min, max));
        self
    }

    /// How many decimal digits of a value the buckets keep, 1 to 5: with 2, a quantile is too high by one percent or less.
    /// Each further digit takes about eight times the memory. What is exported does not depend on it.
    pub fn significant_digits(mut self, digits: u8) -> Self {
        self.digits = digits;
        self
    }

    /// Keeps the newest `n` samples exactly, for [`HistogramSnapshot::recent`](crate::HistogramSnapshot::recent); at most
    /// [`MAX_RECENT`](Self::MAX_RECENT). Costs 16 to 32 bytes for each sample and thread.
    ///
    /// The default is [`DEFAULT_RECENT`](Self::DEFAULT_RECENT) for a single histogram, and none for members of a family.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    ///
    /// let sizes = Registry::new().histogram("batch", "Batch sizes.", HistogramOptions::values(0, 64).recent(3))?;
    /// [64, 1, 2, 3].into_iter().for_each(|size| sizes.record(size));
    /// assert_eq!(sizes.snapshot().recent().and_then(|recent| recent.max()), Some(3));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn recent(mut self, n: usize) -> Self {
        self.recent = Some(n);
        self
    }

    /// Which spans of time [`Histogram::windows`](crate::Histogram::windows) looks back over: whole seconds, from 1 to
    /// [`MAX_WINDOW`](Self::MAX_WINDOW). The default is none.
    ///
    /// Writers do nothing for it. Readers keep what the histogram held in each second: the first read of the windows in a second does, or
    /// [`Registry::tick`](crate::Registry::tick). So a window begins less than a second earlier than it should if something ticks at the beginning of each second, as
    /// [`Registry::start_upkeep`](crate::Registry::start_upkeep) does, and otherwise where there was a read, as the window says.
    ///
    /// Each series takes the memory of one snapshot for each second of its longest window: some 300 bytes, and, for each octave of values that
    /// occurred in that second, 48 bytes and 1 to 4 bytes a bucket (128 to 512 bytes with 2 digits). Seconds in which nothing was recorded take nothing.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    /// use std::time::Duration;
    ///
    /// let minute = Duration::from_secs(60);
    /// let options = HistogramOptions::values(0, 64).windows(&[minute]);
    /// let sizes = Registry::new().histogram("batch", "Batch sizes.", options)?;
    /// sizes.record(7);
    /// assert_eq!(sizes.window(minute).map(|window| window.snapshot.max()), Some(7));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn windows(mut self, windows: &[Duration]) -> Self {
        self.windows = windows.to_vec();
        self
    }

    /// Whether threads share the histogram's cells or have their own; defaults to what
    /// [`RegistryBuilder::ownership`](crate::RegistryBuilder::ownership) says. A histogram that keeps [recent](Self::recent) samples gives
    /// each thread its own cells in any case, since the order of its samples lies there.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Ownership, Registry};
    ///
    /// let options = HistogramOptions::values(0, 64).recent(0).ownership(Ownership::Never);
    /// let sizes = Registry::new().histogram("batch", "Batch sizes.", options)?;
    /// sizes.record(7);
    /// assert_eq!(sizes.snapshot().count(), 1);
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn ownership(mut self, ownership: Ownership) -> Self {
        self.ownership = Some(ownership);
        self
    }

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
    /// The default is 1, 2 and 5 in each decade (1, 2.5 and 5 of [decimals](Unit::Decimal)): from 1 to 10^9 (from 10^-6 to 10^3), or,
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

/// Only the registry calls these.
impl HistogramOptions {
    /// `recent`: how many recent samples are kept if the options do not say.
    pub(crate) fn validate(&self, recent: usize) -> Result<ValidOptions, OptionsError> {
        let Self { unit, digits, .. } = *self;
        let (min, max) = self.range.unwrap_or((0, u64::MAX));
        let recent = self.recent.unwrap_or(recent);
        if unit == Unit::Seconds && !self.durations {
            return Err(OptionsError::NotDurations);
        }
        if !(1..=5).contains(&digits) {
            return Err(OptionsError::Digits { digits });
        }
        if max < min {
            return Err(OptionsError::EmptyRange { min, max });
        }
        if recent > Self::MAX_RECENT {
            return Err(OptionsError::TooManyRecent {
                recent,
                max: Self::MAX_RECENT,
            });
        }
        let windows = valid_windows(&self.windows, Self::MAX_WINDOW.as_secs())?;
        if self.export_recent && recent == 0 || self.export_windows && windows.is_empty() {
            return Err(OptionsError::NothingToExport);
        }
        let layout = BucketLayout::new(min, max, digits);
        let queue = (2 * recent).next_power_of_two().max(MIN_QUEUE);
        let bounds = bounds::exported(&self.wanted_bounds(), unit, &layout);
        let config = BlockConfig {
            layout,
            queue: queue as u32,
            recent: recent as u32,
        };
        Ok(ValidOptions {
            unit,
            digits,
            config,
            ownership: self.ownership,
            bounds,
            windows,
            exemplars: self.exemplars,
            export_recent: self.export_recent,
            export_windows: self.export_windows,
        })
    }

    fn wanted_bounds(&self) -> Vec<u64> {
        match (&self.bounds, self.range, self.durations) {
            (Some(bounds), _, _) => bounds.clone(),
            (None, Some((min, max)), _) => bounds::of_range(self.unit, min, max),
            (None, None, true) => bounds::of_durations().map(nanos).to_vec(),
            (None, None, false) => bounds::of_values(self.unit),
        }
    }
}
