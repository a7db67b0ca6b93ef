//! The library's own metrics about rendering, for who asks for them.

use crate::clock::Clock;
use crate::kind::MetricKind;
use crate::registry::names::Naming;
use crate::registry::observer::ObservedFamily;
use crate::sample::description::FamilyDescription;
use crate::sample::value::Value;
use crate::sync::{AtomicU64, Relaxed};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Of each metric its name, its help and its kind.
const METRICS: [(&str, &str, MetricKind); 6] = [
    (
        "rendered_pages",
        "Pages rendered, in all formats.",
        MetricKind::Counter,
    ),
    (
        "rendering_seconds",
        "Time that rendering them took, compression aside.",
        MetricKind::Counter,
    ),
    (
        "rendered_series",
        "Series on these pages that were rendered anew.",
        MetricKind::Counter,
    ),
    (
        "reused_series",
        "Series on these pages that were taken over from an earlier page.",
        MetricKind::Counter,
    ),
    (
        "page_bytes",
        "Length of the page that was rendered last, uncompressed.",
        MetricKind::Gauge,
    ),
    (
        "snapshot_age_seconds",
        "Age of the snapshot that this page shows.",
        MetricKind::Gauge,
    ),
];

/// What rendering cost so far.
pub(super) struct RenderStatistics {
    clock: Arc<dyn Clock>,
    families: [Arc<FamilyDescription>; METRICS.len()],
    pages: AtomicU64,
    nanos: AtomicU64,
    rendered: AtomicU64,
    reused: AtomicU64,
    bytes: AtomicU64,
}

impl RenderStatistics {
    /// `prefix`: what the names begin with, after the registry's own prefix.
    pub(super) fn new(naming: &Naming, prefix: &str, clock: &Arc<dyn Clock>) -> Self {
        let describe = |(name, help, kind)| {
            Arc::new(naming.describe_own(format!("{prefix}_{name}"), help, kind))
        };
        Self {
            clock: Arc::clone(clock),
            families: METRICS.map(describe),
            pages: AtomicU64::new(0),
            nanos: AtomicU64::new(0),
            rendered: AtomicU64::new(0),
            reused: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    pub(super) fn descriptions(&self) -> &[Arc<FamilyDescription>] {
        &self.families
    }

    /// Measures one rendering. It returns the bytes, the series, how many of these it rendered anew, and what it made.
    pub(super) fn measure<R>(&self, render: impl FnOnce() -> ((usize, u64, u64), R)) -> R {
        let started = self.clock.now();
        let ((bytes, series, rendered), made) = render();
        let took = self.clock.now().saturating_sub(started);
        // Relaxed, here and below: statistics.
        self.pages.fetch_add(1, Relaxed);
        self.nanos.fetch_add(took.as_nanos() as u64, Relaxed);
        self.rendered.fetch_add(rendered, Relaxed);
        self.reused
            .fetch_add(series.saturating_sub(rendered), Relaxed);
        self.bytes.store(bytes as u64, Relaxed);
        made
    }

    /// Everything so far, for a page whose snapshot was taken at this time.
    pub(super) fn observe(&self, taken: Duration) -> impl Iterator<Item = ObservedFamily> {
        // Relaxed, all: statistics.
        let counter = |count: &AtomicU64| Value::Counter(count.load(Relaxed));
        let bytes = i64::try_from(self.bytes.load(Relaxed)).unwrap_or(i64::MAX);
        let seconds = Duration::from_nanos(self.nanos.load(Relaxed)).as_secs_f64();
        let age = self.clock.now().saturating_sub(taken).as_secs_f64();
        let values = [
            counter(&self.pages),
            Value::FloatCounter(seconds),
            counter(&self.rendered),
            counter(&self.reused),
            Value::Gauge(bytes),
            Value::FloatGauge(age),
        ];
        let families = self.families.iter().zip(values);
        families.map(|(family, value)| ObservedFamily::single(family, value))
    }
}

impl fmt::Debug for RenderStatistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RenderStatistics").finish_non_exhaustive()
    }
}
