//! A before B, for tasks that change threads between the two.

use crate::{explore, registry, small};
use shuttle::sync::Mutex;
use shuttle::thread;
use shuttle_tests::{ManualClock, Ownership, Registry, RegistrySnapshot, Value};
use std::sync::Arc;

/// Counts one.
type Count = Box<dyn Fn() + Send + Sync>;

/// Registers a metric of this kind.
fn count(registry: &Registry, kind: &str, name: &str) -> Count {
    match kind {
        "counter" => {
            let counter = registry.counter(name, "").unwrap();
            Box::new(move || counter.inc())
        }
        "gauge" => {
            let gauge = registry.gauge(name, "").unwrap();
            Box::new(move || gauge.inc())
        }
        "histogram" => {
            let histogram = registry.histogram(name, "", small()).unwrap();
            Box::new(move || histogram.record(1))
        }
        "throughput" => {
            let throughput = registry.throughput(name, "").unwrap();
            Box::new(move || throughput.add(1))
        }
        other => panic!("no kind {other}"),
    }
}

/// What a metric has counted, for certain and at the most.
fn shown(snapshot: &RegistrySnapshot, name: &str) -> (u64, u64) {
    let family = snapshot.family(name).unwrap();
    match family.series().next().unwrap().value() {
        Value::Counter(value) => (value, value),
        Value::Gauge(value) => (value as u64, value as u64),
        Value::Histogram(histogram) => {
            (histogram.count() - histogram.uncertain(), histogram.count())
        }
        other => panic!("{other:?} counts nothing"),
    }
}

/// Two threads take turns: each finishes the task that the other began, with B, and begins another, with A.
fn a_before_b(a: &'static str, b: &'static str, between: usize) {
    let registry = registry();
    let count_a = Arc::new(count(&registry, a, "a"));
    let fillers: Vec<_> = (0..between)
        .map(|i| registry.counter(&format!("filler_{i}"), "").unwrap())
        .collect();
    let count_b = Arc::new(count(&registry, b, "b"));
    let begun = Arc::new(Mutex::new(0_u32));
    let workers: Vec<_> = (0..2)
        .map(|_| {
            let (count_a, count_b, begun) = (
                Arc::clone(&count_a),
                Arc::clone(&count_b),
                Arc::clone(&begun),
            );
            thread::spawn(move || {
                for _ in 0..2 {
                    let task = {
                        let mut begun = begun.lock().unwrap();
                        let task = *begun > 0;
                        *begun = begun.saturating_sub(1);
                        task
                    };
                    if task {
                        count_b();
                    }
                    count_a();
                    *begun.lock().unwrap() += 1;
                }
            })
        })
        .collect();
    let reader = {
        let registry = registry.clone();
        thread::spawn(move || {
            for _ in 0..2 {
                let snapshot = registry.snapshot();
                let ((_, a), (b, _)) = (shown(&snapshot, "a"), shown(&snapshot, "b"));
                assert!(b <= a, "{b} of B, {a} of A");
            }
        })
    };
    workers
        .into_iter()
        .for_each(|worker| worker.join().unwrap());
    reader.join().unwrap();
    let snapshot = registry.snapshot();
    assert_eq!(shown(&snapshot, "a"), (4, 4));
    drop(fillers);
}

/// Two counters on one page, and on two. Fails if a page's cells, or the pages, are read forwards.
#[test]
fn two_counters() {
    explore("order::two_counters, one page", 800, || {
        a_before_b("counter", "counter", 0)
    });
    explore("order::two_counters, two pages", 800, || {
        a_before_b("counter", "counter", 2)
    });
}

/// A gauge is changed before its epoch is bumped: otherwise a page is remembered as read without the change.
#[test]
fn a_gauge_and_a_counter() {
    explore("order::gauge before counter", 800, || {
        a_before_b("gauge", "counter", 0)
    });
}

/// Fails if pages are read before histograms.
#[test]
fn a_counter_and_a_histogram() {
    explore("order::counter before histogram", 800, || {
        a_before_b("counter", "histogram", 0)
    });
}

/// Fails if pages are read before throughputs.
#[test]
fn a_counter_and_a_throughput() {
    explore("order::counter before throughput", 800, || {
        a_before_b("counter", "throughput", 0)
    });
}

/// Fails if throughputs are read before histograms.
#[test]
fn a_throughput_and_a_histogram() {
    explore("order::throughput before histogram", 800, || {
        a_before_b("throughput", "histogram", 0)
    });
}

/// Fails if histograms are read forwards.
#[test]
fn two_histograms() {
    explore("order::two histograms", 800, || {
        a_before_b("histogram", "histogram", 0)
    });
}

/// A gauge as B, on the page of A. Fails if a page's cells are read forwards.
#[test]
fn a_counter_and_a_gauge() {
    explore("order::counter before gauge", 800, || {
        a_before_b("counter", "gauge", 0)
    });
}

/// Fails if throughputs are read forwards.
#[test]
fn two_throughputs() {
    explore("order::two throughputs", 800, || {
        a_before_b("throughput", "throughput", 0)
    });
}

/// A thread that is new to the page does A, and one that is not does B. The reader may have listed the page's cells before the
/// new thread's appeared. Fails if a reading does not notice cells that appear.
#[test]
fn two_counters_and_a_new_thread() {
    explore("order::two counters and a new thread", 800, || {
        let registry = Registry::builder()
            .clock(Arc::new(ManualClock::new()))
            .ownership(Ownership::Always)
            .build();
        let (a, b) = (
            registry.counter("a", "").unwrap(),
            registry.counter("b", "").unwrap(),
        );
        a.inc();
        b.inc();
        let reader = {
            let registry = registry.clone();
            thread::spawn(move || {
                for _ in 0..2 {
                    let snapshot = registry.snapshot();
                    let ((_, a), (b, _)) = (shown(&snapshot, "a"), shown(&snapshot, "b"));
                    assert!(b <= a, "{b} of B, {a} of A");
                }
            })
        };
        let begin = {
            let a = a.clone();
            thread::spawn(move || a.inc())
        };
        begin.join().unwrap();
        b.inc();
        reader.join().unwrap();
        assert_eq!((a.get(), b.get()), (2, 2));
    });
}

/// Two threads count A, then B, until they own the cells of both. The reader meets them before, during and after that. Fails if cells
/// that appear go unnoticed, or if the shared cell of a counter is read before those that threads own.
#[test]
fn two_counters_of_threads_that_are_promoted() {
    explore("order::two counters, promoted", 400, || {
        let registry = registry();
        let (a, b) = (
            registry.counter("a", "").unwrap(),
            registry.counter("b", "").unwrap(),
        );
        let workers = [(); 2].map(|()| {
            let (a, b) = (a.clone(), b.clone());
            thread::spawn(move || {
                for _ in 0..3 {
                    a.inc();
                    b.inc();
                }
            })
        });
        let reader = {
            let (registry, a) = (registry.clone(), a.clone());
            thread::spawn(move || {
                let before = a.get();
                let snapshot = registry.snapshot();
                let ((_, shown_a), (shown_b, _)) = (shown(&snapshot, "a"), shown(&snapshot, "b"));
                assert!(shown_b <= shown_a, "{shown_b} of B, {shown_a} of A");
                let after = a.get();
                assert!(before <= after, "{after} after {before}");
            })
        };
        workers
            .into_iter()
            .for_each(|worker| worker.join().unwrap());
        reader.join().unwrap();
        assert_eq!((a.get(), b.get()), (6, 6));
        // The second one may have continued the cells of the first.
        let page = registry.render_prometheus();
        assert!(
            page.contains("epoch_metrics_owned_cells 1\n")
                || page.contains("epoch_metrics_owned_cells 2\n"),
            "{page}"
        );
    });
}
