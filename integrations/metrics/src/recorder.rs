//! The recorder: what the facade's macros call.

use crate::family::{Families, Refusal, Registered};
use crate::handle::{Held, Refused};
use crate::matcher::find;
use crate::names::{sanitize_metric, with_unit, without_total};
use crate::scale::{self, Scale};
use crate::settings::Settings;
use epoch_metrics::{
    Counter, Family, FamilyOptions, FloatGauge, Histogram, HistogramOptions, Member, RegisterError,
    Registry, Unit,
};
use metrics::{Key, KeyName, Metadata, Recorder, SharedString};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A [`metrics::Recorder`] whose metrics are those of a [`Registry`]. [`PrometheusBuilder`](crate::PrometheusBuilder) makes one.
///
/// A key that was seen before is found without a lock, and without an allocation. The first one of a series allocates and takes locks.
///
/// ```
/// use epoch_metrics_facade::PrometheusBuilder;
///
/// let recorder = PrometheusBuilder::new().build_recorder()?;
/// metrics::with_local_recorder(&recorder, || metrics::counter!("jobs_total", "queue" => "fast").increment(2));
/// assert!(recorder.handle().render().contains("jobs_total{queue=\"fast\"} 2\n"));
/// # Ok::<(), epoch_metrics_facade::BuildError>(())
/// ```
#[derive(Clone)]
pub struct PrometheusRecorder {
    state: Arc<State>,
}

/// What renders the metrics of a recorder that is installed. It is cheap to clone.
///
/// ```
/// use epoch_metrics_facade::PrometheusBuilder;
///
/// let handle = PrometheusBuilder::new().install_recorder()?;
/// metrics::gauge!("queued").set(3.0);
/// assert!(handle.render().contains("queued 3\n"));
/// # Ok::<(), epoch_metrics_facade::BuildError>(())
/// ```
#[derive(Clone)]
pub struct PrometheusHandle {
    state: Arc<State>,
}

/// What a page calls the metric of the operations that were refused, after the registry's prefix.
const REFUSED: &str = "metrics_facade_refused_operations";

struct State {
    registry: Registry,
    settings: Settings,
    counters: Families<Counter, (), metrics::Counter>,
    gauges: Families<FloatGauge, (), metrics::Gauge>,
    histograms: Families<Histogram, Scale, metrics::Histogram>,
    /// By names as they are exposed, without units. Families are registered under this lock.
    descriptions: Mutex<HashMap<String, Description>>,
    /// Operations on metrics that could not be registered.
    refused: Family<Counter>,
}

/// What a library says about a metric; by default, nothing.
#[derive(Clone, Default)]
struct Description {
    unit: Option<metrics::Unit>,
    help: SharedString,
}

impl PrometheusHandle {
    /// Every metric of the registry in Prometheus' text format 0.0.4, with the recorder's counters under the names that they were given.
    /// With [recommended naming](crate::PrometheusBuilder::with_recommended_naming) they end in `_total`, as they always do on the pages of
    /// the [registry](Self::registry) itself, and this is [`Registry::render_prometheus`].
    pub fn render(&self) -> String {
        let page = self.state.registry.render_prometheus();
        match self.state.counters_without_total() {
            names if names.is_empty() => page,
            names => without_total(&page, &names),
        }
    }

    /// The registry: for snapshots, quantiles, JSON, and metrics of its own kind beside those of the facade.
    pub fn registry(&self) -> &Registry {
        &self.state.registry
    }
}

impl PrometheusRecorder {
    pub(crate) fn new(registry: Registry, settings: Settings) -> Result<Self, RegisterError> {
        let refused = registry.counter_family(
            REFUSED,
            "Operations of the metrics facade on metrics that could not be registered.",
            &["metric", "reason"],
        )?;
        let state = State {
            registry,
            settings,
            counters: Families::default(),
            gauges: Families::default(),
            histograms: Families::default(),
            descriptions: Mutex::default(),
            refused,
        };
        Ok(Self {
            state: Arc::new(state),
        })
    }

    /// What renders the metrics.
    pub fn handle(&self) -> PrometheusHandle {
        PrometheusHandle {
            state: Arc::clone(&self.state),
        }
    }
}

impl State {
    fn describe(&self, name: &str, unit: Option<metrics::Unit>, help: SharedString) {
        let name = sanitize_metric(name);
        let mut descriptions = self.descriptions();
        // The first description counts.
        if descriptions.contains_key(&name) {
            return;
        }
        let known =
            self.counters.has(&name) || self.gauges.has(&name) || self.histograms.has(&name);
        if known {
            // A unit that comes late has no place in the name any more.
            self.registry.describe(&name, &help);
        }
        descriptions.insert(name, Description { unit, help });
    }

    fn descriptions(&self) -> MutexGuard<'_, HashMap<String, Description>> {
        // A description is added as a whole or not at all.
        self.descriptions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The handle of a key: that of a series, or one that counts what is refused.
    fn handle<M: Member, T: Clone, H: Clone>(
        &self,
        families: &Families<M, T, H>,
        key: &Key,
        register: impl FnOnce(&str, Option<metrics::Unit>) -> Result<Registered<M, T>, RegisterError>,
        hold: impl FnOnce(M, T) -> H,
        refuse: impl FnOnce(Option<Arc<Refused>>) -> H,
    ) -> H {
        if let Some(handle) = families.find(key) {
            return handle;
        }
        let register = |name| self.register(families, name, register);
        let created = families.create(key, register, hold);
        created.unwrap_or_else(|refusal| refuse(self.refused(key, refusal)))
    }

    /// Registers a family under the name, with its unit if names have units, and describes it.
    fn register<M: Member, T: Clone, H: Clone>(
        &self,
        families: &Families<M, T, H>,
        name: String,
        register: impl FnOnce(&str, Option<metrics::Unit>) -> Result<Registered<M, T>, RegisterError>,
    ) -> Result<Registered<M, T>, Refusal> {
        // Held until the family is kept, so that no description comes between. A second thread registers the same family once more.
        let descriptions = self.descriptions();
        let description = descriptions.get(&name).cloned().unwrap_or_default();
        let suffix = description.unit.filter(|_| self.settings.recommended);
        let full = match suffix {
            Some(unit) => with_unit(name.clone(), unit),
            None => name.clone(),
        };
        let registered = register(&full, description.unit);
        if registered.is_ok() && !description.help.is_empty() {
            self.registry.describe(&full, &description.help);
        }
        families.keep(name, registered)
    }

    /// The names on a page of counters that were not given theirs with `_total`, if such names are shown.
    fn counters_without_total(&self) -> HashSet<String> {
        if self.settings.recommended {
            return HashSet::new();
        }
        let prefix = self.registry.prefix().map(sanitize_metric);
        let prefix = prefix.map_or(String::new(), |prefix| prefix + "_");
        let names = self.counters.names().into_iter();
        names
            .map(|name| format!("{name}_total"))
            // One that was given both names has the longer one.
            .filter(|name| !name.ends_with("_total_total") && !self.counters.has(name))
            .map(|name| format!("{prefix}{name}"))
            .collect()
    }

    fn options(&self) -> FamilyOptions {
        FamilyOptions::any_labels().max_series(self.settings.max_series)
    }

    fn register_histograms(
        &self,
        name: &str,
        unit: Option<metrics::Unit>,
    ) -> Result<Registered<Histogram, Scale>, RegisterError> {
        let settings = &self.settings;
        let places = find(&settings.places, name).copied();
        let places = places.unwrap_or_else(|| scale::places(unit));
        let scale = Scale::new(places);
        let bounds = match find(&settings.bounds, name).or(settings.default_bounds.as_ref()) {
            Some(bounds) => bounds.clone(),
            None => scale::bounds(unit),
        };
        // What is beyond the largest value counts as `+Inf` in any case.
        let bounds: Vec<u64> = bounds
            .iter()
            .filter_map(|bound| scale.whole(*bound))
            .collect();
        let options = HistogramOptions::default()
            .unit(Unit::Decimal(places))
            .significant_digits(settings.digits)
            .export_bounds(&bounds);
        let family = self
            .registry
            .histogram_family(name, "", options, self.options())?;
        Ok((family, scale))
    }

    /// Counts the operations on a metric that is refused.
    fn refused(&self, key: &Key, refusal: Refusal) -> Option<Arc<Refused>> {
        let name = sanitize_metric(key.name());
        // The number of values is that of the labels, so that it does not fail.
        let counter = self.refused.with(&[&name, refusal.label()]).ok()?;
        Some(Arc::new(Refused(counter)))
    }
}

impl Recorder for PrometheusRecorder {
    fn describe_counter(&self, key: KeyName, unit: Option<metrics::Unit>, help: SharedString) {
        self.state.describe(key.as_str(), unit, help);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<metrics::Unit>, help: SharedString) {
        self.state.describe(key.as_str(), unit, help);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<metrics::Unit>, help: SharedString) {
        self.state.describe(key.as_str(), unit, help);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> metrics::Counter {
        let state = &*self.state;
        state.handle(
            &state.counters,
            key,
            |name, _| {
                Ok((
                    state.registry.counter_family(name, "", state.options())?,
                    (),
                ))
            },
            |counter, ()| metrics::Counter::from_arc(Arc::new(Held(counter))),
            |refused| refused.map_or_else(metrics::Counter::noop, metrics::Counter::from_arc),
        )
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> metrics::Gauge {
        let state = &*self.state;
        state.handle(
            &state.gauges,
            key,
            |name, _| {
                Ok((
                    state
                        .registry
                        .float_gauge_family(name, "", state.options())?,
                    (),
                ))
            },
            |gauge, ()| metrics::Gauge::from_arc(Arc::new(Held(gauge))),
            |refused| refused.map_or_else(metrics::Gauge::noop, metrics::Gauge::from_arc),
        )
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> metrics::Histogram {
        let state = &*self.state;
        state.handle(
            &state.histograms,
            key,
            |name, unit| state.register_histograms(name, unit),
            |histogram, scale| metrics::Histogram::from_arc(Arc::new(Held((histogram, scale)))),
            |refused| refused.map_or_else(metrics::Histogram::noop, metrics::Histogram::from_arc),
        )
    }
}

impl fmt::Debug for PrometheusHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrometheusHandle")
            .field("registry", &self.state.registry)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PrometheusRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrometheusRecorder")
            .field("registry", &self.state.registry)
            .finish_non_exhaustive()
    }
}
