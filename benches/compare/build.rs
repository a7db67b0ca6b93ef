//! Tells the program which compiler made it.

use std::process::Command;

fn main() {
    let rustc = std::env::var_os("RUSTC").expect("cargo sets it");
    let output = Command::new(rustc)
        .arg("--version")
        .output()
        .expect("it runs: it is compiling this");
    println!(
        "cargo:rustc-env=RUSTC_VERSION={}",
        String::from_utf8_lossy(&output.stdout).trim()
    );
    println!("cargo:rerun-if-changed=build.rs");
}
