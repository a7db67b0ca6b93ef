//! Families and registration.

use crate::{explore, registry, small};
use shuttle::thread;
use shuttle_tests::{FamilyOptions, Registry, Value};

/// Two threads ask for the same new series while a third takes snapshots: there is one series, with both counts. Fails without
/// the second look-up under the lock.
#[test]
fn one_series_for_the_same_labels() {
    explore("families::one_series_for_the_same_labels", 800, || {
        let registry = registry();
        let counters = registry.counter_family("c", "", &["x"]).unwrap();
        let histograms = registry.histogram_family("h", "", small(), &["x"]).unwrap();
        let writers = [(); 2].map(|()| {
            let (counters, histograms) = (counters.clone(), histograms.clone());
            thread::spawn(move || {
                counters.with(&["same"]).unwrap().inc();
                histograms.with(&["same"]).unwrap().record(1);
            })
        });
        let reader = {
            let registry = registry.clone();
            thread::spawn(move || drop(registry.snapshot()))
        };
        writers
            .into_iter()
            .for_each(|writer| writer.join().unwrap());
        reader.join().unwrap();
        let snapshot = registry.snapshot();
        for (name, expected) in [("c", 2), ("h", 2)] {
            let values: Vec<Value> = snapshot
                .family(name)
                .unwrap()
                .series()
                .map(|series| series.value())
                .collect();
            match &values[..] {
                [Value::Counter(count)] => assert_eq!(*count, expected),
                [Value::Histogram(histogram)] => assert_eq!(histogram.count(), expected),
                other => panic!("{name} has the series {other:?}"),
            }
        }
    });
}

/// Two threads register the same: both get the same metric. What was registered before a snapshot is in it, while a third thread
/// registers another name and takes a snapshot. Fails if a registration does not raise the version, or if a snapshot is given the version of a later catalog.
#[test]
fn registration() {
    explore("families::registration", 800, || {
        let registry = registry();
        registry.snapshot();
        let threads = [(); 2].map(|()| {
            let registry = registry.clone();
            thread::spawn(move || {
                let registered = registry.counter("same", "");
                let shown = registry.snapshot();
                assert!(
                    shown.family("same").is_some(),
                    "registered, by whichever thread, and not shown"
                );
                registered.map(|counter| counter.inc())
            })
        });
        let other = {
            let registry = registry.clone();
            thread::spawn(move || {
                registry.gauge("other", "").unwrap();
                assert!(registry.snapshot().family("other").is_some());
            })
        };
        other.join().unwrap();
        for thread in threads {
            thread.join().unwrap().unwrap();
        }
        assert_eq!(registry.counter("same", "").unwrap().get(), 2);
    });
}

/// Series are created while another thread registers a metric and a third takes snapshots: what a thread has counted is in the
/// snapshot that it takes next. Fails if a change of the catalog does not raise the version.
#[test]
fn series_appear() {
    explore("families::series_appear", 800, || {
        let registry = registry();
        let family = registry.counter_family("f", "", &["x"]).unwrap();
        let shown = |registry: &Registry, name: &str, label: Option<&str>| {
            let snapshot = registry.snapshot();
            let found = snapshot.family(name).and_then(|family| {
                family
                    .series()
                    .find(|series| series.labels().next().map(|(_, value)| value) == label)
                    .map(|series| series.value())
            });
            assert_eq!(found, Some(Value::Counter(1)), "{name} {label:?}");
        };
        let threads = ["a", "b"].map(|label| {
            let (registry, family) = (registry.clone(), family.clone());
            thread::spawn(move || {
                family.with(&[label]).unwrap().inc();
                shown(&registry, "f", Some(label));
            })
        });
        let other = {
            let registry = registry.clone();
            thread::spawn(move || {
                registry.counter("other", "").unwrap().inc();
                shown(&registry, "other", None);
            })
        };
        threads
            .into_iter()
            .chain([other])
            .for_each(|thread| thread.join().unwrap());
        shown(&registry, "f", Some("a"));
        shown(&registry, "f", Some("b"));
    });
}

/// Two threads write to the same series, through handles that they look up each time, while a third one removes it and a fourth
/// takes snapshots. What the series hold, what the removals returned and what is detached are all that was written; no snapshot
/// shows more than that; and no series is shown twice. Fails if a cell is given to another series while a handle is left.
#[test]
fn removal() {
    explore("families::removal", 400, || {
        let registry = registry();
        let family = registry.counter_family("f", "", &["x"]).unwrap();
        let writers = ["a", "b"].map(|label| {
            let family = family.clone();
            thread::spawn(move || {
                let kept = family.with(&["a"]).unwrap();
                family.with_ref(&[label], |counter| counter.inc()).unwrap();
                kept.inc();
            })
        });
        let remover = {
            let family = family.clone();
            thread::spawn(move || {
                let removed = [(); 2].map(|()| family.remove(&["a"]).unwrap_or(0));
                removed.iter().sum::<u64>()
            })
        };
        let reader = thread::spawn(move || {
            for _ in 0..2 {
                let snapshot = registry.snapshot();
                let series = snapshot.family("f").unwrap().series();
                let mut labels: Vec<&str> = Vec::new();
                for series in series {
                    labels.extend(series.labels().map(|(_, value)| value));
                    let Value::Counter(value) = series.value() else {
                        unreachable!()
                    };
                    assert!(value <= 3, "{series:?}");
                }
                labels.sort_unstable();
                assert!(
                    labels.windows(2).all(|pair| pair[0] < pair[1]),
                    "{labels:?}"
                );
            }
        });
        writers
            .into_iter()
            .for_each(|writer| writer.join().unwrap());
        let returned = remover.join().unwrap();
        reader.join().unwrap();
        assert_eq!(family.sum() + returned + family.detached(), 4);
    });
}

/// The same of histograms, and throughputs.
#[test]
fn removal_of_objects() {
    explore("families::removal_of_objects", 200, || {
        let registry = registry();
        let histograms = registry.histogram_family("h", "", small(), &["x"]).unwrap();
        let throughputs = registry.throughput_family("t", "", &["x"]).unwrap();
        let writer = {
            let (histograms, throughputs) = (histograms.clone(), throughputs.clone());
            thread::spawn(move || {
                for _ in 0..2 {
                    histograms.with(&["a"]).unwrap().record(3);
                    throughputs.with(&["a"]).unwrap().add(3);
                }
            })
        };
        let remover = {
            let (histograms, throughputs) = (histograms.clone(), throughputs.clone());
            thread::spawn(move || {
                let histogram = histograms.remove(&["a"]).map_or(0, |removed| removed.sum());
                (histogram, throughputs.remove(&["a"]).unwrap_or(0))
            })
        };
        let reader = thread::spawn(move || (0..2).for_each(|_| drop(registry.snapshot())));
        writer.join().unwrap();
        let (histogram, throughput) = remover.join().unwrap();
        reader.join().unwrap();
        let sums = histograms.sum().sum() + histograms.detached().sum();
        assert_eq!(sums + histogram, 6);
        assert_eq!(throughputs.sum() + throughputs.detached() + throughput, 6);
    });
}

/// Three threads need a series each of a family that may have one. There is one, and the overflow series; nothing is lost.
#[test]
fn the_cap() {
    explore("families::the_cap", 400, || {
        let registry = registry();
        let options = FamilyOptions::labels(&["x"]).max_series(1);
        let family = registry.counter_family("f", "", options).unwrap();
        let threads = ["a", "b", "overflow"].map(|label| {
            let family = family.clone();
            thread::spawn(move || family.with(&[label]).unwrap().inc())
        });
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert_eq!((family.len(), family.sum(), family.overflowed()), (2, 3, 1));
        assert_eq!(family.with(&["overflow"]).unwrap().get(), 2);
    });
}
