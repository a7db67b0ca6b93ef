//! The table in `integrations/axum/README.md` is what the program prints.

use std::process::Command;

#[test]
fn the_readme_has_the_table() {
    let output = Command::new(env!("CARGO_BIN_EXE_services"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let table = String::from_utf8(output.stdout).unwrap();
    assert_eq!(table.lines().count(), 6, "{table}");
    let readme = include_str!("../../../../integrations/axum/README.md");
    assert!(readme.contains(&table), "{table}");
}
