//! A family of histograms as text.

use crate::Run;
use crate::contenders::families::histograms::{
    Fastmetrics, Measured, Ours, Prometheus, PrometheusClient,
};
use crate::contenders::families::{Family, labels};
use crate::render::{Change, print};
use crate::timing::{Entry, ns_each};
use crate::values::Sample;
use std::time::Instant;

const SERIES: usize = 10_000;

/// As for counters: times a rendering after some series were recorded to.
fn entry<F: Family>(change: Change) -> Entry<'static, 2>
where
    F::Value: Sample,
{
    let family = F::new();
    let labels = labels(SERIES);
    let record =
        move |family: &F, i: usize, nanos: u64| family.record(labels[i], F::Value::of_nanos(nanos));
    for i in 0..SERIES {
        (0..100).for_each(|n| record(&family, i, (i as u64 + 1) * 1_000 * n));
    }
    Entry::new(format!("{}, {}", F::NAME, change.name()), move || {
        family.page_len();
        change
            .series(SERIES)
            .for_each(|i| record(&family, i, 1_000_000));
        let started = Instant::now();
        let length = family.page_len();
        let time = started.elapsed();
        [ns_each(time, 1) / 1e3, length as f64 / 1024.0]
    })
}

pub(crate) fn render(run: &Run) {
    let entries = vec![
        entry::<Ours<2>>(Change::All),
        entry::<Ours<2>>(Change::Nothing),
        entry::<Ours<2>>(Change::Clustered(10)),
        entry::<Ours<2>>(Change::Scattered(10)),
        entry::<Prometheus>(Change::All),
        entry::<PrometheusClient>(Change::All),
        entry::<Fastmetrics>(Change::All),
        entry::<Measured>(Change::All),
    ];
    let title = format!(
        "render: {SERIES} histograms of 14 bounds in one family, µs; \"peer\": the fastest of them"
    );
    print(&title, run.share(20), entries);
}
