//! Building another package of the workspace, for tests that run its program.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Runs `cargo build` with `arguments`, changed by `prepare`, and returns the program. Its path comes from Cargo, since
/// configuration can put it in many places.
pub(crate) fn program(arguments: &[&str], prepare: impl FnOnce(&mut Command)) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--message-format", "json-render-diagnostics"])
        .args(arguments);
    prepare(&mut cargo);
    let artifacts = output(&mut cargo);
    let mut artifacts = artifacts
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let program = artifacts.find_map(|artifact| artifact["executable"].as_str().map(PathBuf::from));
    program.expect("Cargo names the executable")
}

/// What a command says, if it succeeds.
pub(crate) fn output(command: &mut Command) -> String {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let output = output.unwrap_or_else(|error| panic!("{command:?} does not run: {error}"));
    assert!(output.status.success(), "{command:?}: {}", output.status);
    String::from_utf8(output.stdout).expect("text")
}
