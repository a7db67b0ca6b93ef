//! The page in a headless Chromium: what it shows, asks for and complains of.
//!
//! Without a browser the tests are ignored, and under CI they fail: `tests/needs` of the repository says how.

mod chromium;
mod hostile;
#[path = "../../../../tests/needs/mod.rs"]
mod needs;
mod page;
#[path = "../../examples/live/serve.rs"]
mod serve;
#[path = "../../../../tests/served/mod.rs"]
#[allow(dead_code, reason = "the tests of the server itself use the rest")]
mod served;
mod shown;

use std::process::ExitCode;

fn main() -> ExitCode {
    let chromium = || needs::program("chromium", "chromium");
    let tests: [(&str, fn()); 7] = [
        (
            "numbers_are_those_of_the_stats_page",
            shown::numbers_are_those_of_the_stats_page,
        ),
        (
            "every_kind_of_metric_has_its_chart",
            shown::every_kind_of_metric_has_its_chart,
        ),
        (
            "a_server_that_is_gone_and_returns_is_noticed",
            shown::a_server_that_is_gone_and_returns_is_noticed,
        ),
        (
            "ten_thousand_series_are_searched_and_turned",
            page::ten_thousand_series_are_searched_and_turned,
        ),
        (
            "keyboards_and_screen_readers_reach_everything",
            page::keyboards_and_screen_readers_reach_everything,
        ),
        (
            "a_phone_shows_it_in_the_dark",
            page::a_phone_shows_it_in_the_dark,
        ),
        (
            "hostile_texts_stay_texts",
            hostile::hostile_texts_stay_texts,
        ),
    ];
    let trials = tests.map(|(name, test)| needs::trial(name, chromium, test));
    needs::run(trials.into()).exit_code()
}
