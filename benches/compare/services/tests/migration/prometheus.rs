//! prometheus 0.14.

use std::error::Error;

pub(crate) fn program() -> Result<String, Box<dyn Error>> {
    use prometheus::{Histogram, HistogramOpts, IntCounterVec, IntGauge};
    use prometheus::{Opts, Registry, TextEncoder};

    let registry = Registry::new();
    let options = Opts::new("requests_total", "Requests answered.");
    let requests = IntCounterVec::new(options, &["status"])?;
    let waiting = IntGauge::new("waiting", "Requests that wait.")?;
    let options = HistogramOpts::new("request_seconds", "Time to answer.");
    let latency = Histogram::with_opts(options.buckets(vec![0.01, 0.1, 1.0]))?;
    registry.register(Box::new(requests.clone()))?;
    registry.register(Box::new(waiting.clone()))?;
    registry.register(Box::new(latency.clone()))?;

    requests.with_label_values(&["200"]).inc();
    waiting.set(3);
    latency.observe(0.25);

    let page = TextEncoder::new().encode_to_string(&registry.gather())?;
    Ok(page)
}
