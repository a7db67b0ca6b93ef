//! What one call costs: counters, histograms, and histograms with work between the records.

use crate::Run;
use crate::contenders::{Contender, counters, entries, histograms, record_all};
use crate::pin;
use crate::timing::{Entry, Row, interleave, ns_each, print_table};
use crate::values::{COUNT, lognormal, samples, two_values};
use std::hint::{black_box, spin_loop};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::AcqRel, Ordering::Acquire};
use std::thread;
use std::time::{Duration, Instant};

/// How much work lies between two records in the section `spaced`.
const SPACING_NS: f64 = 25.0;

/// Times one batch on a handle that has been used before: first touches are not what is asked here.
fn time_batch<C: Contender>(
    contender: &C,
    values: &[C::Value],
    passes: usize,
    start: impl FnOnce(),
) -> Range<Instant> {
    let mut handle = contender.handle();
    record_all::<C>(&mut handle, values);
    start();
    let started = Instant::now();
    for _ in 0..passes {
        record_all::<C>(&mut handle, black_box(values));
    }
    started..Instant::now()
}

fn length(batch: &Range<Instant>) -> Duration {
    batch.end - batch.start
}

pub(crate) fn one_thread<C: Contender>(contender: &C, values: &[C::Value], passes: usize) -> f64 {
    ns_each(
        length(&time_batch(contender, values, passes, || ())),
        passes * values.len(),
    )
}

/// Two threads on the same metric: the slower one's time. On a busy machine one may run after the other, and then there
/// was nothing to measure: such a try is repeated, and not a number if that does not help.
pub(crate) fn two_threads<C: Contender>(contender: &C, values: &[C::Value], passes: usize) -> f64 {
    const TRIES: usize = 4;
    let overlapping = (0..TRIES).find_map(|_| {
        let [a, b] = run_together(contender, values, passes);
        let slower = length(&a).max(length(&b));
        let together = a
            .end
            .min(b.end)
            .saturating_duration_since(a.start.max(b.start));
        (together > slower / 2).then_some(slower)
    });
    overlapping.map_or(f64::NAN, |slower| ns_each(slower, passes * values.len()))
}

fn run_together<C: Contender>(
    contender: &C,
    values: &[C::Value],
    passes: usize,
) -> [Range<Instant>; 2] {
    let ready = AtomicUsize::new(0);
    // A lock's barrier would wake the second thread when the first is well under way.
    let meet = || {
        ready.fetch_add(1, AcqRel);
        while ready.load(Acquire) < 2 {
            spin_loop();
        }
    };
    let run = |nth| {
        pin::to(nth);
        time_batch(contender, values, passes, meet)
    };
    thread::scope(|scope| {
        let threads = [0, 1].map(|nth| scope.spawn(move || run(nth)));
        threads.map(|thread| thread.join().expect("recording panicked"))
    })
}

/// A contender's rounds: one thread, two threads, and what it has put off in the first.
fn entry<C: Contender + 'static>(nanos: &[u64], passes: usize) -> Entry<'static, 3> {
    let (contender, values) = (C::new(), samples::<C::Value>(nanos));
    Entry::new(C::NAME, move || {
        let one = one_thread(&contender, &values, passes);
        let started = Instant::now();
        contender.settle();
        let deferred = ns_each(started.elapsed(), (passes + 1) * values.len());
        let two = two_threads(&contender, &values, passes);
        contender.settle();
        [one, two, deferred]
    })
}

/// Minima, medians, how often a contender's minimum is that of the first row, and what is put off if anybody does that.
fn print(title: &str, rows: &[Row<3>]) {
    const COLUMNS: [&str; 7] = [
        "1T min",
        "1T median",
        "2T min",
        "2T median",
        "1T / ours",
        "2T / ours",
        "put off",
    ];
    let ours = [rows[0].times[0].min(), rows[0].times[1].min()];
    let puts_off = rows.iter().any(|row| row.times[2].min() > 0.005);
    let columns = if puts_off {
        &COLUMNS[..]
    } else {
        &COLUMNS[..6]
    };
    let numbers = rows.iter().map(|row| {
        let [one, two, deferred] = &row.times;
        let ratios = [one.min() / ours[0], two.min() / ours[1]];
        let numbers = [
            one.min(),
            one.median(),
            two.min(),
            two.median(),
            ratios[0],
            ratios[1],
            deferred.min(),
        ];
        (row.name.clone(), numbers[..columns.len()].to_vec())
    });
    print_table(title, columns, numbers);
}

pub(crate) fn counter(run: &Run) {
    use counters::*;
    let nanos = lognormal(COUNT);
    let entries = entries![entry(&nanos, 500): Ours, Plain, Store, FetchAdd, Metrics, Prometheus, PrometheusClient,
        Measured, Fastmetrics, Metriken, MetrikenLazy, MetrikenSharded];
    print(
        "counter: increment, ns",
        &interleave(run.share(150), entries),
    );
}

pub(crate) fn histogram(run: &Run) {
    for (values, nanos) in [
        ("lognormal values", lognormal(COUNT)),
        ("two values in turn", two_values(COUNT)),
    ] {
        use histograms::*;
        let entries = entries![entry(&nanos, 200): Ours, HdrPlain, Metrics, Prometheus, PrometheusClient, Measured,
            Fastmetrics, Atomic, Metriken, MetrikenSharded, HdrSync, HdrMutex];
        print(
            &format!("histogram: record, {values}, ns"),
            &interleave(run.share(100), entries),
        );
    }
}

/// Work that nothing can be taken off: each step needs the one before.
#[inline(always)]
fn work(mut x: u64, steps: u32) -> u64 {
    for _ in 0..steps {
        x = x.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    }
    x
}

/// How many steps take [`SPACING_NS`].
fn calibrate() -> u32 {
    const STEPS: u32 = 1_000_000;
    let time = || {
        let started = Instant::now();
        black_box(work(black_box(1), black_box(STEPS)));
        ns_each(started.elapsed(), STEPS as usize)
    };
    let step = (0..20).map(|_| time()).fold(f64::INFINITY, f64::min);
    (SPACING_NS / step).round() as u32
}

fn spaced_entry<C: Contender + 'static>(nanos: &[u64], steps: u32) -> Entry<'static, 1> {
    const PASSES: usize = 50;
    let (contender, values) = (C::new(), samples::<C::Value>(nanos));
    Entry::new(C::NAME, move || {
        let mut handle = contender.handle();
        record_all::<C>(&mut handle, &values);
        let mut x = black_box(1);
        let started = Instant::now();
        for _ in 0..PASSES {
            for &value in black_box(&values) {
                x = work(x, steps);
                C::record(black_box(&mut handle), value);
            }
        }
        let time = started.elapsed();
        black_box(x);
        drop(handle);
        contender.settle();
        [ns_each(time, PASSES * values.len())]
    })
}

pub(crate) fn spaced(run: &Run) {
    use histograms::*;
    let (nanos, steps) = (lognormal(COUNT), black_box(calibrate()));
    let entries = entries![spaced_entry(&nanos, steps): Nothing, Ours, HdrPlain, Metrics, Prometheus, PrometheusClient,
        Measured, Fastmetrics, Atomic, Metriken, MetrikenSharded, HdrSync, HdrMutex];
    let rows = interleave(run.share(150), entries);
    let [alone] = &rows[0].times;
    let numbers = rows[1..].iter().map(|row| {
        let [with] = &row.times;
        (
            row.name.clone(),
            vec![with.min() - alone.min(), with.median() - alone.median()],
        )
    });
    let title = format!(
        "spaced: record after {:.1} ns of other work, less that work, ns",
        alone.min()
    );
    print_table(&title, &["of minima", "of medians"], numbers);
}
