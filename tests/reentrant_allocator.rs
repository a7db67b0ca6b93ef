//! A global allocator that records into the same metrics many times at each allocation: their first writes, which allocate, are
//! re-entered by more than they can defer.

use epoch_metrics::{Counter, Histogram, HistogramOptions, Registry, Throughput};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// At each allocation. Two of them are more than a first write has room for.
const TIMES: u64 = 40;

struct Metered;

/// What the allocator records into.
#[derive(Clone, Copy)]
struct Meters {
    counter: &'static Counter,
    throughput: &'static Throughput,
    /// A new value each time.
    different: &'static Histogram,
    /// Two values.
    alike: &'static Histogram,
    /// Nothing that it is given is in its range.
    refused: &'static Histogram,
}

thread_local! {
    static METERS: Cell<Option<Meters>> = const { Cell::new(None) };
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

fn meter() {
    let Some(meters) = METERS.get() else { return };
    for _ in 0..TIMES {
        let call = CALLS.replace(CALLS.get() + 1);
        meters.different.record(call);
        meters.alike.record(call % 2);
        meters.refused.record(1 << 41);
        meters.counter.inc();
        meters.throughput.add(3);
    }
}

// SAFETY: hands everything to the system's allocator unchanged. Recording neither unwinds nor frees what the caller has.
unsafe impl GlobalAlloc for Metered {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        meter();
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Metered = Metered;

/// Every call is in a count or counted as rejected, and only different values are ever rejected: those beyond what a first write
/// keeps. Nothing nests without end.
#[test]
fn a_first_write_that_is_re_entered_by_more_than_it_defers_is_bounded() {
    for round in 0..4 {
        let registry = Registry::new();
        let options = || HistogramOptions::values(0, 1 << 40);
        let [different, alike, refused] = ["different", "alike", "refused"]
            .map(|name| registry.histogram(name, "", options()).unwrap());
        let meters = Meters {
            counter: Box::leak(Box::new(registry.counter("c", "").unwrap())),
            throughput: Box::leak(Box::new(registry.throughput("t", "").unwrap())),
            different: Box::leak(Box::new(different)),
            alike: Box::leak(Box::new(alike)),
            refused: Box::leak(Box::new(refused)),
        };
        // The test's own stack is small: what nests deeply ends here.
        let thread = std::thread::Builder::new().stack_size(128 << 10);
        let calls = thread
            .spawn(move || {
                METERS.set(Some(meters));
                drop(std::hint::black_box(Box::new(round)));
                METERS.set(None);
                CALLS.get()
            })
            .unwrap()
            .join()
            .unwrap();
        assert!(calls > 2 * TIMES, "no first write was re-entered");
        let different = meters.different.snapshot();
        assert_eq!(different.count() + different.rejected(), calls);
        assert!(different.rejected() > 0, "a first write was not filled");
        assert!(different.count() >= TIMES);
        let alike = meters.alike.snapshot();
        assert_eq!(
            (alike.count(), alike.sum(), alike.rejected()),
            (calls, u128::from(calls / 2), 0)
        );
        let refused = meters.refused.snapshot();
        assert_eq!((refused.count(), refused.rejected()), (0, calls));
        assert_eq!(meters.counter.get(), calls);
        assert_eq!(meters.throughput.snapshot().total(), 3 * calls);
    }
}
