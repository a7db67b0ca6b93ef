//! Kinds and units of metrics: words that all other modules share.

use std::fmt;

/// What kind of metric a family is, as expositions name it.
///
/// ```
/// use epoch_metrics::{MetricKind, Registry};
///
/// let registry = Registry::new();
/// registry.counter("requests", "Requests answered.")?;
/// let snapshot = registry.snapshot();
/// let kinds: Vec<MetricKind> = snapshot.families().map(|family| family.kind()).collect();
/// assert_eq!(kinds, [MetricKind::Counter]);
/// assert_eq!(MetricKind::Counter.to_string(), "counter");
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "lowercase")
)]
#[non_exhaustive]
pub enum MetricKind {
    /// Only goes up.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution: counts by bucket.
    Histogram,
    /// A distribution: quantiles that the process computed itself.
    Summary,
}

impl MetricKind {
    /// The suffixes of all names that a family of this kind takes on a page, and of those that OpenMetrics keeps for it.
    pub(crate) fn name_suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Counter => &["", "_total", "_created"],
            Self::Gauge => &[""],
            Self::Histogram => &["", "_bucket", "_sum", "_count", "_created"],
            Self::Summary => &["", "_sum", "_count", "_created"],
        }
    }

    /// The label that a page adds to the samples of a family of this kind, so that the family may not have it itself.
    pub(crate) fn reserved_label(self) -> Option<&'static str> {
        match self {
            Self::Counter | Self::Gauge => None,
            Self::Histogram => Some("le"),
            Self::Summary => Some("quantile"),
        }
    }
}

impl fmt::Display for MetricKind {
    /// The word that the Prometheus text format uses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
        })
    }
}

/// The unit of a histogram's values, which decides how they are exported.
///
/// ```
/// use epoch_metrics::{HistogramOptions, Registry, Unit};
///
/// let registry = Registry::new();
/// registry.histogram("body", "Body sizes.", HistogramOptions::values(0, 1 << 20).unit(Unit::Bytes))?;
/// assert!(registry.render_prometheus().contains("# TYPE body_bytes histogram"));
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "lowercase")
)]
#[non_exhaustive]
pub enum Unit {
    /// Plain numbers: batch sizes, lengths, counts.
    #[default]
    Unitless,
    /// Durations: recorded as whole nanoseconds, exported in seconds.
    Seconds,
    /// Sizes in bytes.
    Bytes,
    /// Numbers with so many decimal places, 15 at most: recorded as whole multiples of 10^-places, exported as decimals.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry, Unit};
    ///
    /// let registry = Registry::new();
    /// let load = registry.histogram("load", "Load average.", HistogramOptions::default().unit(Unit::Decimal(3)))?;
    /// load.record(1_250);
    /// assert!(registry.render_prometheus().contains("load_sum 1.25\n"));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    Decimal(u8),
}

impl Unit {
    /// The suffix that a metric's name gets if it does not have it yet.
    pub(crate) fn suffix(self) -> Option<&'static str> {
        match self {
            Self::Unitless | Self::Decimal(_) => None,
            Self::Seconds => Some("seconds"),
            Self::Bytes => Some("bytes"),
        }
    }

    /// The most decimal places that an exported value may have.
    pub(crate) const MAX_PLACES: u8 = 15;

    /// How many decimal places an exported value has.
    pub(crate) fn places(self) -> u8 {
        match self {
            Self::Unitless | Self::Bytes => 0,
            Self::Seconds => 9,
            Self::Decimal(places) => places,
        }
    }

    /// What an exported value is divided by.
    pub(crate) fn scale(self) -> f64 {
        10_f64.powi(self.places().into())
    }
}

impl fmt::Display for Unit {
    /// The word that a metric's name ends in; nothing for [`Unit::Unitless`] and [`Unit::Decimal`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.suffix().unwrap_or_default())
    }
}
