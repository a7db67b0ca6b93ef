//! Pages, collected and sent.

use crate::error::ExportError;
use crate::producer::Producer;
use epoch_metrics::Page;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics as SdkMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use prost::Message;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Sends one encoded request.
type SendRequest = dyn Fn(&[u8]) -> Result<(), ExportError> + Send + Sync;

/// Sends pages as OTLP.
///
/// It is used in one of three ways: [`export`](Self::export) sends once; [`start`](Self::start) makes a thread that sends periodically; and as a
/// [`PushMetricExporter`] it sends the page together with the metrics of OpenTelemetry's SDK, whenever the SDK exports these.
///
/// What was not delivered is part of the next export if it [may be sent again](ExportError::is_retryable). So nothing is lost while a receiver
/// cannot be reached; but what a receiver took without an answer that arrived, it gets twice, as with every OTLP exporter that tries again.
///
/// ```
/// use epoch_metrics::Registry;
/// use epoch_metrics_opentelemetry::{Exporter, Producer};
/// use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
/// use opentelemetry_sdk::Resource;
/// use prost::Message;
///
/// let registry = Registry::builder().without_own_metrics().build();
/// registry.counter("requests", "Requests answered.")?.inc();
/// let exporter = Exporter::new(
///     move || registry.page(),
///     Producer::new(),
///     |request| {
///         let request = ExportMetricsServiceRequest::decode(request).expect("it is one");
///         assert_eq!(request.resource_metrics[0].scope_metrics[0].metrics[0].name, "requests");
///         Ok(()) // or send it
///     },
/// )
/// .resource(Resource::builder().with_service_name("search").build());
/// exporter.export()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Exporter {
    pages: Box<dyn Fn() -> Page + Send + Sync>,
    send: Box<SendRequest>,
    resource: Resource,
    temporality: Temporality,
    producer: Mutex<Producer>,
}

impl Exporter {
    /// An exporter of the pages that `pages` makes, one for each export: `move || registry.page()`, or of several registries
    /// ([`Page::merge`]). `send` gets each request, an `ExportMetricsServiceRequest` in protobuf: [`HttpSender::send`](crate::HttpSender::send), or a
    /// client of the caller's.
    pub fn new(
        pages: impl Fn() -> Page + Send + Sync + 'static,
        producer: Producer,
        send: impl Fn(&[u8]) -> Result<(), ExportError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            pages: Box::new(pages),
            send: Box::new(send),
            resource: Resource::builder().build(),
            temporality: producer.kept_temporality(),
            producer: Mutex::new(producer),
        }
    }

    /// What the metrics are of: the service, the host. Unless this says otherwise, what the SDK finds: `OTEL_SERVICE_NAME`,
    /// `OTEL_RESOURCE_ATTRIBUTES`. As a [`PushMetricExporter`] it sends the resource of the SDK's provider instead.
    #[must_use]
    pub fn resource(mut self, resource: Resource) -> Self {
        self.resource = resource;
        self
    }

    /// Makes a page, and sends it. It blocks until `send` returns; exports of several threads come one after the other.
    ///
    /// # Errors
    /// If the metrics were not delivered.
    pub fn export(&self) -> Result<(), ExportError> {
        self.export_with(|scope_metrics| ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some((&self.resource).into()),
                scope_metrics: vec![scope_metrics],
                schema_url: self.resource.schema_url().unwrap_or_default().to_owned(),
            }],
        })
    }

    fn export_with(
        &self,
        request: impl FnOnce(ScopeMetrics) -> ExportMetricsServiceRequest,
    ) -> Result<(), ExportError> {
        let mut producer = self.producer();
        // The page is made under the lock: collections are of ever newer pages.
        let request = request(producer.collect(&(self.pages)()));
        let sent = (self.send)(&request.encode_to_vec());
        if sent
            .as_ref()
            .map_or_else(|error| !error.is_retryable(), |()| true)
        {
            producer.delivered();
        }
        sent
    }

    /// A panic of `pages` or `send` left the producer as if nothing had been delivered.
    fn producer(&self) -> MutexGuard<'_, Producer> {
        self.producer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends the page in one request with the metrics of the SDK, under the resource of the SDK's provider.
///
/// The SDK calls an exporter only if it has metrics of its own. The future blocks: leave it to the SDK's `PeriodicReader`, which has a thread for it.
///
/// ```
/// use epoch_metrics::Registry;
/// use epoch_metrics_opentelemetry::{Exporter, Producer};
/// use opentelemetry::metrics::MeterProvider;
/// use opentelemetry_sdk::metrics::SdkMeterProvider;
///
/// let registry = Registry::new();
/// let exporter = Exporter::new(move || registry.page(), Producer::new(), |_request| Ok(()));
/// let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter).build();
/// provider.meter("app").u64_counter("cache_hits").build().add(1, &[]);
/// provider.shutdown()?; // sends both
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl PushMetricExporter for Exporter {
    async fn export(&self, metrics: &SdkMetrics) -> OTelSdkResult {
        let sent = self.export_with(|scope_metrics| {
            let mut request = ExportMetricsServiceRequest::from(metrics);
            if let Some(resource) = request.resource_metrics.first_mut() {
                resource.scope_metrics.push(scope_metrics);
            }
            request
        });
        sent.map_err(|error| match error {
            ExportError::TimedOut { timeout } => OTelSdkError::Timeout(timeout),
            error => OTelSdkError::InternalFailure(error.to_string()),
        })
    }

    fn force_flush(&self) -> OTelSdkResult {
        // Nothing waits: an export ends with the answer.
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        self.temporality
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter")
            .field("producer", &*self.producer())
            .finish_non_exhaustive()
    }
}
