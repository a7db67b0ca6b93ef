//! Families whose series expire when they are idle.

use epoch_metrics::{FamilyOptions, HistogramOptions, LabelError, ManualClock, Registry};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const IDLE: Duration = Duration::from_secs(60);

fn registry() -> (Registry, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    (Registry::builder().clock(clock.clone()).build(), clock)
}

fn expiring() -> FamilyOptions {
    FamilyOptions::labels(&["peer"]).expire_after(IDLE)
}

#[test]
fn a_series_that_nobody_looks_up_expires() {
    let (registry, clock) = registry();
    let family = registry.counter_family("c", "", expiring()).unwrap();
    for peer in ["a", "b"] {
        family.with_ref(&[peer], |counter| counter.add(5)).unwrap();
    }
    clock.advance(IDLE / 2);
    family.with_ref(&["b"], |counter| counter.inc()).unwrap();
    assert!(
        registry
            .render_prometheus()
            .contains("c_total{peer=\"a\"} 5")
    );
    clock.advance(IDLE / 2);
    let before = registry.snapshot();
    let page = registry.render_prometheus();
    assert!(!page.contains("peer=\"a\""), "{page}");
    assert!(page.contains("c_total{peer=\"b\"} 6"), "{page}");
    assert!(family.get(&["a"]).is_none());
    assert_eq!((family.len(), family.sum(), family.detached()), (1, 6, 5));
    assert!(
        Arc::ptr_eq(&before, &registry.snapshot()),
        "nothing changed"
    );
    // It comes back, and begins anew.
    assert_eq!(family.with(&["a"]).unwrap().get(), 0);
    assert_eq!(family.len(), 2);
}

#[test]
fn a_series_whose_handle_is_kept_never_expires() {
    let (registry, clock) = registry();
    let counters = registry.counter_family("c", "", expiring()).unwrap();
    let gauges = registry.gauge_family("g", "", expiring()).unwrap();
    let options = HistogramOptions::values(1, 100);
    let histograms = registry
        .histogram_family("h", "", options, expiring())
        .unwrap();
    let throughputs = registry.throughput_family("t", "", expiring()).unwrap();
    let counter = counters.with(&["a"]).unwrap();
    let gauge = gauges.with(&["a"]).unwrap();
    let histogram = histograms.with(&["a"]).unwrap();
    let throughput = throughputs.with(&["a"]).unwrap();
    for _ in 0..3 {
        clock.advance(2 * IDLE);
        let _page = registry.render_prometheus();
    }
    counter.inc();
    gauge.set(7);
    histogram.record(9);
    throughput.add(3);
    assert_eq!(counters.with(&["a"]).unwrap().get(), 1);
    assert_eq!(gauges.with(&["a"]).unwrap().get(), 7);
    assert_eq!(histograms.with(&["a"]).unwrap().snapshot().count(), 1);
    assert_eq!(throughputs.with(&["a"]).unwrap().snapshot().total(), 3);
    // Snapshots are no handles.
    let (_kept, _snapshot) = (registry.snapshot(), histogram.snapshot());
    drop((counter, gauge, histogram, throughput));
    clock.advance(IDLE);
    registry.snapshot();
    let lens = (
        counters.len(),
        gauges.len(),
        histograms.len(),
        throughputs.len(),
    );
    assert_eq!(lens, (0, 0, 0, 0));
    assert_eq!((counters.detached(), gauges.detached()), (1, 0));
    assert_eq!(histograms.detached().count(), 1);
    assert_eq!(throughputs.detached(), 3);
    assert_eq!(gauges.with(&["a"]).unwrap().get(), 0, "a gauge begins anew");
}

#[test]
fn what_expires_makes_room() {
    let (registry, clock) = registry();
    let counters = registry
        .counter_family("c", "", expiring().max_series(2))
        .unwrap();
    let gauges = registry
        .gauge_family("g", "", expiring().max_series(1))
        .unwrap();
    for peer in ["a", "b", "c"] {
        counters.with_ref(&[peer], |counter| counter.inc()).unwrap();
    }
    gauges.with_ref(&["a"], |gauge| gauge.set(1)).unwrap();
    assert_eq!(counters.overflowed(), 1);
    assert_eq!(
        gauges.with(&["b"]).unwrap_err(),
        LabelError::TooManySeries { max: 1 }
    );
    clock.advance(IDLE);
    // No snapshot in between.
    counters.with_ref(&["d"], |counter| counter.inc()).unwrap();
    gauges.with_ref(&["b"], |gauge| gauge.set(2)).unwrap();
    assert_eq!((counters.len(), counters.overflowed()), (1, 1));
    assert_eq!((counters.sum(), counters.detached()), (1, 3));
    assert_eq!(gauges.get(&["b"]).map(|gauge| gauge.get()), Some(2));
}

/// Any time is accepted, the longest that a `Duration` has among them.
#[test]
fn the_longest_time_never_comes() {
    let (registry, clock) = registry();
    let options = FamilyOptions::labels(&["peer"]).expire_after(Duration::MAX);
    let family = registry.counter_family("c", "", options).unwrap();
    family.with_ref(&["a"], |counter| counter.inc()).unwrap();
    clock.advance(1_000_000 * IDLE);
    registry.snapshot();
    assert_eq!((family.len(), family.sum()), (1, 1));
}

#[test]
fn removed_families_and_removed_series_do_not_expire() {
    let (registry, clock) = registry();
    let family = registry.counter_family("c", "", expiring()).unwrap();
    family.with_ref(&["a"], |counter| counter.inc()).unwrap();
    assert_eq!(family.remove(&["a"]), Some(1));
    assert!(registry.unregister("c"));
    drop(family);
    clock.advance(IDLE);
    registry.snapshot();
    let other = registry.counter_family("c", "", &["peer"]).unwrap();
    other.with_ref(&["a"], |counter| counter.inc()).unwrap();
    clock.advance(100 * IDLE);
    assert!(
        registry
            .render_prometheus()
            .contains("c_total{peer=\"a\"} 1")
    );
}

/// Threads look series up, some keep handles for a while, and everything expires all the time: nothing is lost, and what a kept handle writes is
/// found under its labels.
#[test]
fn nothing_is_lost_while_series_expire() {
    const ROUNDS: u64 = 20_000;
    let (registry, clock) = registry();
    let options = FamilyOptions::labels(&["peer"]).expire_after(Duration::from_millis(2));
    let family = registry.counter_family("c", "", options).unwrap();
    let (running, written) = (AtomicBool::new(true), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let sweeper = scope.spawn(|| {
            while running.load(Relaxed) {
                clock.advance(Duration::from_millis(1));
                registry.snapshot();
            }
        });
        let writers: Vec<_> = (0..3)
            .map(|thread: u64| {
                let (family, written) = (&family, &written);
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        let peer = ["a", "b", "c", "d"][(round + thread) as usize % 4];
                        family.with_ref(&[peer], |counter| counter.inc()).unwrap();
                        if round % 8 == 0 {
                            let held = family.with(&[peer]).unwrap();
                            held.inc();
                            std::thread::yield_now();
                            let before = held.get();
                            assert!(
                                family.with(&[peer]).unwrap().get() >= before,
                                "another series"
                            );
                            written.fetch_add(1, Relaxed);
                        }
                        written.fetch_add(1, Relaxed);
                    }
                })
            })
            .collect();
        let joined: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        running.store(false, Relaxed);
        sweeper.join().unwrap();
        joined.into_iter().for_each(|writer| writer.unwrap());
    });
    assert_eq!(family.sum() + family.detached(), written.load(Relaxed));
    clock.advance(Duration::from_secs(1));
    registry.snapshot();
    registry.snapshot();
    assert_eq!(
        (family.len(), family.detached()),
        (0, written.load(Relaxed))
    );
}
