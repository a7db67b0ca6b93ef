//! What recording costs while another thread reads the metric without pause.

use crate::Run;
use crate::contenders::{Contender, entries, histograms::*, record_all};
use crate::pin;
use crate::timing::{Entry, Times, interleave, ns_per_tick, print_table, ticks, ticks_for_nothing};
use crate::values::{COUNT, lognormal, samples};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// Records between two readings of the clock.
const BATCH: usize = 16;
/// So much is kept of one run at most: 16 million records.
const MOST_BATCHES: usize = 1 << 20;

/// One run: p50, p99 and p99.9 of nanoseconds a record, and how many scrapes a millisecond it stood.
fn one_run<C: Contender>(contender: &C, values: &[C::Value], length: Duration) -> [f64; 4] {
    let (stop, scrapes) = (AtomicBool::new(false), AtomicU64::new(0));
    let scrape = || {
        pin::to(1);
        while !stop.load(Relaxed) {
            contender.scrape();
            scrapes.fetch_add(1, Relaxed);
        }
    };
    let record = || {
        pin::to(0);
        let mut handle = contender.handle();
        record_all::<C>(&mut handle, values);
        let (started, before) = (Instant::now(), scrapes.load(Relaxed));
        let batches = record_until::<C>(&mut handle, values, started + length);
        let per_ms =
            (scrapes.load(Relaxed) - before) as f64 / started.elapsed().as_secs_f64() / 1e3;
        stop.store(true, Relaxed);
        // The handle goes before the scraper is waited for: it may itself be waiting for this handle.
        drop(handle);
        (batches, per_ms)
    };
    let (batches, per_ms) = thread::scope(|scope| {
        let (scraper, recorder) = (scope.spawn(scrape), scope.spawn(record));
        let recorded = recorder.join().expect("recording panicked");
        scraper.join().expect("scraping panicked");
        recorded
    });
    let mut times = Times::default();
    batches
        .into_iter()
        .for_each(|batch| times.push(f64::from(batch) * ns_per_tick() / BATCH as f64));
    let [p50, p99, p999] = times.quantiles([0.5, 0.99, 0.999]);
    [p50, p99, p999, per_ms]
}

/// The ticks that each batch took.
fn record_until<C: Contender>(
    handle: &mut C::Handle,
    values: &[C::Value],
    end: Instant,
) -> Vec<u32> {
    let nothing = ticks_for_nothing();
    let mut batches = Vec::with_capacity(MOST_BATCHES);
    while Instant::now() < end && batches.len() + values.len() / BATCH <= MOST_BATCHES {
        for batch in values.chunks_exact(BATCH) {
            let started = ticks();
            record_all::<C>(handle, batch);
            let took = ticks().saturating_sub(started).saturating_sub(nothing);
            batches.push(u32::try_from(took).unwrap_or(u32::MAX));
        }
    }
    batches
}

fn entry<C: Contender + 'static>(nanos: &[u64], length: Duration) -> Entry<'static, 4> {
    let (contender, values) = (C::new(), samples::<C::Value>(nanos));
    Entry::new(C::NAME, move || one_run(&contender, &values, length))
}

pub(crate) fn scrape(run: &Run) {
    let (nanos, length) = (
        lognormal(COUNT),
        Duration::from_millis(run.share(200) as u64),
    );
    let entries = entries![entry(&nanos, length):
        Ours,
        OursAsText,
        Metrics,
        Prometheus,
        PrometheusClient,
        Measured,
        Fastmetrics,
        Atomic,
        Metriken,
        MetrikenSharded,
        HdrSync,
        HdrMutex
    ];
    let rows = interleave(5, entries);
    let numbers = rows
        .into_iter()
        .map(|row| (row.name, row.times.map(|times| times.median()).to_vec()));
    let title = "scrape: record while another thread scrapes without pause, ns a record over 16; medians of 5 runs";
    print_table(title, &["p50", "p99", "p99.9", "scrapes / ms"], numbers);
}
