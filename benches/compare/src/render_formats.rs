//! A family of counters in each format, as Prometheus asks for it, and what compression adds.

use crate::Run;
use crate::render::{Change, Family, Ours};
use crate::timing::{Entry, interleave, ns_each, print_table};
use std::time::Instant;

const SERIES: usize = 100_000;

/// A name, and what a scraper sends as `Accept` and `Accept-Encoding`.
const SCRAPES: [(&str, &str, &str); 5] = [
    ("text", TEXT, "identity"),
    ("text, gzip", TEXT, "gzip"),
    ("OpenMetrics", OPEN_METRICS, "identity"),
    ("OpenMetrics, gzip", OPEN_METRICS, "gzip"),
    ("protobuf, gzip", PROTOBUF, "gzip"),
];
const TEXT: &str = "text/plain;version=0.0.4;q=1,*/*;q=0.1";
const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0,\
    application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
const PROTOBUF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,\
    application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,\
    text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// Times a scrape after some series were incremented: microseconds, and the length of the body in KiB.
fn entry(scrape: (&str, &'static str, &'static str), change: Change) -> Entry<'static, 2> {
    let (name, accept, encoding) = scrape;
    let family = Ours::new(SERIES);
    (0..SERIES).for_each(|i| (0..1_000).for_each(|_| family.increment(i)));
    Entry::new(format!("{name}, {}", change.name()), move || {
        family.scrape(accept, encoding);
        change.series(SERIES).for_each(|i| family.increment(i));
        let started = Instant::now();
        let length = family.scrape(accept, encoding);
        let time = started.elapsed();
        [ns_each(time, 1) / 1e3, length as f64 / 1024.0]
    })
}

pub(crate) fn render(run: &Run) {
    let changes = [
        Change::Nothing,
        Change::Clustered(10),
        Change::Scattered(10),
        Change::All,
    ];
    let scrapes = SCRAPES.into_iter();
    let entries = scrapes.flat_map(|scrape| changes.map(|change| entry(scrape, change)));
    let rows = interleave(run.share(10), entries.collect());
    let numbers = rows.into_iter().map(|row| {
        let [time, length] = row.times;
        (row.name, vec![time.min(), time.median(), length.median()])
    });
    let title =
        format!("render: {SERIES} counters of epoch-metrics as Prometheus asks for them, µs");
    print_table(&title, &["min", "median", "body, KiB"], numbers);
}
