//! One function for each promise about the hot path, which `tests/hot_path.rs` finds in the executable and takes apart, and a
//! `main` that calls each and prints which instructions that executed: a line each, the function's name and the addresses.

#[path = "../../single_step/mod.rs"]
mod single_step;

use epoch_metrics::{Clock, Counter, Histogram, HistogramOptions, Ownership, Registry, Throughput};
use single_step::Next;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn hot_histogram_record(histogram: &Histogram, value: u64) {
    histogram.record(value);
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn hot_histogram_record_duration(on: &(Histogram, Duration), _: u64) {
    on.0.record_duration(on.1);
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn hot_timer(histogram: &Histogram, _: u64) {
    drop(histogram.start());
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn hot_counter_inc(counter: &Counter, _: u64) {
    counter.inc();
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn hot_counter_add(counter: &Counter, n: u64) {
    counter.add(n);
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn hot_throughput_add(throughput: &Throughput, amount: u64) {
    throughput.add(amount);
}

/// A clock that is a microsecond later each time; the test tells its instructions from the library's by this name.
#[derive(Debug, Default)]
struct TickingClock(AtomicU64);

impl Clock for TickingClock {
    fn now(&self) -> Duration {
        Duration::from_micros(self.0.fetch_add(1, Relaxed))
    }

    fn coarse(&self) -> Duration {
        Duration::from_millis(self.0.load(Relaxed))
    }
}

/// More than any of the calls executes.
const ROOM: usize = 4096;

/// Calls `function` a few times, so that nothing is new to it any more, and once more instruction by instruction.
fn trace<T>(name: &str, function: extern "C" fn(&T, u64), on: &T, argument: u64) {
    for _ in 0..CALLS - 1 {
        function(on, argument);
    }
    let (executed, len) = ([const { Cell::new(0) }; ROOM], Cell::new(0));
    single_step::step(function, on, argument, &|address| {
        if let Some(place) = executed.get(len.get()) {
            place.set(address);
        }
        len.set(len.get() + 1);
        Next::Step
    });
    assert!(
        len.get() <= ROOM,
        "{name} executes {} instructions",
        len.get()
    );
    print!("{name}");
    for address in &executed[..len.get()] {
        print!(" {:x}", address.get());
    }
    println!();
}

/// How often each function is called.
const CALLS: u64 = 3;

fn main() {
    let registry = Registry::builder()
        // What is promised holds for threads that own their cells.
        .ownership(Ownership::Always)
        .clock(Arc::new(TickingClock::default()))
        .build();
    let histogram = registry
        .histogram("histogram", "", HistogramOptions::durations())
        .unwrap();
    let timed = registry
        .histogram("timed", "", HistogramOptions::durations())
        .unwrap();
    let spans = registry
        .histogram("spans", "", HistogramOptions::durations())
        .unwrap();
    let incremented = registry.counter("incremented", "").unwrap();
    let added = registry.counter("added", "").unwrap();
    let throughput = registry.throughput("throughput", "").unwrap();
    trace(
        "hot_histogram_record",
        hot_histogram_record,
        &histogram,
        1_234_567,
    );
    let span = (spans.clone(), Duration::from_micros(1_500));
    trace(
        "hot_histogram_record_duration",
        hot_histogram_record_duration,
        &span,
        0,
    );
    trace("hot_timer", hot_timer, &timed, 0);
    trace("hot_counter_inc", hot_counter_inc, &incremented, 0);
    trace("hot_counter_add", hot_counter_add, &added, 5);
    trace("hot_throughput_add", hot_throughput_add, &throughput, 7);
    assert_eq!(
        (histogram.snapshot().count(), histogram.snapshot().sum()),
        (CALLS, u128::from(CALLS * 1_234_567))
    );
    assert_eq!(
        (spans.snapshot().count(), spans.snapshot().sum()),
        (CALLS, u128::from(CALLS * 1_500_000))
    );
    assert_eq!(
        (timed.snapshot().count(), timed.snapshot().sum()),
        (CALLS, u128::from(CALLS * 1_000))
    );
    assert_eq!(
        (
            incremented.get(),
            added.get(),
            throughput.snapshot().total()
        ),
        (CALLS, CALLS * 5, CALLS * 7)
    );
}
