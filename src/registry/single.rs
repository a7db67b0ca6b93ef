//! Registering metrics without labels.

use crate::engine::counter::handles::CellHandle;
use crate::engine::family::dirty::DirtyBit;
use crate::engine::read_order::Group;
use crate::error::RegisterError;
use crate::kind::{MetricKind, Unit};
use crate::metric::counter::Counter;
use crate::metric::float_counter::FloatCounter;
use crate::metric::gauge::{FloatGauge, Gauge};
use crate::metric::histogram::{Histogram, HistogramCore};
use crate::metric::options::{HistogramOptions, ValidOptions};
use crate::registry::Registry;
use crate::registry::catalog::CellValue;
use crate::sample::description::FamilyDescription;
use std::sync::Arc;

const OF_RECENT: &str = "Quantiles of the last samples.";
const OF_WINDOWS: &str = "Quantiles over the last seconds.";

/// A registration of what is registered already, with the same description and options, returns the same metric.
impl Registry {
    /// Registers a counter. It is exposed with the suffix `_total`, which the name may already have.
    ///
    /// If the same is registered already, also at the same moment by another thread, this returns the same metric; so do all
    /// registrations.
    ///
    /// # Errors
    /// If the name is invalid, or taken by a metric that differs.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::new();
    /// registry.counter("requests", "Requests answered.")?.inc();
    /// assert_eq!(registry.counter("requests", "Requests answered.")?.get(), 1);
    /// let error = registry.gauge("requests", "Requests under way.").unwrap_err();
    /// assert!(error.to_string().contains("whose kind is another"));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn counter(&self, name: &str, help: &str) -> Result<Counter, RegisterError> {
        self.cell(name, help, CellValue::Counter, Counter::new)
    }

    /// Registers a floating-point counter. It is exposed with the suffix `_total`, which the name may already have.
    ///
    /// # Errors
    /// If the name is invalid, or taken by a metric that differs.
    pub fn float_counter(&self, name: &str, help: &str) -> Result<FloatCounter, RegisterError> {
        self.cell(name, help, CellValue::FloatCounter, FloatCounter::new)
    }

    /// Registers a gauge.
    ///
    /// # Errors
    /// If the name is invalid, or taken by a metric that differs.
    pub fn gauge(&self, name: &str, help: &str) -> Result<Gauge, RegisterError> {
        self.cell(name, help, CellValue::Gauge, Gauge::new)
    }

    /// Registers a floating-point gauge.
    ///
    /// # Errors
    /// If the name is invalid, or taken by a metric that differs.
    pub fn float_gauge(&self, name: &str, help: &str) -> Result<FloatGauge, RegisterError> {
        self.cell(name, help, CellValue::FloatGauge, FloatGauge::new)
    }

    /// Registers a histogram. A unit's suffix (`_seconds`, `_bytes`) is added to the name if it is not there.
    ///
    /// # Errors
    /// If the name is invalid, or taken by a metric that differs, the options contradict each other, or the registry has a constant
    /// label `le`. If pages show [recent samples](HistogramOptions::export_recent) or [windows](HistogramOptions::export_windows), also if the
    /// name of that summary is taken, or the registry has a constant label `quantile`, or `window`.
    pub fn histogram(
        &self,
        name: &str,
        help: &str,
        options: impl Into<HistogramOptions>,
    ) -> Result<Histogram, RegisterError> {
        let options = options.into();
        let valid = options.validate(HistogramOptions::DEFAULT_RECENT)?;
        let families = self.describe_histograms(name, help, &[], &valid)?;
        // Made before the lock is taken, since it asks the clock. It is dropped if the histogram is registered already.
        let core = Arc::new(HistogramCore::new(
            &valid,
            Arc::clone(&self.state.context),
            DirtyBit::default(),
        ));
        self.state.register(families, options, |catalog, families| {
            catalog.add_histograms(families, &valid, Group::One(Arc::clone(&core)));
            Histogram::new(core)
        })
    }

    /// The histograms, and the summaries that pages show beside them: of recent samples, and of windows.
    pub(super) fn describe_histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[String],
        options: &ValidOptions,
    ) -> Result<Vec<FamilyDescription>, RegisterError> {
        let (naming, unit) = (&self.state.naming, options.unit);
        let histograms = naming.describe(name, help, MetricKind::Histogram, unit, labels)?;
        let mut families = vec![histograms.with_bounds(&options.bounds)];
        let base = unit.suffix().and_then(|unit| name.strip_suffix(unit));
        let base = base.and_then(|base| base.strip_suffix('_')).unwrap_or(name);
        let mut add = |word, about, labels: &[String]| {
            let name = format!("{base}_{word}");
            let summaries = naming.describe(&name, help, MetricKind::Summary, unit, labels)?;
            families.push(summaries.about(about));
            Ok::<_, RegisterError>(())
        };
        if options.export_recent {
            add("recent", OF_RECENT, labels)?;
        }
        if options.export_windows {
            add(
                "window",
                OF_WINDOWS,
                &[labels, &["window".to_owned()]].concat(),
            )?;
        }
        Ok(families)
    }

    /// A metric that is one cell. `handle`: how it is written to.
    fn cell<M: Clone + Send + Sync + 'static>(
        &self,
        name: &str,
        help: &str,
        value: CellValue,
        handle: fn(CellHandle) -> M,
    ) -> Result<M, RegisterError> {
        let naming = &self.state.naming;
        let mut description = naming.describe(name, help, value.kind(), Unit::Unitless, &[])?;
        if description.unix_origin.is_some() {
            description.registered = self.state.context.now();
        }
        self.state
            .register(vec![description], (), |catalog, families| {
                handle(catalog.add_cell(&families[0], value))
            })
    }
}
