//! Registering observable metrics.

use crate::error::RegisterError;
use crate::kind::{MetricKind, Unit};
use crate::registry::Registry;
use crate::registry::observer::{Observations, Observer};
use crate::registry::snapshot::RegistrySnapshot;
use crate::sample::description::FamilyDescription;
use crate::sample::value::{Summary, Value};

impl Registry {
    /// Registers a counter whose values `callback` reports while a page is made, from the page's snapshot or from elsewhere.
    ///
    /// The callback runs in the thread that makes the page, under no lock of the registry: a slow one delays its page and nothing
    /// else, and two pages may call it at the same time. It must not make a page of the same registry, and a callback that holds
    /// a clone of the registry keeps it alive.
    ///
    /// If the callback panics (and panics unwind), its page lacks this metric, the panic is counted
    /// ([`epoch_metrics_callback_panics`](crate::RegistryBuilder::own_metrics_prefix)), and the next page calls it again.
    ///
    /// # Errors
    /// If the name is invalid or taken, or a label's name is invalid, reserved, repeated or that of a constant label.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    ///
    /// static ACCEPTED: AtomicU64 = AtomicU64::new(7); // counted by another library
    ///
    /// let registry = epoch_metrics::Registry::new();
    /// registry.observable_counter("accepted", "Connections accepted.", &[], |_, observations| {
    ///     observations.observe(&[], ACCEPTED.load(Ordering::Relaxed)).expect("it has no labels");
    /// })?;
    /// assert!(registry.render_prometheus().contains("accepted_total 7\n"));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn observable_counter(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        callback: impl Fn(&RegistrySnapshot, &mut Observations<u64>) + Send + Sync + 'static,
    ) -> Result<(), RegisterError> {
        let description =
            self.describe_observed(name, help, MetricKind::Counter, Unit::Unitless, labels)?;
        self.state
            .add_observer(Observer::new(description, callback))
    }

    /// Registers a counter without labels whose value `read` returns while a page is made, as [`Self::observable_counter`] does.
    ///
    /// # Errors
    /// If the name is invalid or taken.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU64, Ordering};
    ///
    /// let (accepted, registry) = (Arc::new(AtomicU64::new(7)), epoch_metrics::Registry::new());
    /// let counted = Arc::clone(&accepted);
    /// registry.observable_counter_fn("accepted", "Connections accepted.", move || counted.load(Ordering::Relaxed))?;
    /// assert!(registry.render_prometheus().contains("accepted_total 7\n"));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn observable_counter_fn(
        &self,
        name: &str,
        help: &str,
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Result<(), RegisterError> {
        self.observable_counter(name, help, &[], report(read))
    }

    /// Registers a gauge whose values `callback` reports, as [`Self::observable_counter`] does.
    ///
    /// # Errors
    /// If the name is invalid or taken, or a label's name is invalid, reserved, repeated or that of a constant label.
    pub fn observable_gauge(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        callback: impl Fn(&RegistrySnapshot, &mut Observations<f64>) + Send + Sync + 'static,
    ) -> Result<(), RegisterError> {
        let description =
            self.describe_observed(name, help, MetricKind::Gauge, Unit::Unitless, labels)?;
        self.state
            .add_observer(Observer::new(description, callback))
    }

    /// Registers a gauge without labels whose value `read` returns while a page is made, as [`Self::observable_counter`] does.
    /// NaN stands for a value that is not known: `NaN` in text, `null` in JSON.
    ///
    /// # Errors
    /// If the name is invalid or taken.
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    ///
    /// let pool = Arc::new(Mutex::new(vec!["a connection", "another one"]));
    /// let registry = epoch_metrics::Registry::new();
    /// let observed = Arc::clone(&pool);
    /// registry.observable_gauge_fn("pool_size", "Connections.", move || observed.lock().map_or(f64::NAN, |pool| pool.len() as f64))?;
    /// assert!(registry.render_prometheus().contains("pool_size 2\n"));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn observable_gauge_fn(
        &self,
        name: &str,
        help: &str,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Result<(), RegisterError> {
        self.observable_gauge(name, help, &[], report(read))
    }

    /// Registers a summary whose values `callback` reports, as [`Self::observable_counter`] does. A unit's suffix is added to
    /// the name if it is not there.
    ///
    /// # Errors
    /// If the name is invalid or taken, or a label's name is invalid, reserved, repeated or that of a constant label.
    ///
    /// ```
    /// use epoch_metrics::{Registry, Summary, Unit};
    ///
    /// let registry = Registry::new();
    /// registry.observable_summary("wait", "Time in the queue.", Unit::Seconds, &[], |_, observations| {
    ///     let summary = Summary::new(10, 2_500_000_000).quantile(0.99, 400_000_000); // nanoseconds
    ///     observations.observe(&[], summary).expect("it has no labels");
    /// })?;
    /// assert!(registry.render_prometheus().contains("wait_seconds{quantile=\"0.99\"} 0.4\n"));
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn observable_summary(
        &self,
        name: &str,
        help: &str,
        unit: Unit,
        labels: &[&str],
        callback: impl Fn(&RegistrySnapshot, &mut Observations<Summary>) + Send + Sync + 'static,
    ) -> Result<(), RegisterError> {
        let description = self.describe_observed(name, help, MetricKind::Summary, unit, labels)?;
        self.state
            .add_observer(Observer::new(description, callback))
    }

    fn describe_observed(
        &self,
        name: &str,
        help: &str,
        kind: MetricKind,
        unit: Unit,
        labels: &[&str],
    ) -> Result<FamilyDescription, RegisterError> {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        self.state.naming.describe(name, help, kind, unit, &labels)
    }
}

/// A callback that reports one value without labels.
fn report<V: Into<Value>>(
    read: impl Fn() -> V + Send + Sync + 'static,
) -> impl Fn(&RegistrySnapshot, &mut Observations<V>) + Send + Sync + 'static {
    move |_, observations| {
        // The one series of a family without labels is never refused.
        let _ = observations.observe(&[], read());
    }
}
