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
use std::fmt;
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
#[derive(Clone, PartialEq, Eq)]
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
    pub(super) bounds: Option<Vec<u64>>,
    windows: Vec<Duration>,
    pub(super) exemplars: bool,
    pub(super) export_recent: bool,
    pub(super) export_windows: bool,
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
    /// assert_eq!(sizes.window(minute).and_then(|window| window.snapshot.max()), Some(7));
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
}

impl fmt::Debug for HistogramOptions {
    /// One line: of what is `false` by default, what is asked for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("HistogramOptions");
        out.field("unit", &self.unit)
            .field("range", &self.range)
            .field("digits", &self.digits)
            .field("recent", &self.recent)
            .field("ownership", &self.ownership)
            .field("bounds", &self.bounds)
            .field("windows", &self.windows);
        let flags = [
            ("exemplars", self.exemplars),
            ("export_recent", self.export_recent),
            ("export_windows", self.export_windows),
        ];
        for (name, flag) in flags.into_iter().filter(|(_, flag)| *flag) {
            out.field(name, &flag);
        }
        out.finish()
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
