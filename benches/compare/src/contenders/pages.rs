//! Whole pages of the libraries, as text.

use measured::metric::MetricFamilyEncoding;
use measured::metric::name::MetricName;
use measured::text::BufferedTextEncoder;

pub(crate) fn prometheus(registry: &prometheus::Registry) -> String {
    prometheus::TextEncoder::new()
        .encode_to_string(&registry.gather())
        .expect("encodable")
}

pub(crate) fn prometheus_client(registry: &prometheus_client::registry::Registry) -> String {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).expect("encodable");
    text
}

pub(crate) fn fastmetrics(registry: &fastmetrics::registry::Registry) -> String {
    let mut text = String::new();
    let profile = fastmetrics::format::text::TextProfile::PrometheusV0_0_4;
    fastmetrics::format::text::encode(&mut text, registry, profile).expect("encodable");
    text
}

/// measured has no registry: a page of one family.
pub(crate) fn measured<F: MetricFamilyEncoding<BufferedTextEncoder>>(
    name: &'static str,
    family: &F,
) -> impl AsRef<[u8]> + use<F> {
    let mut encoder = BufferedTextEncoder::new();
    let Ok(()) = family.collect_family_into(MetricName::from_str(name), &mut encoder);
    encoder.finish()
}
