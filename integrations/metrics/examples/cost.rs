//! What an operation costs with this crate's recorder and with metrics-exporter-prometheus, in nanoseconds: the median of
//! many rounds, on one thread and on two that write to the same metric. `cargo run --profile bench -p epoch-metrics-facade --example cost`

use epoch_metrics_facade::PrometheusBuilder;
use metrics::{Recorder, counter, gauge, histogram, with_local_recorder};
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A thread that writes all the time has cells of its own after a second.
const WARM_UP: Duration = Duration::from_millis(1_400);
const ROUNDS: usize = 100;
const CALLS: u32 = 20_000;

/// One operation: `calls` of it on the recorder that is installed.
type Operation = (&'static str, fn(calls: u32));

const OPERATIONS: [Operation; 6] = [
    ("counter, held handle", |calls| {
        let counter = counter!("held", "route" => "/");
        (0..calls).for_each(|_| black_box(&counter).increment(1));
    }),
    ("gauge, held handle", |calls| {
        let gauge = gauge!("gauge", "route" => "/");
        (0..calls).for_each(|_| black_box(&gauge).set(0.5));
    }),
    ("histogram, held handle", |calls| {
        let histogram = histogram!("latency", "route" => "/");
        (0..calls).for_each(|i| black_box(&histogram).record(0.001 + f64::from(i & 1)));
    }),
    ("counter!, constant labels", |calls| {
        (0..calls).for_each(|_| counter!("constant", "route" => "/").increment(1));
    }),
    ("counter!, a label's value made each time", |calls| {
        let statuses = ["200", "404"];
        (0..calls).for_each(|i| {
            let status = statuses[i as usize & 1].to_owned();
            counter!("varying", "status" => status).increment(1);
        });
    }),
    ("histogram!, constant labels", |calls| {
        (0..calls).for_each(|_| histogram!("by_macro", "route" => "/").record(0.001));
    }),
];

/// Nanoseconds for each call: the median round of the slowest thread. `after` is called between rounds, and not timed.
fn measure(
    recorder: &(impl Recorder + Sync),
    threads: usize,
    run: fn(u32),
    after: impl Fn() + Sync,
) -> f64 {
    let (barrier, begun) = (Barrier::new(threads), Instant::now());
    let warm = AtomicBool::new(false);
    let rounds = |leads: bool| {
        let mut timed = Vec::new();
        with_local_recorder(recorder, || {
            while timed.len() < ROUNDS {
                barrier.wait();
                // The leader stored it before the barrier, which orders the two.
                let counts = warm.load(Ordering::Relaxed);
                let started = Instant::now();
                run(CALLS);
                let each = started.elapsed().as_nanos() as f64 / f64::from(CALLS);
                timed.extend(counts.then_some(each));
                barrier.wait();
                if leads {
                    after();
                    warm.store(begun.elapsed() > WARM_UP, Ordering::Relaxed);
                }
            }
        });
        timed
    };
    let mut slowest = thread::scope(|scope| {
        let others: Vec<_> = (1..threads)
            .map(|_| scope.spawn(|| rounds(false)))
            .collect();
        let mut slowest = rounds(true);
        for other in others.into_iter().filter_map(|other| other.join().ok()) {
            slowest = slowest.iter().zip(other).map(|(a, b)| a.max(b)).collect();
        }
        slowest
    });
    slowest.sort_by(f64::total_cmp);
    slowest[ROUNDS / 2]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ours = PrometheusBuilder::new().build_recorder()?;
    let exporter = metrics_exporter_prometheus::PrometheusBuilder::new();
    let theirs = exporter
        .set_buckets(&[0.001, 0.01, 0.1, 1.0])?
        .build_recorder();
    let upkeep = theirs.handle();
    println!("{:44}{:>16}{:>16}", "ns", "this crate 1/2", "exporter 1/2");
    for (name, run) in OPERATIONS {
        print!("{name:44}");
        let [one, two] = [1, 2].map(|threads| measure(&ours, threads, run, || {}));
        let [one_of_theirs, two_of_theirs] =
            [1, 2].map(|threads| measure(&theirs, threads, run, || upkeep.run_upkeep()));
        println!("{one:9.1} /{two:5.1}{one_of_theirs:10.1} /{two_of_theirs:5.1}");
    }
    // What the exporter puts off until its upkeep.
    let samples = 1_000_000;
    with_local_recorder(&theirs, || OPERATIONS[2].1(samples));
    let started = Instant::now();
    upkeep.run_upkeep();
    let each = started.elapsed().as_nanos() as f64 / f64::from(samples);
    println!("the exporter's upkeep, for each recorded value: {each:.1}");
    Ok(())
}
