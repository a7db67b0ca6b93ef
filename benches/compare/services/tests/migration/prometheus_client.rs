//! prometheus-client 0.25.

use std::error::Error;

pub(crate) fn program() -> Result<String, Box<dyn Error>> {
    use prometheus_client::encoding::EncodeLabelSet;
    use prometheus_client::encoding::text::encode;
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::family::Family;
    use prometheus_client::metrics::gauge::Gauge;
    use prometheus_client::metrics::histogram::Histogram;
    use prometheus_client::registry::Registry;

    #[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
    struct Labels {
        status: String,
    }

    let mut registry = Registry::default();
    let requests = Family::<Labels, Counter>::default();
    let waiting: Gauge = Gauge::default();
    let latency = Histogram::new([0.01, 0.1, 1.0]);
    registry.register("requests", "Requests answered", requests.clone());
    registry.register("waiting", "Requests that wait", waiting.clone());
    registry.register("request_seconds", "Time to answer", latency.clone());

    let status = "200".to_owned();
    requests.get_or_create(&Labels { status }).inc();
    waiting.set(3);
    latency.observe(0.25);

    let mut page = String::new();
    encode(&mut page, &registry)?;
    Ok(page)
}
