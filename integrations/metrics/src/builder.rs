//! Options of a recorder.

use crate::error::BuildError;
use crate::matcher::Matcher;
use crate::recorder::{PrometheusHandle, PrometheusRecorder};
use crate::settings::Settings;
use epoch_metrics::{FamilyOptions, OptionsError, RegisterError, Registry};

/// Builder for a recorder, with the methods of metrics-exporter-prometheus' builder of the same name.
///
/// ```
/// use epoch_metrics_facade::PrometheusBuilder;
///
/// let handle = PrometheusBuilder::new()
///     .set_buckets(&[0.005, 0.01, 0.05, 0.1, 0.5, 1.0])?
///     .add_global_label("region", "eu")
///     .install_recorder()?;
/// metrics::histogram!("http_latency_seconds").record(0.007);
/// assert!(handle.render().contains("http_latency_seconds_bucket{region=\"eu\",le=\"0.01\"} 1\n"));
/// # Ok::<(), epoch_metrics_facade::BuildError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build_recorder` or `install_recorder` is called"]
pub struct PrometheusBuilder {
    registry: Option<Registry>,
    labels: Vec<(String, String)>,
    settings: Settings,
}

impl Default for PrometheusBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl PrometheusBuilder {
    /// A builder for a recorder with a registry of its own, buckets by unit, and 2 significant digits.
    pub fn new() -> Self {
        let settings = Settings {
            default_bounds: None,
            bounds: Vec::new(),
            places: Vec::new(),
            digits: 2,
            max_series: FamilyOptions::DEFAULT_MAX_SERIES,
            recommended: false,
        };
        Self {
            registry: None,
            labels: Vec::new(),
            settings,
        }
    }

    /// The registry that the metrics arrive in, beside others that are registered there. Its prefix and its constant labels are
    /// theirs as well.
    ///
    /// ```
    /// use epoch_metrics::Registry;
    /// use epoch_metrics_facade::PrometheusBuilder;
    ///
    /// let registry = Registry::builder().prefix("app")?.build();
    /// let recorder = PrometheusBuilder::new().registry(&registry).build_recorder()?;
    /// metrics::with_local_recorder(&recorder, || metrics::gauge!("queued").set(2.5));
    /// assert!(registry.render_prometheus().contains("app_queued 2.5\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn registry(mut self, registry: &Registry) -> Self {
        self.registry = Some(registry.clone());
        self
    }

    /// A label that all metrics have, unless a registry is [handed in](Self::registry): that one has its own
    /// [constant labels](epoch_metrics::RegistryBuilder::constant_label). A label of this name that a metric has itself is exposed
    /// with `exported_` before its name.
    pub fn add_global_label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((name.into(), value.into()));
        self
    }

    /// The bucket bounds of all histograms that have no bounds of their own, in the unit of their values. By default they go
    /// from a microsecond to a thousand seconds, in the unit that the histogram is described with, or in seconds; and from 1 to
    /// 10^9 where the unit is none of time.
    ///
    /// # Errors
    /// If there is no bound, or one is negative or not a number.
    pub fn set_buckets(mut self, bounds: &[f64]) -> Result<Self, BuildError> {
        self.settings.default_bounds = Some(checked(bounds)?);
        Ok(self)
    }

    /// The bucket bounds of some histograms, in the unit of their values.
    ///
    /// # Errors
    /// If there is no bound, or one is negative or not a number.
    pub fn set_buckets_for_metric(
        mut self,
        matcher: Matcher,
        bounds: &[f64],
    ) -> Result<Self, BuildError> {
        let bounds = checked(bounds)?;
        self.settings.bounds.push((matcher.sanitized(), bounds));
        Ok(self)
    }

    /// How many decimal places the values of some histograms keep, 0 to 15. The largest value that counts is 1.8 × 10^(19 − places).
    /// By default there are as many as [the README](crate#floating-point-values) says.
    ///
    /// ```
    /// use epoch_metrics_facade::{Matcher, PrometheusBuilder};
    ///
    /// let builder = PrometheusBuilder::new().decimal_places(Matcher::Suffix("_bytes".to_owned()), 0);
    /// let recorder = builder.build_recorder()?;
    /// metrics::with_local_recorder(&recorder, || metrics::histogram!("dump_bytes").record(5e18));
    /// assert!(recorder.handle().render().contains("dump_bytes_sum 5000000000000000000\n"));
    /// # Ok::<(), epoch_metrics_facade::BuildError>(())
    /// ```
    pub fn decimal_places(mut self, matcher: Matcher, places: u8) -> Self {
        self.settings.places.push((matcher.sanitized(), places));
        self
    }

    /// How many decimal digits of a value a histogram's buckets keep, 1 to 5; defaults to 2, which is one percent. See
    /// [`HistogramOptions::significant_digits`](epoch_metrics::HistogramOptions::significant_digits).
    pub fn significant_digits(mut self, digits: u8) -> Self {
        self.settings.digits = digits;
        self
    }

    /// The most series that one metric may have; defaults to 10,000. What is beyond goes to one series, `overflow="overflow"`. Gauges
    /// have none: operations on theirs count as [refused](crate#what-is-refused).
    pub fn max_series(mut self, max: usize) -> Self {
        self.settings.max_series = max;
        self
    }

    /// Whether names get the unit that the metric is described with before it is first used, as `latency` becomes `latency_seconds`, and
    /// counters `_total`. Defaults to `false`: then [`PrometheusHandle::render`] shows names as they were given. Pages that the registry renders
    /// itself, which may be OpenMetrics, have `_total` in any case.
    ///
    /// ```
    /// use epoch_metrics_facade::PrometheusBuilder;
    ///
    /// for (recommended, line) in [(false, "jobs 1\n"), (true, "jobs_total 1\n")] {
    ///     let recorder = PrometheusBuilder::new().with_recommended_naming(recommended).build_recorder()?;
    ///     metrics::with_local_recorder(&recorder, || metrics::counter!("jobs").increment(1));
    ///     assert!(recorder.handle().render().contains(line));
    /// }
    /// # Ok::<(), epoch_metrics_facade::BuildError>(())
    /// ```
    pub fn with_recommended_naming(mut self, enabled: bool) -> Self {
        self.settings.recommended = enabled;
        self
    }

    /// The recorder, for [`metrics::set_global_recorder`] or [`metrics::with_local_recorder`].
    ///
    /// # Errors
    /// If a label, the number of digits or a number of decimal places is impossible, or the registry has a metric
    /// `metrics_facade_refused_operations` of another kind.
    pub fn build_recorder(self) -> Result<PrometheusRecorder, BuildError> {
        let settings = self.settings;
        let digits = settings.digits;
        if !(1..=5).contains(&digits) {
            let error = OptionsError::Digits { digits };
            return Err(RegisterError::Options(error).into());
        }
        if let Some((_, places)) = settings.places.iter().find(|(_, places)| *places > 15) {
            let (places, max) = (*places, 15);
            let error = OptionsError::Places { places, max };
            return Err(RegisterError::Options(error).into());
        }
        let registry = match self.registry {
            Some(registry) => registry,
            None => {
                let mut builder = Registry::builder();
                for (name, value) in &self.labels {
                    builder = builder.constant_label(name, value)?;
                }
                builder.build()
            }
        };
        Ok(PrometheusRecorder::new(registry, settings)?)
    }

    /// Installs the recorder for the whole process, and returns what renders its metrics. The recorder needs no periodic upkeep.
    ///
    /// # Errors
    /// Those of [`build_recorder`](Self::build_recorder), or if there is a recorder already.
    pub fn install_recorder(self) -> Result<PrometheusHandle, BuildError> {
        let recorder = self.build_recorder()?;
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|_| BuildError::AlreadyInstalled)?;
        Ok(handle)
    }
}

/// Bucket bounds that values can be compared with.
fn checked(bounds: &[f64]) -> Result<Vec<f64>, BuildError> {
    if bounds.is_empty() {
        return Err(BuildError::NoBounds);
    }
    match bounds.iter().find(|bound| bound.is_nan() || **bound < 0.0) {
        Some(bound) => Err(BuildError::InvalidBound { bound: *bound }),
        None => Ok(bounds.to_vec()),
    }
}
