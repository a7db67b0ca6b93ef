//! How much memory many series take. Each contender is measured in a process of its own, which this program starts from itself:
//! what another one has freed would be taken for nothing.

mod child;

pub(crate) use child::{CHILD, child};

use crate::Run;
use crate::timing::{Entry, Row, interleave, print_table};
use child::{COUNTERS, FINE_HISTOGRAMS, HISTOGRAMS, Kind, Load};
use std::env;
use std::process::{Command, Stdio};

/// Time is measured as well, so that one disturbed process is not all there is.
const COUNTER_ROUNDS: usize = 3;

/// What a contender needs for a load, in a new process.
fn measure(kind: &Kind, name: &str, load: &Load) -> [f64; 3] {
    let program = env::current_exe().expect("the program knows where it is");
    let output = Command::new(program)
        .args([CHILD, kind.name, name])
        .args(load.words())
        .stderr(Stdio::inherit())
        .output()
        .expect("this program can be started");
    assert!(output.status.success(), "{name}: {}", output.status);
    let text = String::from_utf8(output.stdout).expect("the child prints numbers");
    let numbers: Vec<f64> = text
        .split_whitespace()
        .map(|word| word.parse().expect("a number"))
        .collect();
    numbers.try_into().expect("three numbers")
}

fn rows(kinds: &[&'static Kind], load: &Load, rounds: usize) -> Vec<Row<3>> {
    let entries = kinds.iter().flat_map(|kind| {
        kind.contenders
            .iter()
            .map(|(name, _)| Entry::new(*name, || measure(kind, name, load)))
    });
    interleave(rounds, entries.collect())
}

/// Prints the medians, and how often the first two of them are those of the first row.
fn print(title: &str, columns: [&str; 5], rows: Vec<Row<3>>) {
    let medians = |row: &Row<3>| row.times.each_ref().map(|times| times.median());
    let ours = medians(&rows[0]);
    let numbers = rows.into_iter().map(|row| {
        let [first, second, third] = medians(&row);
        let ratios = [first / ours[0], second / ours[1]];
        (row.name, vec![first, second, third, ratios[0], ratios[1]])
    });
    print_table(title, &columns, numbers);
}

fn histograms(run: &Run, kinds: &[&'static Kind], load: Load) {
    let load = Load {
        series: run.share(load.series),
        ..load
    };
    let title = format!(
        "memory: {} histogram series with 2 labels, {} threads, {} lognormal values of each in each, MiB",
        load.series, load.threads, load.records
    );
    let columns = [
        "recorded",
        "1 page read",
        "page, ms",
        "rec. / ours",
        "read / ours",
    ];
    print(&title, columns, rows(kinds, &load, 1));
}

fn counters(run: &Run) {
    let load = Load {
        series: run.share(1_000_000),
        threads: 2,
        records: 1,
    };
    let title = format!(
        "memory: {} counter series with 2 labels, bytes a series; each of 2 threads registers half of them, then writes to all",
        load.series
    );
    let columns = [
        "registered",
        "written",
        "register, ns",
        "reg. / ours",
        "wr. / ours",
    ];
    print(
        &title,
        columns,
        rows(&[&COUNTERS], &load, run.share(COUNTER_ROUNDS)),
    );
}

pub(crate) fn memory(run: &Run) {
    let load = |series, threads, records| Load {
        series,
        threads,
        records,
    };
    histograms(run, &[&HISTOGRAMS, &FINE_HISTOGRAMS], load(2_000, 16, 50));
    histograms(run, &[&HISTOGRAMS], load(10_000, 16, 50));
    histograms(run, &[&HISTOGRAMS, &FINE_HISTOGRAMS], load(100, 128, 5));
    counters(run);
}
