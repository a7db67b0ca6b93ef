//! Memory as the system sees it. Each scenario runs in a process of its own, since it is the whole process that is measured.

#![cfg(target_os = "linux")]

#[path = "allocated/mod.rs"]
mod allocated;

use allocated::{ALLOCATED, resident};
use epoch_metrics::{Family, Histogram, HistogramOptions, Registry};
use std::process::Command;
use std::sync::Barrier;
use std::sync::atomic::Ordering::Relaxed;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Names the scenario that a process is to run.
const SCENARIO: &str = "EPOCH_RESIDENT_SCENARIO";

/// Runs a scenario in a process of its own, and shows what it prints.
fn alone(name: &str, scenario: impl FnOnce()) {
    if std::env::var(SCENARIO).as_deref() == Ok(name) {
        return scenario();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(SCENARIO, name)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    print!("{printed}");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(printed.contains("1 passed"), "no scenario {name}");
}

/// How much more is resident than `before`.
fn grown(before: usize) -> usize {
    resident().saturating_sub(before)
}

/// Lognormal nanoseconds, median 1 ms, sigma 1: twelve uniform numbers add up to nearly a normal one.
fn latencies() -> Vec<u64> {
    let mut state = 1_u64;
    let mut uniform = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..1_000)
        .map(|_| ((0..12).map(|_| uniform()).sum::<f64>() - 6.0).exp() * 1e6)
        .map(|nanos| nanos as u64)
        .collect()
}

fn series(registry: &Registry, digits: u8, count: usize) -> (Family<Histogram>, Vec<Histogram>) {
    let options = HistogramOptions::durations().significant_digits(digits);
    let family = registry
        .histogram_family("many", "", options, &["i"])
        .unwrap();
    let series = (0..count).map(|i| family.with(&[&i.to_string()]).unwrap());
    let series = series.collect();
    (family, series)
}

/// Every thread records so often into every histogram, all at once, so that no slot is used twice.
fn record(threads: usize, each: usize, histograms: &[Histogram]) {
    let (together, latencies) = (&Barrier::new(threads), &latencies());
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                together.wait();
                for (i, histogram) in histograms.iter().enumerate() {
                    let values = (0..each).map(|n| latencies[(i * 7 + thread * 50 + n) % 1_000]);
                    values.for_each(|latency| histogram.record(latency));
                }
                together.wait();
            });
        }
    });
    for histogram in histograms {
        assert_eq!(
            histogram.latest().snapshot.count(),
            0,
            "nothing was read yet"
        );
    }
}

/// The memory of `count` histograms that `threads` record into `each` times, and of a page that is rendered then.
fn written_and_read(count: usize, threads: usize, each: usize, digits: u8, limit: usize) {
    let registry = Registry::new();
    let (_family, histograms) = series(&registry, digits, count);
    let before = resident();
    record(threads, each, &histograms);
    let written = grown(before);
    let page = registry.render_prometheus().len();
    let read = grown(before);
    println!(
        "{count} histograms of {digits} digits, {threads} threads, {each} records each: {} KiB resident, {} bytes a histogram; once a page of {} KiB was rendered {} KiB",
        written / KIB,
        written / count,
        page / KIB,
        read / KIB
    );
    for histogram in &histograms {
        let snapshot = histogram.snapshot();
        assert_eq!(
            (snapshot.count(), snapshot.uncertain()),
            ((threads * each) as u64, 0)
        );
    }
    // The registry keeps the page's text besides.
    assert!(read <= limit + page, "{read} bytes resident");
}

#[test]
fn two_thousand_histograms_on_sixteen_threads() {
    alone("two_thousand_histograms_on_sixteen_threads", || {
        // 19 MiB on the machine that the README names; a little more where memory is handed out otherwise.
        written_and_read(2_000, 16, 50, 2, 20 * MIB);
    });
}

#[test]
fn ten_thousand_histograms_on_sixteen_threads() {
    alone("ten_thousand_histograms_on_sixteen_threads", || {
        written_and_read(10_000, 16, 50, 2, 100 * MIB);
    });
}

/// A burst promotes nobody.
#[test]
fn bursts_of_sixteen_threads() {
    alone("bursts_of_sixteen_threads", || {
        written_and_read(2_000, 16, 256, 2, 22 * MIB);
    });
}

#[test]
fn a_hundred_histograms_on_many_threads() {
    alone("a_hundred_histograms_on_many_threads", || {
        // What threads take is not the library's: some have run before.
        record(128, 0, &[]);
        written_and_read(100, 128, 5, 2, 8 * MIB);
        written_and_read(100, 128, 5, 3, 8 * MIB);
    });
}

#[test]
fn untouched_histograms() {
    alone("untouched_histograms", || {
        const SERIES: usize = 20_000;
        let registry = Registry::builder().max_series(SERIES).build();
        let options = epoch_metrics::FamilyOptions::labels(&["i"]).max_series(SERIES);
        let family = registry
            .histogram_family("many", "", HistogramOptions::durations(), options)
            .unwrap();
        let before = resident();
        for i in 0..SERIES {
            family.with_ref(&[&i.to_string()], |_| ()).unwrap();
        }
        let each = grown(before) / SERIES;
        println!("an untouched histogram of a family: {each} bytes, labels and look-up included");
        assert!(each <= 512, "{each} bytes");
    });
}

#[test]
fn a_million_counters() {
    alone("a_million_counters", || {
        const SERIES: usize = 1_000_000;
        let registry = Registry::builder().max_series(SERIES).build();
        let options = epoch_metrics::FamilyOptions::labels(&["i"]).max_series(SERIES);
        let family = registry.counter_family("many", "", options).unwrap();
        let before = resident();
        std::thread::scope(|scope| {
            for thread in 0..2 {
                let family = &family;
                scope.spawn(move || {
                    for i in 0..SERIES / 2 {
                        let label = (2 * i + thread).to_string();
                        family.with_ref(&[&label], |counter| counter.inc()).unwrap();
                    }
                });
            }
        });
        let each = grown(before) / SERIES;
        println!("a counter of a family: {each} bytes, labels and look-up included");
        assert_eq!(family.sum(), SERIES as u64);
        assert!(each <= 160, "{each} bytes");
    });
}

/// Calls `last` on one more thread while so many others are alive, each of which has written to a counter.
fn beside(threads: usize, counter: &epoch_metrics::Counter, last: impl FnOnce() + Send) {
    let together = &Barrier::new(threads + 1);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let spawn = std::thread::Builder::new().stack_size(64 * KIB);
            let wait = move || {
                counter.inc();
                together.wait();
                together.wait();
            };
            spawn.spawn_scoped(scope, wait).unwrap();
        }
        together.wait();
        scope.spawn(last).join().unwrap();
        together.wait();
    });
}

/// The number of a thread's slot does not say what it takes.
#[test]
fn a_thread_in_a_late_slot() {
    alone("a_thread_in_a_late_slot", || {
        let registry = Registry::new();
        let counter = registry.counter("c", "").unwrap();
        let options = HistogramOptions::durations().recent(0);
        let histogram = registry.histogram("h", "", options).unwrap();
        beside(4_100, &counter, || {
            // Claims the slot, and allocates what the thread has for it.
            counter.inc();
            let before = ALLOCATED.load(Relaxed);
            histogram.record(1_000_000);
            let allocated = ALLOCATED.load(Relaxed) - before;
            println!("the first record of a thread in slot 4,100: {allocated} bytes");
            assert!(allocated <= 4 * KIB, "{allocated} bytes");
        });
        assert_eq!((counter.get(), histogram.snapshot().count()), (4_101, 1));
    });
}

/// Four thousand threads at once write to a hundred histograms, and end. What is left is what a few threads leave, but for a word and a rate for
/// each slot.
#[test]
fn threads_that_come_and_go() {
    alone("threads_that_come_and_go", || {
        let registry = Registry::new();
        let (_family, histograms) = series(&registry, 2, 100);
        record(2, 5, &histograms);
        let one = || drop(registry.render_prometheus());
        one();
        let before = ALLOCATED.load(Relaxed);
        let threads = 4_000;
        let together = &Barrier::new(threads);
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let histograms = &histograms;
                let write = move || {
                    for histogram in histograms {
                        histogram.record(1_000_000 + thread as u64);
                    }
                    together.wait();
                };
                let spawn = std::thread::Builder::new().stack_size(64 * KIB);
                spawn.spawn_scoped(scope, write).unwrap();
            }
        });
        one();
        let left = ALLOCATED.load(Relaxed).saturating_sub(before);
        println!(
            "left by 4,000 threads that wrote to 100 histograms: {} KiB",
            left / KIB
        );
        for histogram in &histograms {
            assert_eq!(histogram.snapshot().count(), 10 + threads as u64);
        }
        assert!(left <= 4 * MIB, "{left} bytes");
    });
}
