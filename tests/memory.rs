//! What the library allocates: nothing after a thread's first touch of a metric and of an octave, and a known amount at it.

use epoch_metrics::{
    FamilyOptions, HistogramOptions, ManualClock, MetricsCollector, Ownership, Registry,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Counts, for each thread by itself, so that tests that run at the same time do not disturb each other.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    /// Bytes allocated less bytes freed.
    static BYTES: Cell<i64> = const { Cell::new(0) };
}

fn note(allocations: u64, bytes: i64) {
    ALLOCATIONS.set(ALLOCATIONS.get() + allocations);
    BYTES.set(BYTES.get() + bytes);
}

// SAFETY: hands everything to the system's allocator unchanged; the counters are constant-initialised thread-locals without
// destructors, which neither allocate nor unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size() as i64);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size() as i64);
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(1, size as i64 - layout.size() as i64);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(0, -(layout.size() as i64));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Allocations of the calling thread while `work` runs, and by how many bytes they grew its memory.
fn allocated(work: impl FnOnce()) -> (u64, i64) {
    let before = (ALLOCATIONS.get(), BYTES.get());
    work();
    (ALLOCATIONS.get() - before.0, BYTES.get() - before.1)
}

#[test]
fn the_counting_allocator_counts() {
    let (allocations, bytes) =
        allocated(|| std::mem::forget(std::hint::black_box(vec![0_u8; 1000])));
    assert_eq!((allocations, bytes), (1, 1000));
}

#[test]
fn nothing_is_allocated_after_the_first_touch() {
    // A thread that shares cells is promoted, and allocates once more, if the rounds take longer than a second.
    let registry = Registry::builder().ownership(Ownership::Always).build();
    let counter = registry.counter("a", "").unwrap();
    let gauge = registry.gauge("b", "").unwrap();
    let float = registry.float_gauge("c", "").unwrap();
    let histogram = registry
        .histogram("d", "", HistogramOptions::durations().recent(1000))
        .unwrap();
    let throughput = registry.throughput("e", "").unwrap();
    let family = registry.counter_family("f", "", &["x", "y"]).unwrap();
    let collector = MetricsCollector::new();
    let touch = |i: u64| {
        counter.inc();
        counter.add(i);
        gauge.set(i as i64);
        gauge.inc();
        gauge.sub(3);
        float.set(0.5);
        float.add(0.25);
        // All octaves in turn, and refused values.
        histogram.record(1 << (i % 50));
        histogram.record_duration(Duration::from_nanos(i));
        let _ = histogram.try_record(0);
        histogram.reject();
        drop(histogram.start());
        throughput.add(i);
        family.with(&["known", "values"]).unwrap().inc();
        collector.record_latency(Duration::from_micros(i + 1));
        collector.record_latency_ms(0.1 * i as f64);
        collector.record_throughput(i, 1);
        collector.record_batch_size(i * i);
        collector.record_queue_depth(i);
        drop(collector.start());
    };
    // A histogram's octave gets its counters at the first value that falls into it.
    let (first, _) = allocated(|| {
        (0..1_000).for_each(touch);
        (0..40).for_each(|exponent| collector.record_latency(Duration::from_nanos(1 << exponent)));
    });
    assert!(first > 0, "the first touch does allocate");
    // A thread that writes often gets cells of its own, once. Here it has them from now on.
    counter.warm();
    let (after, bytes) = allocated(|| (0..1_000).for_each(touch));
    assert_eq!((after, bytes), (0, 0));
}

/// Not even at a thread's first record, if it was warmed for the values.
#[test]
fn nothing_is_allocated_after_warming() {
    for ownership in [Ownership::Always, Ownership::Adaptive, Ownership::Never] {
        let options = HistogramOptions::durations().recent(0).ownership(ownership);
        let histogram = Registry::new().histogram("h", "", options).unwrap();
        assert!(histogram.warm(0, 1 << 40));
        let record = || (0..40).for_each(|exponent| histogram.record((1 << exponent) - 1));
        assert_eq!(allocated(record), (0, 0), "{ownership:?}");
        assert_eq!(histogram.snapshot().count(), 40);
    }
}

/// The registry's share of a series aside: nothing that is recorded or read has a place before it is.
#[test]
fn a_histogram_without_a_record_takes_little() {
    let registry = Registry::new();
    let family = registry
        .histogram_family("many", "", HistogramOptions::durations(), &["i"])
        .unwrap();
    let names: Vec<String> = (0..10_000).map(|i| i.to_string()).collect();
    let mut series = Vec::with_capacity(names.len());
    let (_, bytes) = allocated(|| {
        series.extend(names.iter().map(|name| family.with(&[name]).unwrap()));
    });
    println!(
        "{} bytes a histogram series without a record",
        bytes / 10_000
    );
    assert!(bytes / 10_000 <= 512);
}

/// Nobody reads, and nothing grows.
#[test]
fn a_million_unread_records_take_the_memory_of_a_thousand() {
    let collector = MetricsCollector::new();
    let record = |n: std::ops::Range<u64>| {
        for i in n {
            collector.record_latency(Duration::from_nanos(i * i % 3_600_000_000_000));
            collector.record_batch_size(i % 5_000);
            collector.record_throughput(i, 1);
        }
    };
    record(0..1_000);
    // All octaves that the others are in: each gets its counters at its first value.
    for exponent in 0..42 {
        collector.record_latency(Duration::from_nanos(1 << exponent));
        collector.record_batch_size(5_000 >> (exponent % 13));
    }
    assert_eq!(allocated(|| record(1_000..1_000_000)), (0, 0));
    let (_, first_read) = allocated(|| drop(collector.snapshot()));
    record(0..1_000_000);
    let (_, second_read) = allocated(|| drop(collector.snapshot()));
    println!(
        "the collector's first read keeps {first_read} bytes, one a million records later {second_read} more"
    );
    assert!(
        first_read < 600_000,
        "{first_read} bytes kept by the first read"
    );
    assert!(
        second_read < 20_000,
        "{second_read} bytes kept by the second"
    );
}

/// What reading keeps does not grow with the number of reads.
#[test]
fn ten_thousand_reads_keep_the_memory_of_a_few() {
    let collector = MetricsCollector::new();
    let work = |reads: u64| {
        for i in 0..reads {
            // Bursts of every size, so that queues and banks are both read.
            for value in 0..i * i % 1_500 {
                collector.record_latency(Duration::from_nanos(1 + value * value));
            }
            collector.record_batch_size(i % 40);
            collector.snapshot();
        }
    };
    work(1_000);
    let (_, grown) = allocated(|| work(10_000));
    println!("10,000 further reads keep {grown} bytes");
    assert!(grown < 50_000, "{grown} bytes");
}

/// Nor with what it reads: also not while the banks, once they have been read, are not needed again.
#[test]
fn a_reader_that_keeps_up_remembers_no_more() {
    for value in [0, 1] {
        let histogram = Registry::new()
            .histogram("h", "", HistogramOptions::values(0, 1000))
            .unwrap();
        (0..1_000).for_each(|_| histogram.record(value));
        histogram.snapshot();
        let work = |reads| {
            for _ in 0..reads {
                (0..50).for_each(|_| histogram.record(value));
                histogram.snapshot();
            }
        };
        work(100);
        let (_, grown) = allocated(|| work(10_000));
        assert!(grown < 20_000, "{grown} bytes kept of {value}");
    }
}

/// The first touch happens in the library's own code on the calling thread, so that thread's allocations are it.
fn first_touch_of(work: impl FnOnce()) -> i64 {
    allocated(work).1
}

/// Held by tests that take many slots at once, and by those whose threads must have one of the first.
static SLOTS: Mutex<()> = Mutex::new(());

#[test]
fn bytes_of_a_first_touch_are_bounded() {
    let _slots = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
    let registry = Registry::new();
    let options = FamilyOptions::labels(&["i"]).max_series(25_600);
    let family = registry.counter_family("many", "", options).unwrap();
    let counters: Vec<_> = (0..25_600)
        .map(|i| family.with(&[&i.to_string()]).unwrap())
        .collect();
    // One after the other: what one thread makes the next one does not.
    std::thread::scope(|scope| {
        let counting = scope.spawn(|| {
            let first = first_touch_of(|| counters[0].inc());
            let page = first_touch_of(|| counters[256].inc());
            let all = first + page + first_touch_of(|| counters.iter().for_each(|counter| counter.inc()));
            println!("counters: a thread's first one takes {first} bytes, a page of 256 more {page}, all 25,600 {all}");
            assert!(page <= 8 * 64, "8 bytes a counter, in chunks of 64");
            assert!(first <= page + 64, "and once a thread and registry the word of its slot");
            assert!(all <= 25_600 * 8 + 1_024, "{all} bytes for 25,600 counters");
        });
        counting.join().unwrap();
        let warming = scope.spawn(|| {
            counters[0].warm();
            let warm = first_touch_of(|| counters[256].warm());
            println!("counters: a page of 256 that a thread owns takes {warm} bytes");
            assert!(warm <= 8 * 256 + 256, "8 bytes a counter and a page's own");
            assert_eq!(first_touch_of(|| counters[257].inc()), 0);
        });
        warming.join().unwrap();
        scope.spawn(|| {
            let gauge = registry.gauge("gauge", "").unwrap();
            let bytes = first_touch_of(|| gauge.set(1));
            println!("a gauge's first touch takes {bytes} bytes");
            assert!(
                bytes <= 64 + 64,
                "an epoch of its slot, and the word of its slot"
            );
        });
    });
    let block = |options: HistogramOptions| {
        let histogram = Registry::new().histogram("h", "", options).unwrap();
        first_touch_of(|| histogram.record(1))
    };
    let durations = || HistogramOptions::durations().recent(0);
    for (what, options, most) in [
        ("durations, 2 digits", durations().into(), 140 << 10),
        (
            "durations, 2 digits, 1000 recent",
            durations().recent(1000).into(),
            156 << 10,
        ),
        (
            "durations, 3 digits",
            durations().significant_digits(3).into(),
            1_080 << 10,
        ),
        (
            "values to 1,000, 2 digits",
            HistogramOptions::values(0, 1000),
            42 << 10,
        ),
        (
            "values to 2^20, 3 digits, 1000 recent",
            HistogramOptions::values(0, 1 << 20)
                .significant_digits(3)
                .recent(1000),
            400 << 10,
        ),
    ] {
        let bytes = block(options);
        println!("a histogram of {what}: {bytes} bytes reserved a thread");
        assert!(bytes <= most, "{what}: {bytes} bytes");
    }
    let throughput = registry.throughput("t", "").unwrap();
    let bytes = first_touch_of(|| throughput.add(1));
    println!("a throughput: {bytes} bytes a thread");
    assert!(bytes <= 2_048, "{bytes} bytes");
}

#[test]
fn bytes_of_a_series_are_bounded() {
    let registry = Registry::new();
    let options = FamilyOptions::labels(&["method", "user"]).max_series(100_000);
    let family = registry.counter_family("many", "", options).unwrap();
    let names: Vec<String> = (0..100_000).map(|i| format!("user{i:06}")).collect();
    let (_, bytes) = allocated(|| {
        for name in &names {
            let values = ["GET", name];
            family.with_ref(&values, |counter| counter.inc()).unwrap();
        }
    });
    assert_eq!(family.len(), 100_000);
    println!(
        "{} bytes a counter with two labels, look-up and its first thread included",
        bytes / 100_000
    );
    assert!(bytes / 100_000 <= 160);
}

/// A thread takes memory for its own slot, not for those before it.
#[test]
fn a_thread_in_a_high_slot_takes_no_more_than_4_kib() {
    let _slots = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
    const OTHERS: usize = 1_100;
    let registry = Registry::new();
    let family = registry.counter_family("many", "", &["i"]).unwrap();
    let counters: Vec<_> = (0..512)
        .map(|i| family.with(&[&i.to_string()]).unwrap())
        .collect();
    let wait = std::sync::Barrier::new(OTHERS + 1);
    std::thread::scope(|scope| {
        let others = || {
            counters[0].inc();
            wait.wait();
            wait.wait();
        };
        let small = || std::thread::Builder::new().stack_size(64 << 10);
        let spawn = |_| small().spawn_scoped(scope, others).unwrap();
        let others: Vec<_> = (0..OTHERS).map(spawn).collect();
        wait.wait();
        // No slot below is free.
        let last = scope.spawn(|| {
            counters[0].inc();
            let page = first_touch_of(|| counters[256].inc());
            println!("in slot {OTHERS} a page's first touch takes {page} bytes");
            assert!(page <= 4_096, "{page} bytes");
        });
        let result = last.join();
        wait.wait();
        // Joined, a thread has given its slot back; a scope does not wait for that.
        others.into_iter().for_each(|other| other.join().unwrap());
        result.unwrap();
    });
    assert_eq!(counters[0].get(), OTHERS as u64 + 1);
}

/// What rendering allocates is a page's text, which grows by doubling, and a little for each series; nothing for each line.
#[test]
fn rendering_allocates_next_to_nothing_for_a_line() {
    let registry = Registry::new();
    let family = registry
        .counter_family("counters", "Counters.", &["i"])
        .unwrap();
    let counters: Vec<_> = (0..1_000)
        .map(|i| family.with(&[&i.to_string()]).unwrap())
        .collect();
    counters.iter().for_each(|counter| counter.add(u64::MAX));
    check_rendering("1,000 counters", 1_002, &registry);

    let registry = Registry::new();
    let family = registry
        .histogram_family("h", "Histograms.", HistogramOptions::durations(), &["i"])
        .unwrap();
    for i in 0..100 {
        let histogram = family.with(&[&i.to_string()]).unwrap();
        (0..1_000).for_each(|n| histogram.record(1 + n * n * n));
    }
    check_rendering("100 histograms", 1_000, &registry);
}

fn check_rendering(what: &str, least_lines: usize, registry: &Registry) {
    let first = registry.render_prometheus();
    let lines = first.lines().count();
    assert!(lines >= least_lines, "{what}: {lines} lines");
    let mut again = String::new();
    let (allocations, _) = allocated(|| again = registry.render_prometheus());
    assert_eq!(first, again);
    let a_line = allocations as f64 / lines as f64;
    println!("a page of {what}: {allocations} allocations for {lines} lines, {a_line:.3} a line");
    assert!(a_line < 0.1, "{what}: {a_line} allocations a line");
}

/// A page keeps the texts of families that are there, whatever their numbers are.
#[test]
fn texts_of_removed_families_are_dropped() {
    let registry = Registry::builder().without_own_metrics().build();
    let family = |name| registry.counter_family(name, "", &["id"]).unwrap();
    let still = || registry.counter("still", "").unwrap();
    let (_, bytes) = allocated(|| {
        let large = family("large");
        still();
        let ids: Vec<_> = (0..1_000).map(|id: u32| id.to_string()).collect();
        let handles: Vec<_> = ids.iter().map(|id| large.with(&[id]).unwrap()).collect();
        for _ in 0..3 {
            handles.iter().for_each(|handle| handle.inc());
            registry.render_prometheus();
        }
        assert!(registry.unregister("large"));
        drop((handles, large));
        registry.render_prometheus();
    });
    assert!(bytes < 16_000, "{bytes} bytes are left of what is gone");
}

/// What windows keep of a second in which something was recorded, with 16 octaves in use.
#[test]
fn bytes_of_a_second_of_a_window_are_bounded() {
    let clock = Arc::new(ManualClock::new());
    let registry = Registry::builder().clock(Arc::clone(&clock) as _).build();
    let minute = [Duration::from_secs(60)];
    let options = HistogramOptions::durations().recent(0).windows(&minute);
    let latency = registry.histogram("latency", "", options).unwrap();
    let second = || {
        clock.advance(Duration::from_secs(1));
        for octave in 10..26 {
            let values = (0..128).map(|at| (1 << octave) + (at << octave) / 128);
            values.for_each(|value| latency.record(value));
        }
        registry.tick();
    };
    (0..2).for_each(|_| second());
    let (_, bytes) = allocated(|| (0..50).for_each(|_| second()));
    let each = bytes / 50;
    println!("{each} bytes for each second, with 16 octaves in use");
    assert!(each <= 2_700, "{each}");
}
