//! `promtool` reads the recording rules that the example ships, and runs their checks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

const RULES: &str = "rules.yml";
const CHECKS: &str = "rules_test.yml";

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/server")
}

pub(crate) fn are_accepted() {
    for (command, file) in [("check", RULES), ("test", CHECKS)] {
        if let Err(said) = promtool(&folder(), command, file) {
            panic!("promtool {command} rules {file} says\n{said}");
        }
    }
}

/// Otherwise the check above could not fail. Each change of a rule is noticed.
pub(crate) fn wrong_ones_are_noticed() {
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("rules-{}", process::id()));
    fs::create_dir_all(&copy).expect("a folder");
    let original = folder();
    fs::copy(original.join(CHECKS), copy.join(CHECKS)).expect("it is there");
    let rules = fs::read_to_string(original.join(RULES)).expect("it is there");
    for (right, wrong) in [
        ("sum by (job, route, status) (", "sum by (job, route) ("),
        ("status=~\"5..\"", "status=~\"4..\""),
        ("or 0 *", "or 1 *"),
        ("rate(server_tokens_total", "irate(missing_total"),
        ("rate(server_batch_size_sum", "delta(server_batch_size_sum"),
        (
            "sum by (job, le) (rate(server",
            "avg by (job, le) (rate(absent",
        ),
        (
            "histogram_quantile(0.99, job_le",
            "histogram_quantile(0.9, job_le",
        ),
        (
            "rate(server_request_latency_seconds_sum",
            "rate(server_request_latency_seconds_count",
        ),
    ] {
        let changed = rules.replacen(right, wrong, 1);
        assert_ne!(changed, rules, "{right} is not there");
        fs::write(copy.join(RULES), changed).expect("it can be written");
        assert!(
            promtool(&copy, "test", CHECKS).is_err(),
            "nobody notices {wrong}"
        );
    }
    fs::write(copy.join(RULES), rules.replacen("rate(", "rate((", 1)).expect("it can be written");
    assert!(promtool(&copy, "check", RULES).is_err());
    let _ = fs::remove_dir_all(&copy);
}

/// Runs `promtool … rules` in a folder; an error is what it says.
fn promtool(folder: &Path, command: &str, file: &str) -> Result<(), String> {
    let output = Command::new("promtool")
        .current_dir(folder)
        .args([command, "rules", file])
        .output()
        .expect("promtool runs");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    output.status.success().then_some(()).ok_or(said)
}
