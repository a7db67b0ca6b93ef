//! The layer's options, and what it measures with.

use crate::exchange::Exchange;
use crate::families::{self, Families, UNMATCHED};
use crate::request_body::RequestBody;
use crate::route::Routes;
use epoch_metrics::{DurationOptions, RegisterError, Registry};
use http::{Extensions, Request, Uri};
use std::fmt;
use std::sync::Arc;

/// What is called for a request's route.
type RouteOf = dyn for<'a> Fn(&'a Uri, &'a Extensions) -> Option<&'a str> + Send + Sync;

/// A [`Layer`](tower_layer::Layer) that measures the requests of a service. Its clones, and further ones for the same registry, write to the same metrics.
///
/// ```
/// use epoch_metrics::Registry;
/// use epoch_metrics_tower::HttpMetrics;
/// use http::{Request, Response};
/// use http_body_util::{BodyExt, Full};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let registry = Registry::new();
/// let layer = HttpMetrics::new(&registry)?;
/// let service = layer.layer(service_fn(async |_| {
///     Ok::<_, std::convert::Infallible>(Response::new(Full::new(bytes::Bytes::from("hello"))))
/// }));
/// let response = service.oneshot(Request::new(Full::<bytes::Bytes>::default())).await?;
/// response.into_body().collect().await?; // what a server does when it sends the response
/// let page = registry.render_prometheus();
/// assert!(page.contains(r#"http_server_requests_total{method="GET",route="unmatched",status="2xx"} 1"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "a layer measures nothing until a service is wrapped in it"]
pub struct HttpMetrics {
    routes: Arc<Routes>,
    route_of: Arc<RouteOf>,
}

impl HttpMetrics {
    /// Registers the metrics, or finds those that an earlier call registered. Durations are exported with bounds from 100 µs to 10 s.
    ///
    /// # Errors
    /// If the registry has a metric of one of the names that differs, or a constant label of the name of a label.
    pub fn new(registry: &Registry) -> Result<Self, RegisterError> {
        Self::with_durations(registry, families::durations())
    }

    /// [`Self::new`], with options for the histogram of durations: other bounds, or more digits.
    ///
    /// # Errors
    /// As [`Self::new`], and if the options contradict each other.
    ///
    /// ```
    /// use epoch_metrics::{HistogramOptions, Registry};
    /// use epoch_metrics_tower::HttpMetrics;
    /// use std::time::Duration;
    ///
    /// let bounds = [1, 5, 25, 100, 500].map(Duration::from_millis);
    /// let options = HistogramOptions::durations().export_bounds(&bounds);
    /// let layer = HttpMetrics::with_durations(&Registry::new(), options)?;
    /// # let _ = layer;
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn with_durations(
        registry: &Registry,
        durations: DurationOptions,
    ) -> Result<Self, RegisterError> {
        let families = Families::register(registry, durations)?;
        Ok(Self {
            routes: Arc::new(Routes::new(families)),
            route_of: Arc::new(|_, _| None),
        })
    }

    /// How the label `route` is found: by the URI of the request, or by what a router left in the extensions. `None`, the
    /// default for all requests, is `unmatched`.
    ///
    /// Return one of a fixed set of routes, never the path as it is: each value is a series, and a client can ask for any path. What
    /// is beyond the cap of a family, 10,000 series, is counted as `overflow`.
    ///
    /// ```
    /// use epoch_metrics::Registry;
    /// use epoch_metrics_tower::HttpMetrics;
    ///
    /// let known = ["/greeter.Greeter/SayHello", "/greeter.Greeter/SayBye"];
    /// let layer = HttpMetrics::new(&Registry::new())?.route_by(move |uri, _| known.into_iter().find(|route| *route == uri.path()));
    /// # let _ = layer;
    /// # Ok::<(), epoch_metrics::RegisterError>(())
    /// ```
    pub fn route_by(
        mut self,
        route: impl for<'a> Fn(&'a Uri, &'a Extensions) -> Option<&'a str> + Send + Sync + 'static,
    ) -> Self {
        self.route_of = Arc::new(route);
        self
    }

    /// Begins to measure a request, whose body is counted from here on.
    pub(crate) fn begin<B>(&self, request: Request<B>) -> (Exchange, Request<RequestBody<B>>) {
        let method = families::method(request.method());
        let route = (self.route_of)(request.uri(), request.extensions());
        let route = self.routes.find(method, route.unwrap_or(UNMATCHED));
        let exchange = Exchange::begin(Arc::clone(&route));
        (exchange, request.map(|body| RequestBody::new(body, route)))
    }
}

impl fmt::Debug for HttpMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpMetrics")
            .field("routes", &self.routes)
            .finish_non_exhaustive()
    }
}
