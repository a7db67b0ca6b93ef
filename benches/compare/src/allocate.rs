//! How much memory histograms take.

use crate::Run;
use crate::crew::Crew;
use crate::resident::{MIB, resident};
use crate::timing::print_table;
use crate::values::lognormal;
use epoch_metrics::{Histogram, HistogramOptions, Registry};
use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering::Relaxed};

/// The system's allocator, which counts bytes while it is told to: elsewhere that would be timed along.
struct Counting;

static COUNTING: AtomicBool = AtomicBool::new(false);
static BYTES: AtomicIsize = AtomicIsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(bytes: usize, sign: isize) {
    if COUNTING.load(Relaxed) {
        BYTES.fetch_add(sign * bytes as isize, Relaxed);
    }
}

// SAFETY: every call is handed on as it is; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller promises the same to us.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller promises the same to us.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: the caller promises the same to us, and `pointer` came from the same allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(layout.size(), -1);
        count(size, 1);
        // SAFETY: the caller promises the same to us, and `pointer` came from the same allocator.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

const HISTOGRAMS: usize = 1_000;
const THREADS: usize = 16;
const VALUES: usize = 1_000;

fn now() -> [f64; 2] {
    [BYTES.load(Relaxed) as f64 / MIB, resident() / MIB]
}

pub(crate) fn allocate(_: &Run) {
    let (crew, values) = (Crew::new(THREADS), Arc::<[u64]>::from(lognormal(VALUES)));
    let before = resident() / MIB;
    COUNTING.store(true, Relaxed);
    let registry = Registry::new();
    let family = registry.histogram_family(
        "latency",
        "Latency.",
        HistogramOptions::durations(),
        &["id"],
    );
    let family = family.expect("a valid name");
    let make = |i: usize| family.with(&[&i.to_string()]).expect("one label");
    let histograms: Arc<[Histogram]> = (0..HISTOGRAMS).map(make).collect();
    let registered = now();
    crew.run(|| {
        let (histograms, values) = (Arc::clone(&histograms), Arc::clone(&values));
        move || {
            histograms
                .iter()
                .for_each(|histogram| values.iter().for_each(|value| histogram.record(*value)))
        }
    });
    let recorded = now();
    let snapshots: Vec<_> = histograms.iter().map(Histogram::snapshot).collect();
    let read = now();
    COUNTING.store(false, Relaxed);
    let samples: u64 = black_box(snapshots)
        .iter()
        .map(|snapshot| snapshot.count())
        .sum();
    assert_eq!(
        samples,
        (HISTOGRAMS * THREADS * VALUES) as u64,
        "every sample is in a snapshot"
    );
    let blocks = (HISTOGRAMS * THREADS) as f64;
    let row = |name: &str, [bytes, pages]: [f64; 2]| {
        (name.to_owned(), vec![bytes, pages, bytes * MIB / blocks])
    };
    let rows = [
        row("before", [0.0, before]),
        row("registered", registered),
        row("recorded", recorded),
        row("read", read),
    ];
    let title =
        "allocate: 1,000 latency histograms, 16 threads with 1,000 lognormal values in each, MiB";
    print_table(title, &["allocated", "resident", "B / (m * t)"], rows);
}
