//! What Prometheus' own checker, `promtool`, says of the text exposition. It lints names as well.
//!
//! Without promtool the test is ignored, and under CI it fails: `tests/needs` says how.

#[path = "needs/mod.rs"]
mod needs;
#[path = "exposition/subjects.rs"]
#[allow(dead_code, reason = "the tests that read expositions use the rest")]
mod subjects;

use epoch_metrics::MetricsCollector;
use std::io::Write as _;
use std::process::{Command, ExitCode, Stdio};

fn main() -> ExitCode {
    let promtool = || needs::program("promtool", "prometheus");
    let trials = vec![
        needs::trial(
            "promtool_has_no_objection",
            promtool,
            promtool_has_no_objection,
        ),
        needs::trial(
            "promtool_objects_to_what_is_wrong",
            promtool,
            promtool_objects_to_what_is_wrong,
        ),
    ];
    needs::run(trials).exit_code()
}

fn promtool_has_no_objection() {
    let registry = subjects::registry_with_everything().render_prometheus();
    let collector = subjects::busy_collector().render_prometheus();
    let idle = MetricsCollector::new().render_prometheus();
    let process = subjects::whole_process().render_prometheus();
    for (what, text) in [
        ("a registry", registry),
        ("a collector", collector),
        ("an idle collector", idle),
        ("a whole process", process),
    ] {
        if let Err(said) = promtool(&text) {
            panic!("of {what} promtool says\n{said}");
        }
    }
}

/// Otherwise the test above could not fail.
fn promtool_objects_to_what_is_wrong() {
    for wrong in [
        "no value\n",
        "# TYPE a counter\na 1\n# TYPE a counter\na 2\n",
        "# HELP a counter.\n# TYPE a counter\na 1\n",
    ] {
        assert!(promtool(wrong).is_err(), "{wrong}");
    }
}

/// Lets promtool check a text; an error is what it says.
fn promtool(text: &str) -> Result<(), String> {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    let mut stdin = promtool.stdin.take().expect("it is piped");
    stdin.write_all(text.as_bytes()).expect("promtool reads");
    drop(stdin);
    let output = promtool.wait_with_output().expect("promtool ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    if output.status.success() && said.is_empty() {
        Ok(())
    } else {
        Err(said)
    }
}
