//! What a reader pays that comes late: a great many records, and nobody has read any.

use crate::Run;
use crate::contenders::{Contender, histograms::*, record_all};
use crate::crew::Crew;
use crate::timing::{Entry, interleave, ns_each, print_min_median};
use crate::values::{COUNT, lognormal, samples};
use epoch_metrics::{Histogram, Registry};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

/// Has the crew record `unread` values in all and times the next snapshot: microseconds a slot.
fn first_snapshot(
    crew: &Crew,
    slots: usize,
    histogram: &Histogram,
    values: &Arc<[u64]>,
    unread: usize,
) -> f64 {
    crew.run(|| {
        let (histogram, values) = (histogram.clone(), Arc::clone(values));
        move || {
            values
                .iter()
                .cycle()
                .take(unread / slots)
                .for_each(|value| histogram.record(*value))
        }
    });
    let started = Instant::now();
    black_box(histogram.snapshot());
    ns_each(started.elapsed(), slots) / 1e3
}

const UNREAD: [usize; 2] = [100_000, 10_000_000];

fn ours_unread(slots: usize) -> Entry<'static, 2> {
    let (crew, histogram) = (Crew::new(slots), our_histogram(&Registry::new()));
    let values: Arc<[u64]> = lognormal(COUNT).into();
    Entry::new(format!("epoch-metrics, slots: {slots}"), move || {
        UNREAD.map(|unread| first_snapshot(&crew, slots, &histogram, &values, unread))
    })
}

/// The library that keeps every sample until it is asked.
fn metrics_unread() -> Entry<'static, 2> {
    let (contender, values) = (Metrics::new(), samples::<f64>(&lognormal(COUNT)));
    let mut handle = contender.handle();
    Entry::new("metrics + exporter: render", move || {
        UNREAD.map(|unread| {
            (0..unread / COUNT).for_each(|_| record_all::<Metrics>(&mut handle, &values));
            let started = Instant::now();
            contender.scrape();
            ns_each(started.elapsed(), 1) / 1e3
        })
    })
}

pub(crate) fn unread(run: &Run) {
    let entries = vec![ours_unread(1), ours_unread(8), metrics_unread()];
    let title =
        "unread: the first snapshot after 100,000 (left) and 10 million (right) records, µs a slot";
    print_min_median(title, interleave(run.share(11), entries));
}
