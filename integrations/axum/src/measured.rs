//! Requests by axum's routes.

use crate::endpoints::Endpoints;
use axum::Router;
use axum::extract::MatchedPath;
use epoch_metrics::{RegisterError, Registry};
use epoch_metrics_tower::HttpMetrics;

/// The layer that measures requests, with the path that the router matched (`/users/{id}`) as their route. A request that no route
/// matches, which the fallback answers, has the route `unmatched`.
///
/// Give it to [`Router::layer`] after the routes; around the router, where the route is not known yet, all are `unmatched`.
///
/// # Errors
/// If the registry has a metric of one of the names that differs, or a constant label of the name of a label.
///
/// ```
/// use axum::{Router, routing::get};
/// use epoch_metrics::Registry;
///
/// let registry = Registry::new();
/// let app: Router = Router::new()
///     .route("/users/{id}", get(async || "a user"))
///     .layer(epoch_metrics_axum::http_metrics(&registry)?);
/// # let _ = app;
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
pub fn http_metrics(registry: &Registry) -> Result<HttpMetrics, RegisterError> {
    let metrics = HttpMetrics::new(registry)?;
    Ok(metrics.route_by(|_, extensions| {
        let matched = extensions.get::<MatchedPath>();
        matched.map(MatchedPath::as_str)
    }))
}

/// The router with its requests measured, and with the [`Endpoints`], whose own requests are not.
///
/// # Errors
/// As [`http_metrics`].
///
/// # Panics
/// If the router has one of the endpoints' paths itself: then use [`http_metrics`], and [`Endpoints`] under a prefix.
///
/// ```
/// use axum::{Router, routing::get};
/// use epoch_metrics::Registry;
///
/// let registry = Registry::new();
/// let app: Router = Router::new().route("/", get(async || "hello"));
/// let app = epoch_metrics_axum::measured(app, &registry)?;
/// # let _ = app;
/// # Ok::<(), epoch_metrics::RegisterError>(())
/// ```
pub fn measured<S>(app: Router<S>, registry: &Registry) -> Result<Router<S>, RegisterError>
where
    S: Clone + Send + Sync + 'static,
{
    let app = app.layer(http_metrics(registry)?);
    // In this order: of two routers whose fallback is the default, the merged one has that of the second, which is measured.
    Ok(Endpoints::new(registry).router().merge(app))
}
