//! Registering families: metrics that differ in the values of their labels.

use crate::engine::counter::handles::CellHandle;
use crate::engine::counter::page::Page;
use crate::engine::family::cap::Cap;
use crate::engine::family::cells::{CellKind, Cells};
use crate::engine::family::dirty::DirtyBit;
use crate::engine::family::expiry::IdleTime;
use crate::engine::family::objects::{Object, Objects};
use crate::engine::family::{Family as EngineFamily, Members};
use crate::engine::read_order::Group;
use crate::error::RegisterError;
use crate::kind::{MetricKind, Unit};
use crate::metric::counter::Counter;
use crate::metric::family::{CheckNames, Family, Member, SeriesOf};
use crate::metric::family_options::FamilyOptions;
use crate::metric::float_counter::FloatCounter;
use crate::metric::gauge::{FloatGauge, Gauge};
use crate::metric::histogram::{Histogram, HistogramCore};
use crate::metric::options::HistogramOptions;
use crate::registry::Registry;
use crate::registry::catalog::CellValue;
use crate::sample::description::FamilyDescription;
use crate::sample::escaping::is_legacy_label;
use crate::snapshot::histogram::HistogramSnapshot;
use std::fmt::Debug;
use std::sync::Arc;

/// Labels are given as names, `&["method", "status"]`, or as [`FamilyOptions`].
impl Registry {
    /// Registers counters that differ in the values of the given labels.
    ///
    /// # Errors
    /// If the name is invalid, or taken by a metric that differs, or a label's name is invalid, reserved, repeated or that of a constant
    /// label.
    pub fn counter_family(
        &self,
        name: &str,
        help: &str,
        labels: impl Into<FamilyOptions>,
    ) -> Result<Family<Counter>, RegisterError> {
        self.cells(
            name,
            help,
            labels.into(),
            CellValue::Counter,
            Counter::new,
            |bits| bits,
        )
    }

    /// Registers floating-point counters that differ in the values of the given labels.
    ///
    /// # Errors
    /// If the name is invalid, or taken by a metric that differs, or a label's name is invalid, reserved, repeated or that of a constant
    /// label.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::new();
    /// let cpu = registry.float_counter_family("cpu_seconds", "Time on the CPU.", &["mode"])?;
    /// cpu.with(&["user"])?.add(1.5);
    /// assert!(registry.render_prometheus().contains("cpu_seconds_total{mode=\"user\"} 1.5\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn float_counter_family(
        &self,
        name: &str,
        help: &str,
        labels: impl Into<FamilyOptions>,
    ) -> Result<Family<FloatCounter>, RegisterError> {
        let value = CellValue::FloatCounter;
        self.cells(
            name,
            help,
            labels.into(),
            value,
            FloatCounter::new,
            f64::from_bits,
        )
    }

    /// Registers gauges that differ in the values of the given labels.
    ///
    /// # Errors
    /// If the name is invalid, or taken by a metric that differs, or a label's name is invalid, reserved, repeated or that of a constant
    /// label.
    pub fn gauge_family(
        &self,
        name: &str,
        help: &str,
        labels: impl Into<FamilyOptions>,
    ) -> Result<Family<Gauge>, RegisterError> {
        let value = |bits| bits as i64;
        self.cells(
            name,
            help,
            labels.into(),
            CellValue::Gauge,
            Gauge::new,
            value,
        )
    }

    /// Registers floating-point gauges that differ in the values of the given labels.
    ///
    /// # Errors
    /// If the name is invalid, or taken by a metric that differs, or a label's name is invalid, reserved, repeated or that of a constant
    /// label.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::new();
    /// let load = registry.float_gauge_family("load", "Load average.", &["minutes"])?;
    /// load.with(&["5"])?.set(0.25);
    /// assert!(registry.render_prometheus().contains("load{minutes=\"5\"} 0.25\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn float_gauge_family(
        &self,
        name: &str,
        help: &str,
        labels: impl Into<FamilyOptions>,
    ) -> Result<Family<FloatGauge>, RegisterError> {
        let value = CellValue::FloatGauge;
        self.cells(
            name,
            help,
            labels.into(),
            value,
            FloatGauge::new,
            f64::from_bits,
        )
    }

    /// Registers histograms that differ in the values of the given labels.
    ///
    /// # Errors
    /// If the name is invalid, or taken by a metric that differs, a label's name is invalid, reserved, repeated or that of a constant
    /// label, or the options contradict each other.
    pub fn histogram_family(
        &self,
        name: &str,
        help: &str,
        options: impl Into<HistogramOptions>,
        labels: impl Into<FamilyOptions>,
    ) -> Result<Family<Histogram>, RegisterError> {
        let (labels, options) = (labels.into(), options.into());
        let valid = options.validate(0)?;
        let families = self.describe_histograms(name, help, &labels.labels, &valid)?;
        let open = |family: FamilyDescription| family.open(labels.open);
        let families: Vec<_> = families.into_iter().map(open).collect();
        let exported = valid.clone();
        let context = Arc::clone(&self.state.context);
        let create = move |dirty| Arc::new(HistogramCore::new(&valid, Arc::clone(&context), dirty));
        let of_none = create(DirtyBit::default());
        let empty = HistogramSnapshot::nothing_of(&of_none.value(self.state.context.moment()));
        let objects = Objects::new(Arc::new(empty), create, Histogram::new);
        let engine = self.family(objects, &labels, true);
        let taken: &[_] = match (exported.export_recent, exported.export_windows) {
            (false, false) => &[],
            (true, false) => &["quantile"],
            (_, true) => &["quantile", "window"],
        };
        let family = self.handle_of(&families[0], taken, Arc::clone(&engine) as _);
        self.state
            .register(families, (options, labels), |catalog, families| {
                catalog.add_histograms(families, &exported, Group::Family(engine));
                family
            })
    }

    /// The series of a family, none yet. `overflows`: whether one series can take what is beyond the cap.
    pub(super) fn family<S>(
        &self,
        members: S,
        options: &FamilyOptions,
        overflows: bool,
    ) -> Arc<EngineFamily<S>>
    where
        S: Members<Handle: Debug> + Debug + Send + 'static,
    {
        let cap = Cap::new(
            options.max_series,
            Arc::clone(&self.state.places),
            overflows.then(|| options.overflow_labels()),
        );
        let (version, idle) = (
            self.state.version(),
            options.expire_after.map(IdleTime::new),
        );
        let family = Arc::new(EngineFamily::new(members, version, cap, idle));
        if idle.is_some() {
            self.state
                .context
                .expiries
                .add(Arc::downgrade(&family) as _);
        }
        family
    }

    /// What users get of a family. `taken`: labels that it sets itself.
    pub(super) fn handle_of<M: Member>(
        &self,
        description: &FamilyDescription,
        taken: &'static [&'static str],
        series: Arc<dyn SeriesOf<M>>,
    ) -> Family<M> {
        let check: Option<CheckNames> = description.open.then(|| {
            let (naming, kind) = (self.state.naming.clone(), description.kind);
            Arc::new(move |name: &str| {
                let valid = || naming.check_labels(kind, &[name.to_owned()]).is_ok();
                !taken.contains(&name) && is_legacy_label(name) && valid()
            }) as _
        });
        Family::new(&description.labels, check, series, &self.state.context)
    }

    /// A family of metrics that are one cell each. `handle`, `bits`: how a cell is written to, and what its bits are.
    fn cells<M: Member + Debug>(
        &self,
        name: &str,
        help: &str,
        options: FamilyOptions,
        value: CellValue,
        handle: fn(CellHandle) -> M,
        bits: fn(u64) -> M::Value,
    ) -> Result<Family<M>, RegisterError> {
        let naming = &self.state.naming;
        let labels = &options.labels;
        let description = naming.describe(name, help, value.kind(), Unit::Unitless, labels)?;
        let description = description.open(options.open);
        let (kind, overflows) = match value {
            CellValue::Counter => (CellKind::Counter, true),
            CellValue::FloatCounter => (CellKind::Float, true),
            CellValue::Gauge => (CellKind::Whole, false),
            CellValue::FloatGauge => (CellKind::Float, false),
        };
        let promotion = Arc::clone(&self.state.context.promotion);
        let page = move || Page::of_family(Arc::clone(&promotion));
        let mut cells = Cells::new(kind, &self.state.rebuilds, page, handle, bits);
        if value.kind() == MetricKind::Counter && description.unix_origin.is_some() {
            let context = Arc::clone(&self.state.context);
            cells = cells.with_creation_times(move || context.now());
        }
        let engine = self.family(cells, &options, overflows);
        let family = self.handle_of(&description, &[], Arc::clone(&engine) as _);
        self.state
            .register(vec![description], options, |catalog, families| {
                catalog.add_cells(&families[0], value, engine);
                family
            })
    }
}
