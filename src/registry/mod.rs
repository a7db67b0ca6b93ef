//! The registry: names, families, observable metrics, and one snapshot of everything.

mod builder;
mod catalog;
mod merge;
mod names;
mod observables;
mod observer;
mod own;
mod own_cells;
mod page;
mod page_error;
mod page_part;
mod snapshot;
mod state;

pub use builder::RegistryBuilder;
pub use observer::Observations;
pub use page::Page;
pub use page_error::PageError;
pub use snapshot::{FamilySnapshot, RegistrySnapshot, SeriesSnapshot};

use crate::clock::Clock;
use crate::engine::counter::page::Page as CellPage;
use crate::engine::series_map::LabelValues;
use crate::error::RegisterError;
use crate::kind::{MetricKind, Unit};
use crate::metric::counter::Counter;
use crate::metric::family::Family;
use crate::metric::gauge::{FloatGauge, Gauge};
use crate::metric::histogram::{Histogram, HistogramCore};
use crate::metric::options::{HistogramOptions, ValidOptions};
use crate::metric::throughput::{Throughput, ThroughputCore};
use crate::sample::description::FamilyDescription;
use crate::snapshot::latest::Latest;
use catalog::Stored;
use names::base_name;
use state::RegistryState;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A set of metrics that are exposed together. Clones are the same registry, and a handle outlives its registry.
///
/// ```
/// use epoch_metrics::{HistogramOptions, Registry};
///
/// let registry = Registry::new();
/// let requests = registry.counter("http_requests", "Requests answered.")?;
/// let latency = registry.histogram("http_latency", "Time to answer.", HistogramOptions::durations())?;
///
/// {
///     let _timer = latency.start();
///     requests.inc();
/// }
/// assert_eq!(requests.get(), 1);
/// assert_eq!(latency.snapshot().count(), 1);
/// assert!(registry.render_prometheus().contains("http_requests_total 1\n"));
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct Registry {
    state: Arc<RegistryState>,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// An empty registry with the system's clock, whose reads are always current.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Options for a registry.
    pub fn builder() -> RegistryBuilder {
        RegistryBuilder::default()
    }

    /// Registers a counter. It is exposed with the suffix `_total`, which the name may already have.
    ///
    /// # Errors
    /// If the name is invalid or taken.
    pub fn counter(&self, name: &str, help: &str) -> Result<Counter, RegisterError> {
        let description = self.describe(name, help, MetricKind::Counter, Unit::Unitless, &[])?;
        self.cell_metric(description, Stored::Counter, Counter::new)
    }

    /// Registers a gauge.
    ///
    /// # Errors
    /// If the name is invalid or taken.
    pub fn gauge(&self, name: &str, help: &str) -> Result<Gauge, RegisterError> {
        let description = self.describe(name, help, MetricKind::Gauge, Unit::Unitless, &[])?;
        self.cell_metric(description, Stored::Gauge, Gauge::new)
    }

    /// Registers a floating-point gauge.
    ///
    /// # Errors
    /// If the name is invalid or taken.
    pub fn float_gauge(&self, name: &str, help: &str) -> Result<FloatGauge, RegisterError> {
        let description = self.describe(name, help, MetricKind::Gauge, Unit::Unitless, &[])?;
        self.cell_metric(description, Stored::FloatGauge, FloatGauge::new)
    }

    /// Registers a histogram. A unit's suffix (`_seconds`, `_bytes`) is added to the name if it is not there.
    ///
    /// # Errors
    /// If the name is invalid or taken, the options contradict each other, or the registry has a constant label `le`.
    pub fn histogram(
        &self,
        name: &str,
        help: &str,
        options: impl Into<HistogramOptions>,
    ) -> Result<Histogram, RegisterError> {
        let options = options.into().validate(HistogramOptions::DEFAULT_RECENT)?;
        let description = self.describe_histograms(name, help, &[], &options)?;
        let core = Arc::new(HistogramCore::new(
            &options,
            Arc::clone(&self.state.context),
        ));
        self.state.register(vec![description], |catalog, family| {
            catalog.add_histogram(family, LabelValues::default(), &core);
            Histogram::new(Arc::clone(&core))
        })
    }

    /// Registers a throughput with windows of 5, 30 and 60 seconds. It is exposed as a counter (`_total`) and a gauge
    /// (`_per_second`, with the label `window`).
    ///
    /// # Errors
    /// If the name is invalid or taken, or the registry has a constant label `window`.
    pub fn throughput(&self, name: &str, help: &str) -> Result<Throughput, RegisterError> {
        self.throughput_with_windows(name, help, &[5, 30, 60].map(Duration::from_secs))
    }

    /// Registers a throughput with windows of your own: whole seconds, 1 to 60.
    ///
    /// # Errors
    /// If the name is invalid or taken, a window is repeated, not a whole number of seconds, or outside 1 to 60 s, or the registry
    /// has a constant label `window`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let registry = epoch_metrics::Registry::new();
    /// let tokens = registry.throughput_with_windows("tokens", "Tokens.", &[Duration::from_secs(10)])?;
    /// tokens.add(5);
    /// assert!(registry.render_prometheus().contains(r#"tokens_per_second{window="10s"} NaN"#));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn throughput_with_windows(
        &self,
        name: &str,
        help: &str,
        windows: &[Duration],
    ) -> Result<Throughput, RegisterError> {
        let core = Arc::new(ThroughputCore::new(
            windows,
            Arc::clone(&self.state.context),
        )?);
        let base = base_name(name, MetricKind::Counter, Unit::Unitless)?;
        let total = self.describe(name, help, MetricKind::Counter, Unit::Unitless, &[])?;
        let separator = if help.is_empty() { "" } else { " " };
        let help = format!("{help}{separator}Per-second rate over the last whole seconds.");
        let name = format!("{base}_per_second");
        let labels = &["window"];
        let rates = self.describe(&name, &help, MetricKind::Gauge, Unit::Unitless, labels)?;
        self.state.register(vec![total, rates], |catalog, total| {
            catalog.throughputs.push(Arc::clone(&core));
            let at = catalog.throughputs.len() - 1;
            catalog.add_series(total, LabelValues::default(), Stored::Total(at));
            for (i, window) in windows.iter().enumerate() {
                let value = [format!("{}s", window.as_secs()).into_boxed_str()].into();
                catalog.add_series(total + 1, value, Stored::Rate(at, i));
            }
            Throughput::new(Arc::clone(&core))
        })
    }

    /// Registers counters that differ in the values of the given labels.
    ///
    /// # Errors
    /// If the name is invalid or taken, or a label's name is invalid, reserved, repeated or that of a constant label.
    pub fn counter_family(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<Family<Counter>, RegisterError> {
        let description = self.describe(name, help, MetricKind::Counter, Unit::Unitless, labels)?;
        self.cell_family(description, Stored::Counter, Counter::new)
    }

    /// Registers gauges that differ in the values of the given labels.
    ///
    /// # Errors
    /// If the name is invalid or taken, or a label's name is invalid, reserved, repeated or that of a constant label.
    pub fn gauge_family(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<Family<Gauge>, RegisterError> {
        let description = self.describe(name, help, MetricKind::Gauge, Unit::Unitless, labels)?;
        self.cell_family(description, Stored::Gauge, Gauge::new)
    }

    /// Registers histograms that differ in the values of the given labels.
    ///
    /// # Errors
    /// If the name is invalid or taken, a label's name is invalid, reserved, repeated or that of a constant label, or the options contradict each
    /// other.
    pub fn histogram_family(
        &self,
        name: &str,
        help: &str,
        options: impl Into<HistogramOptions>,
        labels: &[&str],
    ) -> Result<Family<Histogram>, RegisterError> {
        let options = options.into().validate(0)?;
        let description = self.describe_histograms(name, help, labels, &options)?;
        let state = Arc::clone(&self.state);
        let family = state.register(vec![description], |_, family| family)?;
        Ok(Family::new(labels.len(), move |values| {
            let core = Arc::new(HistogramCore::new(&options, Arc::clone(&state.context)));
            state.extend(|catalog| catalog.add_histogram(family, values, &core));
            Histogram::new(core)
        }))
    }

    /// Every metric: the same snapshot as last time if nothing was written, reset or registered since, and, if there is a
    /// throughput, the second is the same.
    ///
    /// Waits for no writer. Of readers that find something new at the same time, one builds and the others wait for it.
    pub fn snapshot(&self) -> Arc<RegistrySnapshot> {
        self.state.snapshot()
    }

    /// The last published snapshot, however old, without waiting.
    pub fn latest(&self) -> Latest<RegistrySnapshot> {
        let snapshot = self.state.latest();
        let taken = snapshot.taken;
        Latest::new(snapshot, taken, self.state.context.now())
    }

    /// A snapshot, and what the observable metrics report for it: what [`Self::render_prometheus`] and [`Self::render_json`]
    /// render. [`Page::merge`] makes one page of several registries.
    ///
    /// Calls the callbacks of the observable metrics in this thread, one after the other, under no lock: while one of them
    /// takes its time, registrations, snapshots and pages of other threads go on.
    pub fn page(&self) -> Page {
        let observers = self.state.observers();
        let usage = self.state.context.promotion.budget.usage();
        Page::new(self.snapshot(), &observers, self.state.own.as_ref(), usage)
    }

    /// The time source.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.state.context.clock
    }

    fn describe(
        &self,
        name: &str,
        help: &str,
        kind: MetricKind,
        unit: Unit,
        labels: &[&str],
    ) -> Result<FamilyDescription, RegisterError> {
        self.state.naming.describe(name, help, kind, unit, labels)
    }

    fn describe_histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        options: &ValidOptions,
    ) -> Result<FamilyDescription, RegisterError> {
        let description = self.describe(name, help, MetricKind::Histogram, options.unit, labels)?;
        Ok(description.with_bounds(&options.bounds))
    }

    /// `stored` and `handle`: how a metric that is one cell is read, and written.
    fn cell_metric<M>(
        &self,
        description: FamilyDescription,
        stored: fn(usize, u8) -> Stored,
        handle: fn(Arc<CellPage>, u8) -> M,
    ) -> Result<M, RegisterError> {
        self.state.register(vec![description], |catalog, family| {
            let (page, index) = catalog.add_cell(family, LabelValues::default(), stored);
            handle(page, index)
        })
    }

    fn cell_family<M: Clone + 'static>(
        &self,
        description: FamilyDescription,
        stored: fn(usize, u8) -> Stored,
        handle: fn(Arc<CellPage>, u8) -> M,
    ) -> Result<Family<M>, RegisterError> {
        let (labels, state) = (description.labels.len(), Arc::clone(&self.state));
        let family = state.register(vec![description], |_, family| family)?;
        Ok(Family::new(labels, move |values| {
            let (page, index) = state.extend(|catalog| catalog.add_cell(family, values, stored));
            handle(page, index)
        }))
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (families, series) = self.state.size();
        f.debug_struct("Registry")
            .field("families", &families)
            .field("series", &series)
            .finish_non_exhaustive()
    }
}
