//! Whole registries: gauges, the very same snapshot, pages.

use crate::{explore, registry, small};
use shuttle::thread;
use shuttle_tests::Value;
use std::sync::Arc;

/// Gauges are changed while snapshots are taken: a snapshot after the join shows the last value, and no addition is lost. Fails
/// if a gauge bumps its epoch before the change.
#[test]
fn gauges() {
    explore("registry::gauges", 800, || {
        let registry = registry();
        let (whole, float) = (
            registry.gauge("g", "").unwrap(),
            registry.float_gauge("f", "").unwrap(),
        );
        let writers = [(); 2].map(|()| {
            let (whole, float) = (whole.clone(), float.clone());
            thread::spawn(move || {
                whole.add(2);
                float.add(0.5);
                whole.dec();
            })
        });
        let reader = {
            let registry = registry.clone();
            thread::spawn(move || (0..2).for_each(|_| drop(registry.snapshot())))
        };
        writers
            .into_iter()
            .for_each(|writer| writer.join().unwrap());
        reader.join().unwrap();
        let snapshot = registry.snapshot();
        let value = |name| {
            snapshot
                .family(name)
                .unwrap()
                .series()
                .next()
                .unwrap()
                .value()
        };
        assert_eq!(
            (value("g"), value("f")),
            (Value::Gauge(2), Value::FloatGauge(1.0))
        );
    });
}

/// Readers race writers; after the join two reads return the very same snapshot, and it holds everything. Fails without the
/// second look under the lock: two readers build two snapshots of one change.
#[test]
fn the_same_snapshot() {
    explore("registry::the_same_snapshot", 800, || {
        let registry = registry();
        let counter = registry.counter("c", "").unwrap();
        let histogram = registry.histogram("h", "", small()).unwrap();
        counter.inc();
        histogram.record(1);
        // One change, two readers: one snapshot.
        let readers = [(); 2].map(|()| {
            let registry = registry.clone();
            thread::spawn(move || registry.snapshot())
        });
        let [first, second] = readers.map(|reader| reader.join().unwrap());
        assert!(Arc::ptr_eq(&first, &second), "two snapshots of one change");
        let writer = {
            let (counter, histogram) = (counter.clone(), histogram.clone());
            thread::spawn(move || {
                counter.inc();
                histogram.record(2);
            })
        };
        let reader = {
            let registry = registry.clone();
            thread::spawn(move || drop(registry.snapshot()))
        };
        writer.join().unwrap();
        reader.join().unwrap();
        let last = registry.snapshot();
        assert!(Arc::ptr_eq(&last, &registry.snapshot()), "nothing changed");
        assert_eq!(last.histogram(&histogram).unwrap().count(), 2);
        assert_eq!(
            last.family("c").unwrap().series().next().unwrap().value(),
            Value::Counter(2)
        );
    });
}

/// A page's observed values come from the page's own snapshot.
#[test]
fn observed_values_agree_with_their_page() {
    explore(
        "registry::observed_values_agree_with_their_page",
        400,
        || {
            let registry = registry();
            let histogram = registry.histogram("h", "", small()).unwrap();
            let observed = histogram.clone();
            registry
                .observable_counter("seen", "", &[], move |snapshot, out| {
                    let count = snapshot.histogram(&observed).map_or(0, |held| held.count());
                    out.observe(&[], count).unwrap();
                })
                .unwrap();
            let writer = thread::spawn(move || (0..3).for_each(|_| histogram.record(1)));
            for _ in 0..2 {
                let page = registry.page().render_prometheus();
                let value = |name: &str| {
                    let line = page.lines().find(|line| line.starts_with(name)).unwrap();
                    line.rsplit(' ').next().unwrap().to_owned()
                };
                assert_eq!(value("seen_total "), value("h_count "), "{page}");
            }
            writer.join().unwrap();
        },
    );
}
