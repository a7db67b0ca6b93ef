//! Example servers as a fleet: Prometheus and VictoriaMetrics scrape several processes under load, some of which start again, and
//! answer as these processes and their clients counted.
//!
//! Without the programs the checks are ignored, and under CI they fail: `tests/needs` says how.

mod alerts;
mod dashboard;
#[path = "../prometheus/endpoint.rs"]
#[allow(dead_code, reason = "tests/prometheus uses the rest")]
mod endpoint;
#[path = "../prometheus/labels.rs"]
#[allow(dead_code, reason = "tests/prometheus uses the rest")]
mod labels;
mod merged;
#[path = "../prometheus/monitor.rs"]
#[allow(dead_code, reason = "tests/prometheus uses the rest")]
mod monitor;
#[path = "../needs/mod.rs"]
mod needs;
mod process;
mod rules;
#[path = "../served/mod.rs"]
#[allow(dead_code, reason = "shared with the other tests of the server")]
mod served;
#[path = "../exposition/subjects.rs"]
#[allow(dead_code, reason = "tests/prometheus uses the rest")]
mod subjects;
mod truth;
#[path = "../exposition/validator/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "the tests that read expositions use the rest"
)]
mod validator;
mod victoria;

use monitor::Prometheus;
use std::process::ExitCode;

fn main() -> ExitCode {
    let prometheus = || needs::program("prometheus", "prometheus");
    let promtool = || needs::program("promtool", "prometheus");
    let victoria = || needs::program("victoria-metrics", "victoria-metrics");
    let both = || {
        needs::program("prometheus", "prometheus")
            .or_else(|| needs::program("victoria-metrics", "victoria-metrics"))
    };
    let trials = vec![
        needs::trial(
            "a_fleet_adds_up_through_restarts",
            prometheus,
            merged::adds_up_through_restarts,
        ),
        needs::trial(
            "victoria_metrics_answers_as_prometheus_does",
            both,
            victoria::answers_as_prometheus_does,
        ),
        needs::trial("labels_come_back_from_victoria_metrics", victoria, || {
            labels::come_back_from(Prometheus::victoria_metrics_scraping);
        }),
        needs::trial(
            "promtool_accepts_rules_and_alerts",
            promtool,
            rules::are_accepted,
        ),
        needs::trial(
            "promtool_notices_a_wrong_rule",
            promtool,
            rules::wrong_ones_are_noticed,
        ),
        needs::trial(
            "promtool_notices_a_wrong_alert",
            promtool,
            rules::wrong_alerts_are_noticed,
        ),
        needs::trial(
            "a_slow_server_has_an_alert_firing",
            prometheus,
            alerts::a_slow_server_has_one_firing,
        ),
        needs::trial("the_dashboard_is_sane", || None, dashboard::is_sane),
        needs::trial(
            "every_query_of_the_dashboard_has_an_answer",
            prometheus,
            dashboard::every_query_has_an_answer,
        ),
    ];
    needs::run_at_once(trials).exit_code()
}
