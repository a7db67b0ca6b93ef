//! What it costs to find a series by two labels and increment it. The series is there already.

use crate::Run;
use crate::cold::{self, cold_entry};
use crate::contenders::families::{Family, LookUp, SERIES, counters::*};
use crate::contenders::{Contender, entries, histograms};
use crate::record::{one_thread, two_threads};
use crate::timing::{Entry, Row, interleave, print_table};
use crate::values::COUNT;

const PASSES: usize = 20;

/// A contender's rounds: one thread, two threads on one series, two threads on a series each.
fn entry<F: Family<Value = ()>>() -> Entry<'static, 3> {
    let (same, apart) = (LookUp::<F, 1>::new(), LookUp::<F, 2>::new());
    Entry::new(F::NAME, move || {
        let values = [(); COUNT];
        [
            one_thread(&same, &values, PASSES),
            two_threads(&same, &values, PASSES),
            two_threads(&apart, &values, PASSES),
        ]
    })
}

fn warm(run: &Run) {
    const COLUMNS: [&str; 7] = [
        "1T min",
        "1T median",
        "2T same",
        "2T apart",
        "1T / ours",
        "same / ours",
        "apart / ours",
    ];
    let entries = entries![entry(): OursByReference, Ours, OursFound, Prometheus, PrometheusClient<String>, PrometheusClient<&'static str>,
        Fastmetrics<String>, Fastmetrics<&'static str>, Metrics<String>, Metrics<&'static str>, Measured];
    let rows = interleave(run.share(100), entries);
    let costs = |row: &Row<3>| {
        let [one, same, apart] = &row.times;
        [one.min(), same.median(), apart.median()]
    };
    let ours = costs(&rows[0]);
    let numbers = rows.iter().map(|row| {
        let [one, same, apart] = costs(row);
        let ratios = [one / ours[0], same / ours[1], apart / ours[2]];
        let numbers = [one, row.times[0].median(), same, apart];
        (row.name.clone(), [&numbers[..], &ratios].concat())
    });
    let title = "lookup: find a series by 2 labels and increment it, ns; 2T: medians, on the same series, on a series each";
    print_table(title, &COLUMNS, numbers);
}

fn cold(run: &Run) {
    cold::on_one_processor(|caches| {
        let entries = entries![cold_entry(caches, &[1]):
            histograms::Nothing,
            LookUp<OursByReference, SERIES>,
            LookUp<Ours, SERIES>,
            LookUp<Prometheus, SERIES>,
            LookUp<PrometheusClient<String>, SERIES>,
            LookUp<PrometheusClient<&'static str>, SERIES>,
            LookUp<Fastmetrics<String>, SERIES>,
            LookUp<Fastmetrics<&'static str>, SERIES>,
            LookUp<Metrics<String>, SERIES>,
            LookUp<Metrics<&'static str>, SERIES>,
            LookUp<Measured, SERIES>,
        ];
        let rows = interleave(run.share(cold::ROUNDS), entries);
        cold::print("lookup, cold: find and increment", caches, &rows);
    });
}

pub(crate) fn lookup(run: &Run) {
    warm(run);
    cold(run);
}
