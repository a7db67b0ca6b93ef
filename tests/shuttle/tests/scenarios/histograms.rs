//! Histograms and throughputs: conservation, resets, slots that change hands.

use crate::{explore, registry, small};
use shuttle::thread;
use shuttle_tests::{HistogramSnapshot, ManualClock, Registry};
use std::sync::Arc;
// Not shuttle's: bookkeeping of a scenario is no step of it.
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// Count and sum of the values 1, 2 and 4 can be told from the buckets.
fn check(snapshot: &HistogramSnapshot) {
    if snapshot.uncertain() == 0 {
        let sum: u128 = snapshot
            .buckets()
            .map(|bucket| u128::from(bucket.low * bucket.count))
            .sum();
        assert_eq!(
            snapshot.sum(),
            sum,
            "torn: {:?}",
            snapshot.buckets().collect::<Vec<_>>()
        );
    }
    let count: u64 = snapshot.buckets().map(|bucket| bucket.count).sum();
    assert_eq!(snapshot.count(), count);
}

/// Three writers overrun a queue of four while two readers read. Nothing is lost or counted twice, and no snapshot goes back.
#[test]
fn conservation() {
    explore("histograms::conservation", 400, || {
        let histogram = registry().histogram("h", "", small()).unwrap();
        let writers = [1_u64, 2, 4].map(|value| {
            let histogram = histogram.clone();
            thread::spawn(move || (0..6).for_each(|_| histogram.record(value)))
        });
        let readers = [(); 2].map(|()| {
            let histogram = histogram.clone();
            thread::spawn(move || {
                let mut last = 0;
                for _ in 0..3 {
                    let snapshot = histogram.snapshot();
                    check(&snapshot);
                    let certain = snapshot.count() - snapshot.uncertain();
                    assert!(last <= snapshot.count(), "went back");
                    last = certain;
                }
            })
        });
        writers
            .into_iter()
            .for_each(|writer| writer.join().unwrap());
        readers
            .into_iter()
            .for_each(|reader| reader.join().unwrap());
        let last = histogram.snapshot();
        assert_eq!((last.count(), last.sum(), last.uncertain()), (18, 42, 0));
    });
}

/// Two resets race two writers: what they returned and what is left add up, each side whole. A registry shows every reset.
/// Fails if a reset accepts an uncertain fold, or if the registry reads the generation after the histograms.
#[test]
fn resets() {
    explore("histograms::resets", 400, || {
        let registry = registry();
        let histogram = registry.histogram("h", "", small()).unwrap();
        let writers = [1_u64, 2].map(|value| {
            let histogram = histogram.clone();
            thread::spawn(move || (0..5).for_each(|_| histogram.record(value)))
        });
        let reset = {
            let histogram = histogram.clone();
            thread::spawn(move || [histogram.reset(), histogram.reset()])
        };
        let reader = {
            let registry = registry.clone();
            thread::spawn(move || drop(registry.snapshot()))
        };
        writers
            .into_iter()
            .for_each(|writer| writer.join().unwrap());
        reader.join().unwrap();
        let [first, second] = reset.join().unwrap();
        let rest = histogram.snapshot();
        for side in [&first, &second, &rest] {
            assert_eq!(side.uncertain(), 0);
            check(side);
        }
        assert_eq!(first.count() + second.count() + rest.count(), 10);
        assert_eq!(first.sum() + second.sum() + rest.sum(), 15);
        let shown = registry.snapshot();
        assert_eq!(
            shown.histogram(&histogram).unwrap().count(),
            rest.count(),
            "the registry shows the reset"
        );
    });
}

/// Resets cut three busy writers, each at a moment of its own, while a reader reads; the first two may give up. All parts are exact
/// and add up. Fails if a slot is cut at an uncertain fold, or if what a reset that is given up has folded
/// is lost.
#[test]
fn resets_beside_readers() {
    explore("histograms::resets_beside_readers", 400, || {
        let histogram = registry().histogram("h", "", small()).unwrap();
        let writers = [1_u64, 2, 4].map(|value| {
            let histogram = histogram.clone();
            thread::spawn(move || (0..5).for_each(|_| histogram.record(value)))
        });
        let reset = {
            let histogram = histogram.clone();
            thread::spawn(move || {
                let tried = [(); 2].map(|()| histogram.try_reset());
                (tried, histogram.reset())
            })
        };
        let reader = {
            let histogram = histogram.clone();
            thread::spawn(move || (0..3).for_each(|_| check(&histogram.snapshot())))
        };
        writers
            .into_iter()
            .for_each(|writer| writer.join().unwrap());
        reader.join().unwrap();
        let (tried, last) = reset.join().unwrap();
        let rest = HistogramSnapshot::clone(&histogram.snapshot());
        let parts: Vec<_> = tried.into_iter().flatten().chain([last, rest]).collect();
        for part in &parts {
            assert_eq!(part.uncertain(), 0);
            check(part);
        }
        assert_eq!(parts.iter().map(HistogramSnapshot::count).sum::<u64>(), 15);
        assert_eq!(parts.iter().map(HistogramSnapshot::sum).sum::<u128>(), 35);
    });
}

/// An addition that has returned is in the next snapshot, however a rebuild of another reader raced it; a reset's sides add up.
/// Fails if the calls are loaded after the total.
#[test]
fn throughput() {
    explore("histograms::throughput", 600, || {
        let clock = Arc::new(ManualClock::new());
        let registry = Registry::builder().clock(clock.clone()).build();
        let throughput = registry
            .throughput_with_windows("t", "", &[Duration::from_secs(2)])
            .unwrap();
        let writer = {
            let throughput = throughput.clone();
            thread::spawn(move || {
                // Two for each read: the first lets the reader rebuild, the second comes while it does.
                for n in 1..=2_u64 {
                    throughput.add(1);
                    throughput.add(1);
                    assert_eq!(throughput.snapshot().total(), 2 * n, "own additions");
                }
            })
        };
        let reader = {
            let throughput = throughput.clone();
            thread::spawn(move || (0..2).map(|_| throughput.snapshot().total()).max())
        };
        writer.join().unwrap();
        reader.join().unwrap();
        assert_eq!(throughput.snapshot().total(), 4);
        assert_eq!(
            registry.snapshot().throughput(&throughput).unwrap().total(),
            4
        );
        clock.advance(Duration::from_secs(1));
        assert_eq!(throughput.snapshot().rates()[0].amount, 4);
        assert_eq!(throughput.reset().total(), 4);
        assert_eq!(
            registry.snapshot().throughput(&throughput).unwrap().total(),
            0,
            "the registry shows the reset"
        );
    });
}

/// A reset of a throughput races additions and snapshots of the registry: both sides add up, and the registry shows the reset.
/// Fails if the registry reads the generation after the throughputs, or a snapshot of it ignores the generation.
#[test]
fn throughput_resets() {
    explore("histograms::throughput_resets", 600, || {
        let registry = registry();
        let throughput = registry.throughput("t", "").unwrap();
        let writers = [(); 2].map(|()| {
            let throughput = throughput.clone();
            thread::spawn(move || (0..3).for_each(|_| throughput.add(1)))
        });
        let reset = {
            let throughput = throughput.clone();
            thread::spawn(move || throughput.reset().total())
        };
        let reader = {
            let registry = registry.clone();
            thread::spawn(move || (0..2).for_each(|_| drop(registry.snapshot())))
        };
        writers
            .into_iter()
            .for_each(|writer| writer.join().unwrap());
        reader.join().unwrap();
        let before = reset.join().unwrap();
        let rest = throughput.snapshot().total();
        assert_eq!(before + rest, 6);
        let shown = registry.snapshot();
        assert_eq!(
            shown.throughput(&throughput).unwrap().total(),
            rest,
            "the registry shows the reset"
        );
    });
}

/// Threads end and others continue their slots. Every count survives, and every slot is returned. Fails if a thread that ends
/// keeps its slot.
#[test]
fn slots_change_hands() {
    explore("histograms::slots_change_hands", 400, || {
        let registry = registry();
        let (counter, histogram) = (
            registry.counter("c", "").unwrap(),
            registry.histogram("h", "", small()).unwrap(),
        );
        for _ in 0..4 {
            let generation = [(); 2].map(|()| {
                let (counter, histogram) = (counter.clone(), histogram.clone());
                thread::spawn(move || {
                    counter.inc();
                    histogram.record(1);
                })
            });
            generation
                .into_iter()
                .for_each(|thread| thread.join().unwrap());
        }
        assert_eq!((counter.get(), histogram.snapshot().count()), (8, 8));
        assert_eq!(
            shuttle_tests::lowest_free_slot(),
            0,
            "a thread that ended kept its slot"
        );
    });
}

/// A task's first write to a histogram allocates, and what allocates records into the same histogram, as a global allocator may.
/// Both values count, once, while another task does the same and a reader reads. (A task that continues the slot of one that has
/// ended allocates nothing.) Fails if a first write drops what it deferred.
#[test]
fn a_first_write_that_is_re_entered() {
    explore("histograms::a_first_write_that_is_re_entered", 400, || {
        let histogram = registry().histogram("h", "", small()).unwrap();
        let writers = [(); 2].map(|()| {
            let histogram = histogram.clone();
            thread::spawn(move || {
                let inner = histogram.clone();
                let re_entered = Arc::new(AtomicBool::new(false));
                let called = Arc::clone(&re_entered);
                shuttle_tests::on_allocation(move || {
                    called.store(true, Relaxed);
                    inner.record(2);
                });
                histogram.record(1);
                u64::from(re_entered.load(Relaxed))
            })
        });
        let reader = {
            let histogram = histogram.clone();
            thread::spawn(move || check(&histogram.snapshot()))
        };
        let inner: u64 = writers.map(|writer| writer.join().unwrap()).iter().sum();
        reader.join().unwrap();
        assert!(inner >= 1, "no first write was re-entered");
        let last = histogram.snapshot();
        assert_eq!(
            (last.count(), last.sum()),
            (2 + inner, u128::from(2 + 2 * inner))
        );
    });
}
