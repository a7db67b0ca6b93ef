//! Readers, resets and registrations that panic.

use crate::beside_others;
use crate::metrics::{Metrics, shown, shown_three};
use crate::trap::{Trap, armed, unwind};
use epoch_metrics::{HistogramOptions, Registry};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

#[test]
fn a_reader_that_panics_in_the_gate_leaves_it_open() {
    let _beside = beside_others();
    let metrics = Metrics::new();
    let (mut written, mut contained) = (0, 0);
    for (what, read) in metrics.reads() {
        for nth in 1.. {
            // Now and then more than a queue holds.
            let burst = if nth % 3 == 0 { 1_000 } else { 1 };
            metrics.write(burst);
            written += burst;
            let (fired, result) = armed(nth, unwind, &read);
            // A panic inside a callback of the collector's costs a page one family, and does not leave it.
            let page =
                ["Registry::render_prometheus", "MetricsCollector::snapshot"].contains(&what);
            contained += u32::from(fired && result.is_ok());
            assert!(fired == result.is_err() || (fired && page), "{what}");
            std::thread::scope(|scope| {
                scope.spawn(|| metrics.check(written, what));
            });
            metrics.check(written, what);
            if !fired {
                assert!(nth > 1, "{what} reads no clock, so nothing was tested");
                println!("{what}: panicked at {} readings of the clock", nth - 1);
                break;
            }
        }
    }
    assert!(contained > 0, "no callback read the clock");
}

#[test]
fn a_reset_that_panics_loses_and_doubles_nothing() {
    let _beside = beside_others();
    let metrics = Metrics::new();
    let (mut samples, mut total) = (0, 0);
    for i in 1..=30 {
        metrics.write(i * 40);
        let (_, result) = armed(1 + i % 4, unwind, || metrics.histogram.reset());
        samples += result.map_or(0, |before| before.count());
        let (_, result) = armed(1 + i % 4, unwind, || metrics.throughput.reset());
        total += result.map_or(0, |before| before.total());
        // Nor does a read that panics after it.
        for (_, read) in metrics.reads() {
            let _ = armed(1 + i % 3, unwind, read);
        }
        let written = (1..=i).map(|i| i * 40).sum::<u64>();
        assert_eq!(
            samples + metrics.histogram.snapshot().count(),
            written,
            "after {i}"
        );
        assert_eq!(
            total + metrics.throughput.snapshot().total(),
            3 * written,
            "after {i}"
        );
    }
    assert!(samples > 0 && total > 0);
}

#[test]
fn a_registration_that_panics_leaves_the_registry_usable() {
    let _beside = beside_others();
    let registry = Registry::builder().clock(Arc::new(Trap)).build();
    let family = registry
        .histogram_family("f", "", HistogramOptions::durations(), &["x"])
        .unwrap();
    // A histogram's first snapshot is of the time that it was made.
    assert!(
        armed(1, unwind, || family.with(&["1"]).map(drop))
            .1
            .is_err()
    );
    assert!(
        armed(1, unwind, || registry
            .histogram("h", "", HistogramOptions::durations())
            .map(drop))
        .1
        .is_err()
    );
    assert!(
        armed(1, unwind, || registry.throughput("t", "").map(drop))
            .1
            .is_err()
    );
    family.with(&["1"]).unwrap().record(3);
    registry.throughput("t", "").unwrap().add(4);
    registry.counter("c", "").unwrap().add(5);
    let snapshot = registry.snapshot();
    assert_eq!(
        (
            shown(&snapshot, "f_seconds"),
            shown(&snapshot, "t"),
            shown(&snapshot, "c")
        ),
        (1, 4, 5)
    );
    assert!(registry.render_json().contains("\"c\""));
}

#[test]
fn readers_that_panic_again_and_again_while_writers_write_lose_nothing() {
    const WRITERS: u64 = 3;
    const EACH: u64 = 2_000_000;
    let _beside = beside_others();
    let metrics = Metrics::new();
    let running = AtomicBool::new(true);
    let (panics, reads) = std::thread::scope(|scope| {
        let panicking = scope.spawn(|| {
            let mut panics = 0_u64;
            for nth in (1..=9).cycle().take_while(|_| running.load(SeqCst)) {
                for (_, read) in metrics.reads() {
                    panics += u64::from(armed(nth, unwind, &read).1.is_err());
                }
            }
            panics
        });
        let patient = scope.spawn(|| {
            let (mut reads, mut last) = (0_u64, [0; 3]);
            while running.load(SeqCst) {
                let snapshot = metrics.collector.registry().snapshot();
                let now = shown_three(&snapshot);
                assert!(
                    last.iter().zip(&now).all(|(before, now)| before <= now),
                    "{now:?} after {last:?}"
                );
                (last, reads) = (now, reads + 1);
            }
            reads
        });
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| scope.spawn(|| metrics.write(EACH)))
            .collect();
        let written = writers.into_iter().all(|writer| writer.join().is_ok());
        running.store(false, SeqCst);
        assert!(written);
        (panicking.join().unwrap(), patient.join().unwrap())
    });
    println!("{panics} panics inside of reads, {reads} reads beside them");
    assert!(panics > 0 && reads > 0);
    metrics.check(WRITERS * EACH, "at the end");
}
