//! The page for people to look at, `/page`, and what it polls, `/page.json`.

use axum::Router;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use epoch_metrics::Registry;
use epoch_metrics_page::{DATA_HEADERS, HTML, HTML_HEADERS, render_data};
use tokio::task::spawn_blocking;

pub(crate) fn router<S>(registry: Registry) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let data = move |RawQuery(query)| data(registry.clone(), query);
    Router::new()
        .route("/page", get(async || (HTML_HEADERS, HTML)))
        .route("/page.json", get(data))
}

async fn data(registry: Registry, query: Option<String>) -> Response {
    let render = move || render_data(&registry.page(), query.as_deref().unwrap_or_default());
    match spawn_blocking(render).await {
        Ok(data) => (DATA_HEADERS, data).into_response(),
        // The runtime ends.
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
