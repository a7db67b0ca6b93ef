//! The programs of `epoch_metrics::guide::migration` compile, and what they expose is the same before and after.

mod after;
mod metrics;
mod prometheus;
mod prometheus_client;

use std::collections::BTreeMap;
use std::error::Error;

const GUIDE: &str = include_str!("../../../../../src/guide/migration.md");

/// A program, and the source of the module that holds it.
type Program = (fn() -> Result<String, Box<dyn Error>>, &'static str);

#[test]
fn a_program_of_prometheus() {
    let program: Program = (prometheus::program, include_str!("prometheus.rs"));
    assert_same("# From `prometheus`\n", program);
}

#[test]
fn a_program_of_prometheus_client() {
    let program: Program = (
        prometheus_client::program,
        include_str!("prometheus_client.rs"),
    );
    assert_same("# From `prometheus-client`\n", program);
}

#[test]
fn a_program_of_metrics() {
    let program: Program = (metrics::program, include_str!("metrics.rs"));
    assert_same("# From `metrics`\n", program);
}

#[test]
fn the_program_that_they_become() {
    let block = block("", "```\n");
    let (program, _) = block.split_once("assert!").expect("it checks the page");
    assert_contains(include_str!("after.rs"), program);
}

/// The guide shows the program, and its page has the samples that the new one has.
fn assert_same(section: &str, (program, source): Program) {
    assert_contains(source, block(section, "```text\n"));
    let before = samples(&program().unwrap());
    let after = samples(&after::program().unwrap());
    assert_eq!(before, after);
    assert_eq!(before.len(), 8, "{before:?}");
}

/// The first block of a section that begins so.
fn block(section: &str, begin: &str) -> &'static str {
    let (_, section) = GUIDE.split_once(section).expect("the section is there");
    let (_, block) = section.split_once(begin).expect("the block is there");
    block.split_once("```").expect("the block ends").0
}

/// Whatever line breaks and indents are.
fn assert_contains(source: &str, program: &str) {
    let plain = |text: &str| text.split_whitespace().collect::<String>();
    assert!(plain(source).contains(&plain(program)), "{program}");
}

/// The values by series, bounds as numbers, without the library's own metrics.
fn samples(page: &str) -> BTreeMap<String, f64> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let samples = lines.filter_map(|line| line.rsplit_once(' '));
    samples
        .filter(|(series, _)| !series.is_empty() && !series.starts_with("epoch_metrics_"))
        .map(|(series, value)| (series.replace(".0\"", "\""), value.parse().unwrap()))
        .collect()
}
