//! `promtool` reads the example's recording rules and alerts, and runs their tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

/// Files of rules, each with its tests.
const RULES: (&str, &str) = ("rules.yml", "rules_test.yml");
const ALERTS: (&str, &str) = ("alerts.yml", "alerts_test.yml");

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/server")
}

pub(crate) fn are_accepted() {
    for (rules, checks) in [RULES, ALERTS] {
        for (command, file) in [("check", rules), ("test", checks)] {
            if let Err(said) = promtool(&folder(), command, file) {
                panic!("promtool {command} rules {file} says\n{said}");
            }
        }
    }
}

/// Otherwise the check above could not fail. Each change of a rule is noticed.
pub(crate) fn wrong_ones_are_noticed() {
    let changes = [
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
    ];
    are_noticed(RULES, &changes);
}

pub(crate) fn wrong_alerts_are_noticed() {
    let changes = [
        ("up{job=\"server\"} == 0", "up == 0"),
        ("for: 1m", "for: 10m"),
        ("sum by (job, le) (", "sum by (job, instance, le) ("),
        ("> 2 * max", "> 4 * max"),
        ("> 2 * max", "> max"),
        ("max by (job) (server_p99", "max(server_p99"),
        ("status=~\"5..\"", "status=\"500\""),
        ("> 0.01", "> 0.001"),
        ("mode=\"saturated\"", "mode=\"batching\""),
        ("> 0.5", "> 0.1"),
        ("result=\"miss\"", "result=\"hit\""),
        ("[15m])) > 1)", "[15m])))"),
        ("> 0.2", "> 0.05"),
        ("reason=\"crowded_out\"", "reason=\"hung_up\""),
        (
            "rate(http_accept_errors_total",
            "0 * rate(http_accept_errors_total",
        ),
        ("[30m]) > 2", "[30m]) > 1"),
        ("increase(epoch", "(epoch"),
    ];
    are_noticed(ALERTS, &changes);
}

/// Replaces the first occurrence of each text by a wrong one.
fn are_noticed((file, checks): (&str, &str), changes: &[(&str, &str)]) {
    let copy = format!("{file}-{}", process::id());
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join(copy);
    fs::create_dir_all(&copy).expect("a folder");
    let original = folder();
    fs::copy(original.join(checks), copy.join(checks)).expect("it is there");
    let rules = fs::read_to_string(original.join(file)).expect("it is there");
    for (right, wrong) in changes {
        let changed = rules.replacen(right, wrong, 1);
        assert_ne!(changed, rules, "{right} is not there");
        fs::write(copy.join(file), changed).expect("it can be written");
        assert!(
            promtool(&copy, "test", checks).is_err(),
            "nobody notices {wrong}"
        );
    }
    fs::write(copy.join(file), rules.replacen("rate(", "rate((", 1)).expect("it can be written");
    assert!(promtool(&copy, "check", file).is_err());
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
