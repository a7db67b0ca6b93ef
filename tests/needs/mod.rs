//! Tests that need more of the machine than Cargo: a program, a limit, a processor.
//!
//! Where that is missing such a test is **ignored**, with the reason, and counts as ignored; under CI (the environment variable
//! `CI`) it fails. libtest cannot do so: there a test is ignored by its attribute or not at all, and one that returns early
//! counts as passed. These test targets therefore have `harness = false` and run under libtest-mimic, which has libtest's command
//! line and output. The others keep libtest.

use libtest_mimic::{Arguments, Completion, Conclusion, Trial};
use std::process::{Command, Stdio};

/// A test that needs what `missing` looks for: it returns what is missing, if anything is.
pub(crate) fn trial(name: &str, missing: fn() -> Option<String>, test: fn()) -> Trial {
    Trial::ignorable_test(name, move || match missing() {
        None => {
            test();
            Ok(Completion::Completed)
        }
        Some(missing) if std::env::var_os("CI").is_some() => Err(missing.into()),
        Some(missing) => Ok(Completion::ignored_with(missing)),
    })
}

/// Whether a program runs; `package` is Debian's name of what has it.
#[allow(dead_code, reason = "not every target needs a program")]
pub(crate) fn program(name: &str, package: &str) -> Option<String> {
    let run = Command::new(name)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let why = match run {
        Ok(status) if status.success() => return None,
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    Some(format!(
        "{name} does not run here: {why}; apt-get install {package}"
    ))
}

/// Runs the tests as the command line says.
#[allow(dead_code, reason = "a target runs its tests in one way")]
pub(crate) fn run(trials: Vec<Trial>) -> Conclusion {
    libtest_mimic::run(&Arguments::from_args(), trials)
}

/// [`run`], with a thread for each test: for tests that wait for another process most of the time.
#[allow(dead_code, reason = "a target runs its tests in one way")]
pub(crate) fn run_at_once(trials: Vec<Trial>) -> Conclusion {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(trials.len());
    libtest_mimic::run(&arguments, trials)
}
