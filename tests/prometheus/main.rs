//! A real Prometheus scrapes pages of this crate, and its query API says what it read.
//!
//! Each check runs a Prometheus of its own, with an empty database. Without the program the checks are ignored, and under CI they
//! fail: `tests/needs` says how.

mod bounds;
mod counts;
mod endpoint;
mod exemplars;
mod labels;
mod monitor;
#[cfg(feature = "protobuf")]
mod native;
#[path = "../needs/mod.rs"]
mod needs;
mod quantiles;
#[path = "../exposition/subjects.rs"]
mod subjects;
mod textfile;
#[path = "../exposition/validator/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "the tests that read expositions use the rest"
)]
mod validator;

use std::process::ExitCode;

fn main() -> ExitCode {
    let prometheus = || needs::program("prometheus", "prometheus");
    let checks: Vec<(&str, fn())> = vec![
        (
            "quantiles_lie_in_the_bucket_of_the_truth",
            quantiles::lie_in_the_bucket_of_the_truth,
        ),
        (
            "a_bound_selects_one_series_of_each_target",
            bounds::select_one_series_of_each_target,
        ),
        (
            "builds_of_different_digits_add_up",
            bounds::of_builds_with_different_digits_add_up,
        ),
        ("labels_come_back", labels::come_back),
        (
            "every_sample_of_a_page_comes_back",
            labels::every_sample_of_a_page_comes_back,
        ),
        (
            "every_sample_comes_back_in_openmetrics",
            labels::every_sample_comes_back_in_openmetrics,
        ),
        #[cfg(feature = "protobuf")]
        (
            "native_quantiles_are_near_the_truth",
            native::quantiles_are_near_the_truth,
        ),
        ("exemplars_come_back", exemplars::come_back),
        #[cfg(feature = "protobuf")]
        (
            "exemplars_come_back_from_protobuf",
            exemplars::come_back_from_protobuf,
        ),
        ("counts_are_what_was_counted", counts::are_what_was_counted),
        (
            "a_page_that_is_wrong_is_noticed",
            labels::a_page_that_is_wrong_is_noticed,
        ),
    ];
    let checks = checks.into_iter();
    let trials = checks.map(|(name, check)| needs::trial(name, prometheus, check));
    let mut trials: Vec<_> = trials.collect();
    let exporter = || {
        let missing = needs::program("prometheus", "prometheus");
        missing.or_else(|| needs::program("prometheus-node-exporter", "prometheus-node-exporter"))
    };
    trials.push(needs::trial(
        "a_page_in_a_file_comes_back",
        exporter,
        textfile::comes_back,
    ));
    needs::run_at_once(trials).exit_code()
}
