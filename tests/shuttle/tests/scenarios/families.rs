//! Families and registration.

use crate::{explore, registry, small};
use shuttle::thread;
use shuttle_tests::{RegisterError, Registry, Value};

/// Two threads ask for the same new series while a third takes snapshots: there is one series, with both counts. Fails without
/// the second look-up under the write lock.
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

/// Two threads register the same name: one succeeds. What was registered before a snapshot is in it, while a third thread
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
        let other = thread::spawn(move || {
            registry.gauge("other", "").unwrap();
            assert!(registry.snapshot().family("other").is_some());
        });
        other.join().unwrap();
        let results = threads.map(|thread| thread.join().unwrap());
        let refused = results
            .iter()
            .filter(|result| matches!(result, Err(RegisterError::Duplicate { .. })));
        assert_eq!(
            (
                refused.count(),
                results.iter().filter(|result| result.is_ok()).count()
            ),
            (1, 1)
        );
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
