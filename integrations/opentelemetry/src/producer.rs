//! Pages become OTLP's metrics: what was delivered last is kept, so that differences can be sent, and beginnings be told.

use crate::collection::{Collection, HistogramForm, Known};
use epoch_metrics::{Page, SeriesId};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::metrics::v1::ScopeMetrics;
use opentelemetry_sdk::metrics::Temporality;
use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, SystemTime};

/// Makes OTLP's metrics of pages, one after the other.
///
/// [`Exporter`](crate::Exporter) contains one. By itself it is for those who send in another way, by gRPC for example: the messages are those of the
/// [`opentelemetry_proto`] crate.
///
/// With [`Temporality::Delta`] a collection holds what was recorded since the last collection that was [delivered](Self::delivered), and leaves out
/// series of which nothing was. Of a series that was removed, and of a histogram or a throughput that was reset, the
/// values since the last collection are in what [`remove`](epoch_metrics::Family::remove) or
/// [`reset`](epoch_metrics::Histogram::reset) returned, and no collection has them. `LowMemory` is the same as `Delta` here. Gauges and summaries have no temporality: they are sent
/// as they are.
///
/// ```
/// use epoch_metrics::Registry;
/// use epoch_metrics_opentelemetry::Producer;
/// use opentelemetry_proto::tonic::metrics::v1::metric::Data;
/// use opentelemetry_sdk::metrics::Temporality;
///
/// let registry = Registry::builder().without_own_metrics().build();
/// let requests = registry.counter("requests", "Requests answered.")?;
/// let mut producer = Producer::new().temporality(Temporality::Delta);
/// let mut total = 0;
/// for n in [3, 4] {
///     requests.add(n);
///     let collected = producer.collect(&registry.page());
///     assert_eq!(collected.metrics[0].name, "requests");
///     assert!(matches!(&collected.metrics[0].data, Some(Data::Sum(sum)) if sum.is_monotonic));
///     producer.delivered();
/// }
/// assert!(producer.collect(&registry.page()).metrics.is_empty()); // nothing new
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
pub struct Producer {
    temporality: Temporality,
    form: HistogramForm,
    scope: InstrumentationScope,
    /// What was delivered last, and when it was collected; at first, when recording began.
    known: HashMap<SeriesId, Known>,
    since: SystemTime,
    /// What is delivered next: of the last collection.
    pending: Option<(HashMap<SeriesId, Known>, SystemTime)>,
}

impl Producer {
    /// Cumulative values and explicit histograms, which began now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            temporality: Temporality::Cumulative,
            form: HistogramForm::Explicit,
            scope: InstrumentationScope {
                name: "epoch-metrics".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                ..InstrumentationScope::default()
            },
            known: HashMap::new(),
            since: SystemTime::now(),
            pending: None,
        }
    }

    /// Whether values are sent as they are or as differences. Cumulative unless this says otherwise.
    #[must_use]
    pub fn temporality(mut self, temporality: Temporality) -> Self {
        self.temporality = temporality;
        self
    }

    /// How histograms are sent. [`HistogramForm::Explicit`] unless this says otherwise.
    #[must_use]
    pub fn histograms(mut self, form: HistogramForm) -> Self {
        self.form = form;
        self
    }

    /// The name and the version of the instrumentation scope. `epoch-metrics` and this crate's version unless this says otherwise.
    #[must_use]
    pub fn scope(mut self, name: &str, version: &str) -> Self {
        (self.scope.name, self.scope.version) = (name.to_owned(), version.to_owned());
        self
    }

    /// When recording began: the start of everything that the first collection finds. The time at which the producer was made, unless
    /// this says otherwise.
    #[must_use]
    pub fn started(mut self, start: SystemTime) -> Self {
        self.since = start;
        self
    }

    pub(crate) fn kept_temporality(&self) -> Temporality {
        self.temporality
    }

    /// The metrics of a page. Each page is newer than the one that was collected before, and of the same registries and families.
    pub fn collect(&mut self, page: &Page) -> ScopeMetrics {
        self.collect_at(page, SystemTime::now())
    }

    /// [`Self::collect`], at a time that the caller knows. A time that is not later than that of the last delivered collection
    /// becomes a nanosecond later than that.
    pub fn collect_at(&mut self, page: &Page, now: SystemTime) -> ScopeMetrics {
        let next = self.since.checked_add(Duration::from_nanos(1));
        let time = now.max(next.unwrap_or(self.since));
        let mut collection = Collection {
            is_delta: self.temporality != Temporality::Cumulative,
            form: self.form,
            known: &self.known,
            since: self.since,
            time,
            next: HashMap::new(),
        };
        let metrics = collection.metrics(page);
        self.pending = Some((collection.finish(), time));
        ScopeMetrics {
            scope: Some(self.scope.clone()),
            metrics,
            ..ScopeMetrics::default()
        }
    }

    /// The last collection arrived, or is given up: the next one holds what is recorded after it. Without this call, the next one holds the same once more,
    /// and what came since.
    pub fn delivered(&mut self) {
        if let Some((known, time)) = self.pending.take() {
            (self.known, self.since) = (known, time);
        }
    }
}

impl Default for Producer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("temporality", &self.temporality)
            .field("form", &self.form)
            .field("series", &self.known.len())
            .finish_non_exhaustive()
    }
}
