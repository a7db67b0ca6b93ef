//! metrics 0.24 with metrics-exporter-prometheus 0.18.

use std::error::Error;

pub(crate) fn program() -> Result<String, Box<dyn Error>> {
    use metrics::{counter, describe_counter, gauge, histogram};
    use metrics_exporter_prometheus::PrometheusBuilder;

    let builder = PrometheusBuilder::new().set_buckets(&[0.01, 0.1, 1.0])?;
    let handle = builder.install_recorder()?;
    describe_counter!("requests_total", "Requests answered.");

    counter!("requests_total", "status" => "200").increment(1);
    gauge!("waiting").set(3.0);
    histogram!("request_seconds").record(0.25);

    let page = handle.render();
    Ok(page)
}
