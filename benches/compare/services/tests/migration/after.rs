//! What the programs become.

use std::error::Error;

pub(crate) fn program() -> Result<String, Box<dyn Error>> {
    use epoch_metrics::{HistogramOptions, Registry};
    use std::time::Duration;

    let registry = Registry::new();
    let requests = registry.counter_family("requests_total", "Requests answered.", &["status"])?;
    let waiting = registry.gauge("waiting", "Requests that wait.")?;
    let bounds = [10, 100, 1_000].map(Duration::from_millis);
    let options = HistogramOptions::durations().export_bounds(&bounds);
    let latency = registry.histogram("request_seconds", "Time to answer.", options)?;

    requests.with(&["200"])?.inc();
    waiting.set(3);
    latency.record_duration(Duration::from_millis(250));

    let page = registry.render_prometheus();
    Ok(page)
}
