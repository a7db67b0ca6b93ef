//! Threads by the thousand, of which some panic, and the memory that they keep.

use crate::alone;
use crate::metrics::{Metrics, shown};
use crate::trap::unwind;
use epoch_metrics::{HistogramOptions, ManualClock, Registry, SystemClock};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::time::Duration;

#[test]
fn a_thread_that_panics_records_its_timers_once_and_gives_its_slot_back() {
    let _alone = alone();
    let clock = Arc::new(ManualClock::new());
    let registry = Registry::builder().clock(clock.clone()).build();
    let histogram = registry
        .histogram("h", "", HistogramOptions::durations().recent(10))
        .unwrap();
    let counter = registry.counter("c", "").unwrap();
    let family = registry
        .histogram_family("f", "", HistogramOptions::durations(), &["x"])
        .unwrap();
    let panic_with_timers = || {
        let (histogram, counter, family, clock) = (
            histogram.clone(),
            counter.clone(),
            family.clone(),
            clock.clone(),
        );
        let thread = std::thread::spawn(move || {
            let member = family.with(&["1"]).unwrap();
            let _outer = histogram.start();
            clock.advance(Duration::from_nanos(3));
            let _inner = histogram.start();
            let _other = member.start();
            let stopped = histogram.start();
            histogram.start().discard();
            clock.advance(Duration::from_nanos(4));
            stopped.stop().unwrap();
            counter.inc();
            unwind();
        });
        assert!(thread.join().is_err());
    };
    let mut live_before = 0;
    for i in 1..=1_000 {
        panic_with_timers();
        let snapshot = histogram.snapshot();
        assert_eq!(
            (snapshot.count(), snapshot.sum(), snapshot.uncertain()),
            (3 * i, u128::from((7 + 4 + 4) * i), 0)
        );
        assert_eq!(
            family.with(&["1"]).unwrap().snapshot().sum(),
            u128::from(4 * i)
        );
        assert_eq!(shown(&registry.snapshot(), "c"), i);
        if i == 100 {
            live_before = LIVE.load(SeqCst);
        }
    }
    let grown = LIVE.load(SeqCst) - live_before;
    println!("900 further threads that panicked keep {grown} bytes");
    assert!(grown < 16 << 10, "{grown} bytes kept");
    registry
        .counter("another", "")
        .expect("nothing is poisoned");
    family.with(&["2"]).unwrap().record(1);
    assert!(
        registry
            .render_prometheus()
            .contains("f_seconds_count{x=\"2\"} 1\n")
    );
}

#[test]
fn ten_thousand_short_lived_threads_take_the_memory_of_two_hundred() {
    const EACH: u64 = 5;
    let _alone = alone();
    let metrics = Metrics::by(Arc::new(SystemClock::new()));
    let mut threads = 0;
    let mut wave = |size: u64| {
        let together = Barrier::new(size as usize);
        std::thread::scope(|scope| {
            let work = || {
                metrics.write(1);
                // All have a slot at the same time: never more than these are needed.
                together.wait();
                metrics.write(EACH - 1);
            };
            // Each is waited for to its very end, its thread-locals' destructors included.
            let wave: Vec<_> = (0..size).map(|_| scope.spawn(work)).collect();
            wave.into_iter().for_each(|thread| thread.join().unwrap());
        });
        threads += size;
        threads
    };
    (1..=25).for_each(|i| metrics.check(wave(8) * EACH, &format!("after {i} waves")));
    let before = LIVE.load(SeqCst);
    let mut after = 200;
    while after < 10_000 {
        after = wave(if after % 400 == 0 { 1 } else { 8 }.min(10_000 - after));
        if after % 1_000 < 8 {
            metrics.check(after * EACH, "on the way");
        }
    }
    metrics.check(10_000 * EACH, "after 10,000 threads");
    let grown = LIVE.load(SeqCst) - before;
    println!("9,800 further threads keep {grown} bytes");
    // The nine slots are written to so often by now that they own cells of both pages of counters, 2 KiB of each.
    assert!(
        grown < 64 << 10,
        "{grown} bytes kept, and so many threads' cells take more than that"
    );
}

/// Counts the bytes of the whole process.
struct Counting;

static LIVE: AtomicI64 = AtomicI64::new(0);

// SAFETY: hands everything to the system's allocator unchanged; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as i64, SeqCst);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as i64, SeqCst);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;
