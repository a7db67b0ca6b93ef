//! Registering throughputs, each of which is exposed as two families.

use crate::engine::family::dirty::DirtyBit;
use crate::engine::family::objects::Objects;
use crate::engine::read_order::Group;
use crate::error::RegisterError;
use crate::kind::{MetricKind, Unit};
use crate::metric::family::Family;
use crate::metric::family_options::FamilyOptions;
use crate::metric::throughput::{Throughput, ThroughputCore};
use crate::registry::Registry;
use crate::sample::description::FamilyDescription;
use std::sync::Arc;
use std::time::Duration;

/// The label of a rate.
const WINDOW: &str = "window";

const RATES: &str = "Per-second rate over the last whole seconds.";

impl Registry {
    /// Registers a throughput with windows of 5, 30 and 60 seconds. It is exposed as a counter (`_total`) and a gauge
    /// (`_per_second`, with the label `window`).
    ///
    /// # Errors
    /// If the name is invalid, or taken by a metric that differs, or the registry has a constant label `window`.
    pub fn throughput(&self, name: &str, help: &str) -> Result<Throughput, RegisterError> {
        self.throughput_with_windows(name, help, &default_windows())
    }

    /// Registers a throughput with windows of your own: whole seconds, 1 to 60.
    ///
    /// # Errors
    /// If the name is invalid, or taken by a metric that differs, a window is repeated, not a whole number of seconds, or outside 1 to
    /// 60 s, or the registry has a constant label `window`.
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
        let core = ThroughputCore::new(windows, Arc::clone(&self.state.context))?;
        let core = Arc::new(core);
        let families = self.describe_throughputs(name, help, &[])?;
        self.state
            .register(families, windows.to_vec(), |catalog, families| {
                let group = Group::One(Arc::clone(&core));
                catalog.add_throughputs(&families[0], &families[1], windows, group);
                Throughput::new(core)
            })
    }

    /// Registers throughputs that differ in the values of the given labels, with windows of 5, 30 and 60 seconds.
    ///
    /// # Errors
    /// If the name is invalid, or taken by a metric that differs, or a label's name is `window`, invalid, repeated or that of a constant
    /// label.
    ///
    /// ```
    /// let registry = epoch_metrics::Registry::new();
    /// let tokens = registry.throughput_family("tokens", "Tokens generated.", &["model"])?;
    /// tokens.with(&["small"])?.add(5);
    /// let page = registry.render_prometheus();
    /// assert!(page.contains("tokens_total{model=\"small\"} 5\n"));
    /// assert!(page.contains("tokens_per_second{model=\"small\",window=\"5s\"} NaN\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn throughput_family(
        &self,
        name: &str,
        help: &str,
        labels: impl Into<FamilyOptions>,
    ) -> Result<Family<Throughput>, RegisterError> {
        let (labels, windows) = (labels.into(), default_windows());
        let families = self.describe_throughputs(name, help, &labels.labels)?;
        let open = |family: FamilyDescription| family.open(labels.open);
        let families: Vec<_> = families.into_iter().map(open).collect();
        let context = Arc::clone(&self.state.context);
        let create = move |dirty: DirtyBit| {
            // Threads have cells of their own from the first call on, and rates change without one.
            dirty.mark_always();
            Arc::new(ThroughputCore::with_valid_windows(
                &windows,
                Arc::clone(&context),
            ))
        };
        let objects = Objects::new(0, create, Throughput::new);
        let engine = self.family(objects, &labels, true);
        let family = self.handle_of(&families[0], &[WINDOW], Arc::clone(&engine) as _);
        self.state.register(families, labels, |catalog, families| {
            let group = Group::Family(engine);
            catalog.add_throughputs(&families[0], &families[1], &windows, group);
            family
        })
    }

    /// The totals and the rates.
    fn describe_throughputs(
        &self,
        name: &str,
        help: &str,
        labels: &[String],
    ) -> Result<Vec<FamilyDescription>, RegisterError> {
        let naming = &self.state.naming;
        let base = naming.base_name(name, MetricKind::Counter, Unit::Unitless)?;
        let total = naming.describe(name, help, MetricKind::Counter, Unit::Unitless, labels)?;
        let name = format!("{base}_per_second");
        let mut labels = labels.to_vec();
        labels.push(WINDOW.to_owned());
        let rates = naming.describe(&name, help, MetricKind::Gauge, Unit::Unitless, &labels)?;
        Ok(vec![total, rates.about(RATES)])
    }
}

fn default_windows() -> [Duration; 3] {
    [5, 30, 60].map(Duration::from_secs)
}
