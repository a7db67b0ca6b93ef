//! Names, labels, kinds: which metrics there are, and one snapshot of them all.

use crate::clock::{Clock, SystemClock};
use crate::core::cached::Cached;
use crate::core::cells::{CellId, Reading};
use crate::error::RegisterError;
use crate::metric::Shared;
use crate::metric::counter::{Cell, Counter};
use crate::metric::family::{Family, LabelValues};
use crate::metric::gauge::{FloatGauge, Gauge};
use crate::metric::histogram::{Histogram, HistogramCore};
use crate::metric::options::{Accepted, HistogramOptions, Unit};
use crate::metric::throughput::{Throughput, ThroughputCore};
use crate::snapshot::registry::RegistrySnapshot;
use crate::sync::{AtomicUsize, Mutex, MutexGuard, PoisonError, Relaxed};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// Counters of labelled families.
pub type CounterFamily = Family<Counter>;
/// Gauges of labelled families.
pub type GaugeFamily = Family<Gauge>;
/// Histograms of labelled families.
pub type HistogramFamily = Family<Histogram>;

/// A set of metrics that are exported together. Clones are the same registry, and a metric's handle stays usable when all
/// of them are gone.
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
#[derive(Clone, Debug)]
pub struct Registry {
    inner: Arc<Inner>,
}

/// How a [`Registry`] is to be; from [`Registry::builder`].
#[derive(Debug, Default)]
pub struct RegistryBuilder {
    clock: Option<Arc<dyn Clock>>,
    max_staleness: Duration,
}

/// What kind of metric a family is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricKind {
    /// Goes up only.
    Counter,
    /// A whole number that goes up and down.
    Gauge,
    /// A floating-point number that goes up and down.
    FloatGauge,
    /// A distribution.
    Histogram,
    /// A total with its rates.
    Throughput,
}

/// What does not change about a family.
#[derive(Debug)]
pub(crate) struct FamilyInfo {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) kind: MetricKind,
    pub(crate) unit: Unit,
    pub(crate) labels: Box<[Box<str>]>,
    /// For the members of histogram families.
    options: Option<Accepted>,
}

/// Where a series' value is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Metric {
    Counter(CellId),
    Gauge(CellId),
    FloatGauge(CellId),
    Histogram(usize),
    Throughput(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct FamilyEntry {
    pub(crate) info: Arc<FamilyInfo>,
    pub(crate) series: Vec<(LabelValues, Metric)>,
}

/// All that is registered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog {
    pub(crate) families: Vec<FamilyEntry>,
    pub(crate) histograms: Vec<Arc<HistogramCore>>,
    throughputs: Vec<Arc<ThroughputCore>>,
    cells: usize,
}

impl Catalog {
    /// A number that is another one after each registration.
    fn version(&self) -> usize {
        self.families.len() + self.histograms.len() + self.throughputs.len() + self.cells
    }
}

#[derive(Debug)]
pub(crate) struct Inner {
    shared: Arc<Shared>,
    catalog: Mutex<Catalog>,
    /// The catalog's version, for who does not want to lock it.
    version: AtomicUsize,
    names: Mutex<HashSet<String>>,
    cache: Cached<Reading, RegistrySnapshot>,
}

impl RegistryBuilder {
    /// Where time comes from; [`SystemClock`] if not said.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// How old a snapshot may be served without looking whether anything changed; zero, the default, always looks.
    pub fn max_staleness(mut self, age: Duration) -> Self {
        self.max_staleness = age;
        self
    }

    /// An empty registry.
    pub fn build(self) -> Registry {
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock::new()));
        let taken = clock.coarse();
        let shared = Arc::new(Shared::new(clock, self.max_staleness));
        let empty = RegistrySnapshot {
            catalog: Arc::default(),
            pages: Box::default(),
            histograms: Box::default(),
            throughputs: Box::default(),
            epoch: 0,
            resets: 0,
            taken,
        };
        Registry {
            inner: Arc::new(Inner {
                shared,
                catalog: Mutex::default(),
                version: AtomicUsize::new(0),
                names: Mutex::new(["", "_total"].map(|suffix| format!("{}{suffix}", crate::export::REJECTED)).into()),
                cache: Cached::new(Reading::default(), empty),
            }),
        }
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// An empty registry with the system's clock, whose reads always show everything.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Options for a registry.
    pub fn builder() -> RegistryBuilder {
        RegistryBuilder::default()
    }

    /// Registers a counter. It is exported with the suffix `_total`, which the name may already have.
    ///
    /// # Errors
    /// If the name is invalid or taken.
    pub fn counter(&self, name: &str, help: &str) -> Result<Counter, RegisterError> {
        self.single(name, help, MetricKind::Counter, None, add_counter)
    }

    /// Registers a gauge.
    ///
    /// # Errors
    /// If the name is invalid or taken.
    pub fn gauge(&self, name: &str, help: &str) -> Result<Gauge, RegisterError> {
        self.single(name, help, MetricKind::Gauge, None, add_gauge)
    }

    /// Registers a floating-point gauge.
    ///
    /// # Errors
    /// If the name is invalid or taken.
    pub fn float_gauge(&self, name: &str, help: &str) -> Result<FloatGauge, RegisterError> {
        self.single(name, help, MetricKind::FloatGauge, None, add_float_gauge)
    }

    /// Registers a histogram. A unit's suffix (`_seconds`, `_bytes`) is added to the name if it is not there.
    ///
    /// # Errors
    /// If the name is invalid or taken, or the options do not go together.
    pub fn histogram(&self, name: &str, help: &str, options: HistogramOptions) -> Result<Histogram, RegisterError> {
        self.single(name, help, MetricKind::Histogram, Some(options), add_histogram)
    }

    /// Registers a throughput with windows of 5, 30 and 60 seconds. It is exported as a counter (`_total`) and a gauge
    /// (`_per_second`, by window).
    ///
    /// # Errors
    /// If the name is invalid or taken.
    pub fn throughput(&self, name: &str, help: &str) -> Result<Throughput, RegisterError> {
        self.throughput_over(name, help, &[5, 30, 60].map(Duration::from_secs))
    }

    /// Registers a throughput with windows of one's own: whole seconds, 1 to 60.
    ///
    /// # Errors
    /// If the name is invalid or taken, or a window is none of these or there twice.
    pub fn throughput_over(&self, name: &str, help: &str, windows: &[Duration]) -> Result<Throughput, RegisterError> {
        let core = Arc::new(ThroughputCore::new(windows, Arc::clone(&self.inner.shared))?);
        let family = self.inner.register(name, help, MetricKind::Throughput, &[], None)?;
        self.inner.add(family, Arc::default(), |catalog| {
            catalog.throughputs.push(Arc::clone(&core));
            Metric::Throughput(catalog.throughputs.len() - 1)
        });
        Ok(Throughput::new(core))
    }

    /// Registers counters that differ in the values of these labels.
    ///
    /// # Errors
    /// If the name is invalid or taken, or a label's name is invalid, reserved or there twice.
    pub fn counter_family(&self, name: &str, help: &str, labels: &[&str]) -> Result<CounterFamily, RegisterError> {
        self.family(name, help, MetricKind::Counter, labels, None, add_counter)
    }

    /// Registers gauges that differ in the values of these labels.
    ///
    /// # Errors
    /// As [`Self::counter_family`].
    pub fn gauge_family(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeFamily, RegisterError> {
        self.family(name, help, MetricKind::Gauge, labels, None, add_gauge)
    }

    /// Registers histograms that differ in the values of these labels.
    ///
    /// # Errors
    /// As [`Self::counter_family`], and if the options do not go together.
    pub fn histogram_family(
        &self,
        name: &str,
        help: &str,
        options: HistogramOptions,
        labels: &[&str],
    ) -> Result<HistogramFamily, RegisterError> {
        self.family(name, help, MetricKind::Histogram, labels, Some(options), add_histogram)
    }

    /// Every metric: the very same snapshot as last time if nothing was written, reset or registered since, and, where there is a
    /// throughput, the second is the same.
    ///
    /// Waits for no writer. Of readers that find something new at the same time, one builds and the others wait for it.
    pub fn snapshot(&self) -> Arc<RegistrySnapshot> {
        self.inner.snapshot()
    }

    /// Everything in Prometheus' text format 0.0.4; serve it as [`PROMETHEUS_CONTENT_TYPE`](crate::PROMETHEUS_CONTENT_TYPE).
    pub fn render_prometheus(&self) -> String {
        crate::export::prometheus::render(&self.snapshot())
    }

    /// Everything as one JSON object, an entry for each family.
    pub fn render_json(&self) -> String {
        crate::export::json::render(&self.snapshot())
    }

    /// Takes the names of a metric that somebody else exports beside this registry.
    pub(crate) fn reserve(&self, name: &str, kind: MetricKind) -> Result<(), RegisterError> {
        self.inner.reserve(name, kind)
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.inner.shared.clock
    }

    fn single<M>(
        &self,
        name: &str,
        help: &str,
        kind: MetricKind,
        options: Option<HistogramOptions>,
        add: AddSeries<M>,
    ) -> Result<M, RegisterError> {
        let family = self.inner.register(name, help, kind, &[], options)?;
        Ok(add(&self.inner, family, Arc::default()))
    }

    fn family<M: Clone>(
        &self,
        name: &str,
        help: &str,
        kind: MetricKind,
        labels: &[&str],
        options: Option<HistogramOptions>,
        add: AddSeries<M>,
    ) -> Result<Family<M>, RegisterError> {
        let family = self.inner.register(name, help, kind, labels, options)?;
        Ok(Family::new(Arc::clone(&self.inner), family, labels.len(), add))
    }
}

impl Inner {
    fn catalog(&self) -> MutexGuard<'_, Catalog> {
        self.catalog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a family without members, and returns where it is.
    fn register(
        &self,
        name: &str,
        help: &str,
        kind: MetricKind,
        labels: &[&str],
        options: Option<HistogramOptions>,
    ) -> Result<usize, RegisterError> {
        if !is_metric_name(name) {
            return Err(RegisterError::InvalidName { name: name.to_owned() });
        }
        check_labels(labels)?;
        let options = options.map(|options| options.accept()).transpose()?;
        let unit = options.as_ref().map_or(Unit::None, |options| options.unit);
        let base = base_name(name, kind, unit);
        if base.is_empty() {
            // A counter called `_total`.
            return Err(RegisterError::InvalidName { name: name.to_owned() });
        }
        self.reserve(&base, kind)?;
        let info = FamilyInfo {
            name: base,
            help: help.to_owned(),
            kind,
            unit,
            labels: labels.iter().map(|label| Box::from(*label)).collect(),
            options,
        };
        let mut catalog = self.catalog();
        catalog.families.push(FamilyEntry { info: Arc::new(info), series: Vec::new() });
        // Relaxed: who must see the metric is ordered after its registration.
        self.version.store(catalog.version(), Relaxed);
        Ok(catalog.families.len() - 1)
    }

    /// Takes every name that the metric's exposition will use.
    fn reserve(&self, name: &str, kind: MetricKind) -> Result<(), RegisterError> {
        let suffixes: &[&str] = match kind {
            MetricKind::Counter => &["", "_total"],
            MetricKind::Gauge | MetricKind::FloatGauge => &[""],
            MetricKind::Histogram => &["", "_bucket", "_sum", "_count"],
            MetricKind::Throughput => &["", "_total", "_per_second"],
        };
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted: Vec<String> = suffixes.iter().map(|suffix| format!("{name}{suffix}")).collect();
        if let Some(taken) = wanted.iter().find(|wanted| names.contains(*wanted)) {
            return Err(RegisterError::Duplicate { name: taken.clone() });
        }
        names.extend(wanted);
        Ok(())
    }

    /// Adds a series to a family. `make` adds what its value needs.
    fn add(&self, family: usize, labels: LabelValues, make: impl FnOnce(&mut Catalog) -> Metric) {
        let mut catalog = self.catalog();
        let metric = make(&mut catalog);
        catalog.families[family].series.push((labels, metric));
        // Relaxed: as in `register`.
        self.version.store(catalog.version(), Relaxed);
    }

    /// Adds a series whose value is a cell.
    fn add_cell(&self, family: usize, labels: LabelValues, metric: fn(CellId) -> Metric) -> Cell {
        let mut id = CellId::new(0);
        self.add(family, labels, |catalog| {
            id = CellId::new(catalog.cells);
            catalog.cells += 1;
            metric(id)
        });
        Cell::new(Arc::clone(&self.shared), id)
    }

    fn snapshot(&self) -> Arc<RegistrySnapshot> {
        self.cache.read(|published| self.is_current(published), |reading, last| self.rebuild(reading, last))
    }

    fn is_current(&self, published: &RegistrySnapshot) -> bool {
        let catalog = &*published.catalog;
        // Relaxed: see `register`. What is newly registered, or reset, shows at once, however
        // young the snapshot.
        if self.version.load(Relaxed) != catalog.version() || self.shared.resets.seen() != published.resets {
            return false;
        }
        let current = published.epoch == self.shared.cells.total_epoch(catalog.cells)
            && catalog.histograms.iter().zip(&published.histograms).all(|(core, held)| core.is_current(held))
            && catalog.throughputs.iter().zip(&published.throughputs).all(|(core, held)| core.is_current(held));
        current || self.shared.young(published.taken)
    }

    fn rebuild(&self, reading: &mut Reading, last: &RegistrySnapshot) -> RegistrySnapshot {
        let taken = self.shared.clock.coarse();
        let resets = self.shared.resets.seen();
        let catalog = {
            let now = self.catalog();
            if now.version() == last.catalog.version() { Arc::clone(&last.catalog) } else { Arc::new(now.clone()) }
        };
        // The order that `RegistrySnapshot` promises: what may be B is read before what may be A.
        let mut histograms: Vec<_> = catalog.histograms.iter().rev().map(|core| core.fresh()).collect();
        histograms.reverse();
        let mut throughputs: Vec<_> = catalog.throughputs.iter().rev().map(|core| core.fresh()).collect();
        throughputs.reverse();
        let epoch = reading.refresh(&self.shared.cells, catalog.cells);
        let pages = reading.values().map(Arc::clone).collect();
        let (histograms, throughputs) = (histograms.into(), throughputs.into());
        RegistrySnapshot { catalog, pages, histograms, throughputs, epoch, resets, taken }
    }
}

/// Adds a series to a family and returns its handle.
pub(crate) type AddSeries<M> = fn(&Arc<Inner>, usize, LabelValues) -> M;

fn add_counter(registry: &Arc<Inner>, family: usize, labels: LabelValues) -> Counter {
    Counter::new(registry.add_cell(family, labels, Metric::Counter))
}

fn add_gauge(registry: &Arc<Inner>, family: usize, labels: LabelValues) -> Gauge {
    Gauge::new(registry.add_cell(family, labels, Metric::Gauge))
}

fn add_float_gauge(registry: &Arc<Inner>, family: usize, labels: LabelValues) -> FloatGauge {
    FloatGauge::new(registry.add_cell(family, labels, Metric::FloatGauge))
}

fn add_histogram(registry: &Arc<Inner>, family: usize, labels: LabelValues) -> Histogram {
    let info = Arc::clone(&registry.catalog().families[family].info);
    let options = info.options.clone().expect("histograms are registered with options");
    let core = Arc::new(HistogramCore::new(options, Arc::clone(&registry.shared)));
    registry.add(family, labels, |catalog| {
        catalog.histograms.push(Arc::clone(&core));
        Metric::Histogram(catalog.histograms.len() - 1)
    });
    Histogram::new(core)
}

/// The name without the suffix that the exposition adds, and with its unit.
fn base_name(name: &str, kind: MetricKind, unit: Unit) -> String {
    match (kind, unit.suffix()) {
        (MetricKind::Counter | MetricKind::Throughput, _) => name.strip_suffix("_total").unwrap_or(name).to_owned(),
        (_, Some(suffix)) if !name.ends_with(&format!("_{suffix}")) => format!("{name}_{suffix}"),
        _ => name.to_owned(),
    }
}

fn is_metric_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    name.chars().all(legal) && name.starts_with(|c: char| !c.is_ascii_digit())
}

fn check_labels(labels: &[&str]) -> Result<(), RegisterError> {
    for (i, label) in labels.iter().enumerate() {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let label_owned = || (*label).to_owned();
        if !(label.chars().all(legal) && label.starts_with(|c: char| !c.is_ascii_digit())) || label.starts_with("__") {
            return Err(RegisterError::InvalidLabelName { label: label_owned() });
        }
        if matches!(*label, "le" | "quantile" | "window") {
            return Err(RegisterError::ReservedLabelName { label: label_owned() });
        }
        if labels[..i].contains(label) {
            return Err(RegisterError::DuplicateLabelName { label: label_owned() });
        }
    }
    Ok(())
}
