//! VictoriaMetrics beside Prometheus: both scrape the same servers, and have what these counted.

use crate::monitor::{Labels, Prometheus};
use crate::process::Process;
use crate::truth::{LATENCY, QUANTILES, Truth, assert_near};
use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

const SERVERS: usize = 2;
/// Families that a load changes, and a scrape does not.
const STEADY: [&str; 4] = [
    LATENCY,
    "server_batch_size",
    "server_tokens_total",
    "server_requests_total",
];

fn is_steady(name: &str, labels: &Labels) -> bool {
    let inferred = name == "http_requests_total" && labels["route"] == "/infer";
    inferred || STEADY.iter().any(|steady| name.starts_with(steady))
}

pub(crate) fn answers_as_prometheus_does() {
    let mut servers: Vec<_> = (0..SERVERS)
        .map(|number| {
            let pause = Duration::from_millis(5 + 10 * number as u64);
            Process::start("127.0.0.1:0", 4_000 * number, pause)
        })
        .collect();
    let targets: Vec<_> = servers.iter().map(Process::instance).collect();
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs: [{{job_name: fleet, static_configs: [{{targets: {targets:?}}}]}}]\n"
    );
    let (prometheus, victoria) = (
        Prometheus::start(&config, &[]),
        Prometheus::start_victoria_metrics(&config),
    );
    servers.iter_mut().for_each(Process::begin_load);
    thread::sleep(Duration::from_secs(4));
    let counted: Vec<_> = servers.iter_mut().map(Process::end_load).collect();
    let truth = Truth::of(&counted);
    let query = format!("sum({LATENCY}_count) + (sum(up) - {SERVERS})");
    let moments =
        [&prometheus, &victoria].map(|monitor| monitor.wait_for(&query, truth.requests()));

    for (server, counted) in servers.iter().zip(&counted) {
        let samples = counted.page.values().flat_map(|family| &family.samples);
        let mut expected: BTreeMap<(String, Labels), f64> = samples
            .map(|sample| ((sample.name.clone(), sample.labels.clone()), sample.value))
            .collect();
        expected.retain(|(name, labels), _| is_steady(name, labels));
        assert!(expected.len() > 30, "{expected:?}");
        let selector = format!("{{instance=\"{}\"}}", server.instance());
        for moment in &moments {
            let answer = moment.query(&selector).into_iter().map(|series| {
                let mut labels = series.labels;
                labels.remove("job");
                labels.remove("instance");
                let name = labels.remove("__name__").expect("a name");
                ((name, labels), series.value)
            });
            let mut found = BTreeMap::from_iter(answer);
            found.retain(|(name, labels), _| is_steady(name, labels));
            assert_eq!(found, expected);
        }
    }
    for q in QUANTILES {
        let query = format!("histogram_quantile({q}, sum by (le) ({LATENCY}_bucket))");
        let answers = moments.each_ref().map(|moment| moment.value(&query));
        truth.check_classic(answers[1], q, 0.0);
        assert_near(answers[1], answers[0], &query);
    }
}
