//! What one call costs when nothing of the metric is in a near cache: that is how a server meets most of its metrics.

use crate::Run;
use crate::caches::Caches;
use crate::contenders::families::{self, Apart, Held, SERIES};
use crate::contenders::{Contender, counters, entries, histograms, record_all};
use crate::pin;
use crate::timing::{Entry, Row, interleave, ns_per_tick, print_table, ticks_in_order};
use crate::values::{COUNT, lognormal, samples};
use std::hint::black_box;
use std::thread;

/// The third level takes so long to empty that it is done in one of so many rounds.
const L3_EACH: usize = 10;

/// How many rounds are run.
pub(crate) const ROUNDS: usize = 1_000;

/// A round: one call after the second level was emptied, and, in some rounds, one after the third.
pub(crate) fn cold_entry<'a, C: Contender + 'a>(caches: &'a Caches, nanos: &[u64]) -> Entry<'a, 2> {
    let (contender, values) = (C::new(), samples::<C::Value>(nanos));
    let mut handles: Vec<C::Handle> = (0..SERIES).map(|_| contender.handle()).collect();
    // Every series takes every value once: first touches are not what is asked here.
    handles
        .iter_mut()
        .for_each(|handle| record_all::<C>(handle, &values));
    contender.settle();
    let mut round = 0;
    Entry::new(C::NAME, move || {
        let _registered = &contender;
        let (handle, value) = (&mut handles[round % SERIES], values[round % values.len()]);
        // Each time the series is used first, so that it is not further away than what is emptied.
        let mut after = |empty: fn(&Caches)| {
            C::record(handle, value);
            empty(caches);
            time_call(&mut |go| {
                if go {
                    C::record(black_box(handle), value);
                }
            })
        };
        round += 1;
        [
            after(Caches::empty_l2),
            if round % L3_EACH == 0 {
                after(Caches::empty_l3)
            } else {
                f64::NAN
            },
        ]
    })
}

/// One call in nanoseconds, reading the clock included; with `false` it does nothing. This code is the same for all
/// contenders: how it lies in the lines of the caches would make a difference.
#[inline(never)]
fn time_call(call: &mut dyn FnMut(bool)) -> f64 {
    // Brings the way to the call into the caches, which is no part of the call and may hide what is.
    call(false);
    let started = ticks_in_order();
    call(true);
    ticks_in_order().saturating_sub(started) as f64 * ns_per_tick()
}

/// Prints what a call takes less what the first row takes, which does nothing, and how often that is what the second row
/// takes. The clock may advance in steps of 10 ns; the means of the middle halves are finer than medians and as robust.
pub(crate) fn print(what: &str, caches: &Caches, rows: &[Row<2>]) {
    let means = |row: &Row<2>| row.times.each_ref().map(|times| times.middle_mean());
    let nothing = means(&rows[0]);
    let costs = |row: &Row<2>| {
        let [l2, l3] = means(row);
        [l2 - nothing[0], l3 - nothing[1]]
    };
    let ours = costs(&rows[1]);
    let numbers = rows[1..].iter().map(|row| {
        let [l2, l3] = costs(row);
        (row.name.clone(), vec![l2, l3, l2 / ours[0], l3 / ours[1]])
    });
    let title = format!(
        "{what}, {}; less an empty call ({:.0}, {:.0}), ns",
        caches.describe(),
        nothing[0],
        nothing[1]
    );
    print_table(
        &title,
        &["past L2", "past L3", "L2 / ours", "L3 / ours"],
        numbers,
    );
}

/// Runs this on a thread of its own that stays on one processor: another one's caches were not emptied.
pub(crate) fn on_one_processor(measure: impl FnOnce(&Caches) + Send) {
    let pinned = || {
        pin::to(0);
        measure(&Caches::new());
    };
    thread::scope(|scope| scope.spawn(pinned).join().expect("a contender panicked"));
}

pub(crate) fn cold(run: &Run) {
    on_one_processor(|caches| {
        increments(run, caches);
        records(run, caches);
    });
}

fn increments(run: &Run, caches: &Caches) {
    use families::counters::*;
    let nanos = lognormal(COUNT);
    let entries = entries![cold_entry(caches, &nanos):
        histograms::Nothing,
        Held<Ours>,
        Apart<counters::FetchAdd>,
        Held<Metrics<String>>,
        Held<Prometheus>,
        Held<PrometheusClient<String>>,
        Apart<counters::Measured>,
        Held<Fastmetrics<String>>,
        Apart<counters::Metriken>,
    ];
    let rows = interleave(run.share(ROUNDS), entries);
    print("cold: increment", caches, &rows);
}

fn records(run: &Run, caches: &Caches) {
    use families::histograms::*;
    let nanos = lognormal(COUNT);
    let entries = entries![cold_entry(caches, &nanos):
        histograms::Nothing,
        Held<Ours<2>>,
        Held<Ours<3>>,
        Held<Metrics>,
        Held<Prometheus>,
        Held<PrometheusClient>,
        Apart<histograms::Measured>,
        Held<Fastmetrics>,
        Apart<histograms::Atomic>,
    ];
    let rows = interleave(run.share(ROUNDS), entries);
    print("cold: record", caches, &rows);
}
