//! `histogram_quantile` over native histograms, which Prometheus reads from protobuf messages.

use crate::endpoint::Endpoint;
use crate::monitor::Prometheus;
use crate::quantiles::{QUANTILES, quantile, spreads};
use epoch_metrics::{HistogramOptions, PROTOBUF_CONTENT_TYPE, Registry};

/// By significant digits, as the documentation of `Format::Protobuf` says.
const ERRORS: [(u8, f64); 3] = [(1, 0.13), (2, 0.026), (3, 0.023)];

pub(crate) fn quantiles_are_near_the_truth() {
    let registry = Registry::new();
    let spreads = spreads(&(0..=u64::MAX));
    let name = |digits: u8, what: &str| format!("digits_{digits}_{what}");
    for (digits, _) in ERRORS {
        let of_values = HistogramOptions::values(0, u64::MAX);
        let of_durations = HistogramOptions::durations().into();
        for (what, options) in [("size", of_values), ("wait", of_durations)] {
            let options: HistogramOptions = options;
            let options = options.significant_digits(digits);
            let family = registry.histogram_family(&name(digits, what), "", options, &["spread"]);
            let family = family.unwrap();
            for (spread, samples) in &spreads {
                let series = family.with(&[spread]).unwrap();
                samples.iter().for_each(|sample| series.record(*sample));
            }
        }
    }
    // A histogram that nobody has recorded into yet is a native one as well.
    let nothing = registry.histogram("nothing", "", HistogramOptions::durations());
    let nothing = nothing.unwrap();
    let (endpoint, served) = Endpoint::negotiating(registry);
    let flags = ["--enable-feature=native-histograms"];
    let prometheus = Prometheus::scraping_with(&[&endpoint], &flags);
    let moment = prometheus.scraped(&[&endpoint]);
    assert!(moment.query("nothing_seconds_count").is_empty());
    assert_eq!(moment.value("histogram_count(nothing_seconds)"), 0.0);
    for (digits, error) in ERRORS {
        for (what, scale) in [("size", 1.0), ("wait_seconds", 1e9)] {
            let name = name(digits, what);
            for q in QUANTILES {
                let query = format!("histogram_quantile({q}, {name})");
                let answers = moment.query(&query);
                assert_eq!(answers.len(), spreads.len(), "{query}");
                for series in answers {
                    let spread = series.label("spread");
                    let truth = quantile(&spreads[spread], q) as f64 / scale;
                    let off = (series.value - truth).abs();
                    assert!(
                        off <= truth * error + 1e-30,
                        "{query} of {spread} is {}, where {truth} is right",
                        series.value
                    );
                }
            }
            let counts = moment.query(&format!("histogram_count({name})"));
            for series in counts {
                let expected = spreads[series.label("spread")].len();
                assert_eq!(series.value, expected as f64, "{series:?}");
            }
        }
    }
    nothing.record(1_000_000_000);
    let moment = prometheus.wait_for("histogram_count(nothing_seconds)", 1.0);
    assert_eq!(moment.value("histogram_sum(nothing_seconds)"), 1.0);
    let served = served.lock().unwrap();
    let mut served = served.iter();
    assert!(served.all(|head| head.contains(PROTOBUF_CONTENT_TYPE)));
}
