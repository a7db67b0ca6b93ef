//! What a record into cells that threads share costs: in a loop, and of threads that record nearly often enough to get cells of their own.

use crate::Run;
use crate::timing::{
    Entry, interleave, ns_each, ns_per_tick, print_min_median, print_table, ticks,
};
use crate::values::{COUNT, lognormal};
use epoch_metrics::{Counter, Histogram, HistogramOptions, Ownership, Registry};
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// Nine tenths of the rate from which on a thread gets cells of its own: 256 records in a quarter of a second.
const EACH_SECOND: f64 = 0.9 * 1_024.0;

fn histogram(registry: &Registry) -> Histogram {
    let options = HistogramOptions::durations().recent(0);
    registry
        .histogram("latency", "Latency.", options)
        .expect("a valid name")
}

fn time(calls: usize, mut call: impl FnMut(usize)) -> [f64; 1] {
    (0..calls).for_each(&mut call);
    let started = Instant::now();
    (0..calls).for_each(call);
    [ns_each(started.elapsed(), calls)]
}

fn warm(run: &Run) {
    const CALLS: usize = 100_000;
    let registry = Registry::builder().ownership(Ownership::Never).build();
    let (histogram, values) = (histogram(&registry), lognormal(COUNT));
    let counter: Counter = registry
        .counter("requests", "Requests.")
        .expect("a valid name");
    let entries = vec![
        Entry::new("increment", || time(CALLS, |_| black_box(&counter).inc())),
        Entry::new("record", || {
            time(CALLS, |i| black_box(&histogram).record(values[i % COUNT]))
        }),
    ];
    let title = "shared: cells that threads share, one thread in a loop, ns";
    print_min_median(title, interleave(run.share(100), entries));
}

/// So many threads record at [`EACH_SECOND`] each into one histogram, spread over their time. Nanoseconds that a record takes: median, p99
/// and the mean; and how many of the threads own cells in the end.
fn lukewarm(threads: usize, length: Duration) -> Vec<f64> {
    let registry = Registry::new();
    let (histogram, values) = (&histogram(&registry), &lognormal(COUNT));
    let (together, scale) = (&Barrier::new(threads), ns_per_tick());
    let mut took: Vec<f64> = thread::scope(|scope| {
        let record = move |nth: usize| {
            together.wait();
            let started = Instant::now();
            let mut took = Vec::new();
            for i in 0.. {
                let due = (i as f64 + nth as f64 / threads as f64) / EACH_SECOND;
                let Some(wait) = Duration::from_secs_f64(due).checked_sub(started.elapsed()) else {
                    continue;
                };
                if due > length.as_secs_f64() {
                    break;
                }
                thread::sleep(wait);
                let before = ticks();
                histogram.record(values[i % COUNT]);
                took.push(ticks().saturating_sub(before) as f64 * scale);
            }
            took
        };
        let running: Vec<_> = (0..threads)
            .map(|nth| scope.spawn(move || record(nth)))
            .collect();
        let joined = running.into_iter().map(|thread| thread.join());
        joined
            .flat_map(|took| took.expect("recording panicked"))
            .collect()
    });
    took.sort_unstable_by(f64::total_cmp);
    let at = |q: f64| took[(q * (took.len() - 1) as f64) as usize];
    let mean = took.iter().sum::<f64>() / took.len() as f64;
    vec![at(0.5), at(0.99), mean, took.len() as f64]
}

pub(crate) fn shared(run: &Run) {
    warm(run);
    let length = Duration::from_millis(run.share(5_000) as u64);
    let rows = [1, 2, 64].map(|threads| (format!("threads: {threads}"), lukewarm(threads, length)));
    let title = "shared: threads that record into one histogram at 0.9 of the rate of promotion, sleeping in between, ns a record";
    print_table(title, &["p50", "p99", "mean", "records"], rows);
}
