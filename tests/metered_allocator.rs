//! A global allocator that records into this library's metrics at each allocation: the library's own allocations, those of
//! first touches included, come back into it on the same thread.

use epoch_metrics::{Counter, Histogram, HistogramOptions, Registry, Throughput};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

struct Metered;

struct Meters {
    allocations: Counter,
    sizes: Histogram,
    bytes: Throughput,
}

static METERS: OnceLock<Meters> = OnceLock::new();
/// The oracle: what was metered, counted by other means.
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Only the test's own threads are metered: the harness' allocate whenever they like.
    static METERED: Cell<bool> = const { Cell::new(false) };
}

fn meter(size: usize) {
    if !METERED.get() {
        return;
    }
    if let Some(meters) = METERS.get() {
        ALLOCATIONS.fetch_add(1, SeqCst);
        BYTES.fetch_add(size as u64, SeqCst);
        meters.allocations.inc();
        meters.sizes.record(size as u64);
        meters.bytes.add(size as u64);
    }
}

// SAFETY: hands everything to the system's allocator unchanged. Recording neither unwinds nor frees what the caller has.
unsafe impl GlobalAlloc for Metered {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        meter(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        meter(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        meter(size);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Metered = Metered;

/// What is metered must add up when nobody allocates; compare before anything is formatted.
fn compare(when: &str) {
    let was_metered = METERED.replace(false);
    let meters = METERS.get().unwrap();
    let (sizes, bytes) = (meters.sizes.snapshot(), meters.bytes.snapshot());
    let (allocations, of_bytes) = (ALLOCATIONS.load(SeqCst), BYTES.load(SeqCst));
    assert_eq!(meters.allocations.get(), allocations, "{when}: counted");
    assert_eq!(
        (sizes.count(), sizes.rejected()),
        (allocations, 0),
        "{when}: recorded"
    );
    assert_eq!(
        (sizes.sum(), bytes.total()),
        (u128::from(of_bytes), of_bytes),
        "{when}: bytes"
    );
    METERED.set(was_metered);
}

#[test]
fn a_metered_allocator_works_and_loses_nothing() {
    let registry = Registry::new();
    let meters = Meters {
        allocations: registry.counter("allocations", "").unwrap(),
        sizes: registry
            .histogram(
                "sizes",
                "",
                HistogramOptions::values(0, 1 << 40).recent(100),
            )
            .unwrap(),
        bytes: registry.throughput("bytes", "").unwrap(),
    };
    assert!(METERS.set(meters).is_ok());

    // The very first write of a thread is one from inside its allocator; and each of many threads has one.
    for round in 0..20 {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    METERED.set(true);
                    for size in 1..200 {
                        drop(std::hint::black_box(vec![0_u8; size]));
                    }
                    METERED.set(false);
                });
            }
        });
        compare(&format!("round {round}"));
    }

    // First touches of other metrics, and of these by metrics: their blocks and pages are allocated while metered.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            METERED.set(true);
            for i in 0..300 {
                let counter = registry.counter(&format!("c{i}"), "").unwrap();
                let histogram = registry
                    .histogram(&format!("h{i}"), "", HistogramOptions::values(1, 100))
                    .unwrap();
                counter.inc();
                histogram.record(5);
                assert_eq!((counter.get(), histogram.snapshot().sum()), (1, 5));
            }
            compare("after first touches of others");
            // Readers allocate inside of their gates.
            for _ in 0..50 {
                METERS.get().unwrap().sizes.snapshot();
                registry.snapshot();
                registry.render_prometheus();
            }
            compare("after metered reads");
        });
    });
    assert!(ALLOCATIONS.load(SeqCst) > 20 * 8 * 199);

    // A reset that is metered itself: what it returns and what comes after it are everything.
    METERED.set(true);
    let before = METERS.get().unwrap().sizes.reset();
    METERED.set(false);
    let after = METERS.get().unwrap().sizes.snapshot();
    assert_eq!(before.count() + after.count(), ALLOCATIONS.load(SeqCst));
    assert_eq!(before.sum() + after.sum(), u128::from(BYTES.load(SeqCst)));
}
