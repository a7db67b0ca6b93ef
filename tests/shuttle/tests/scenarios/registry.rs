//! Whole registries: gauges, the very same snapshot, pages.

use crate::{explore, registry, small};
use shuttle::thread;
use shuttle_tests::{FloatGauge, Value};
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

/// Two threads make one change each to a gauge that has a page of its own, while a third takes snapshots: one after the join shows
/// the value that the gauge has. No later change hides a missing one. Fails if that kind of change bumps the epoch before it.
fn last_change(change: fn(&FloatGauge, f64), expected: &[f64]) {
    let registry = registry();
    let gauge = registry.float_gauge("g", "").unwrap();
    let threads = [1.0, 2.0].map(|value| {
        let gauge = gauge.clone();
        thread::spawn(move || change(&gauge, value))
    });
    let reader = {
        let registry = registry.clone();
        thread::spawn(move || (0..2).for_each(|_| drop(registry.snapshot())))
    };
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    reader.join().unwrap();
    let last = gauge.get();
    assert!(expected.contains(&last), "{last}");
    let snapshot = registry.snapshot();
    let family = snapshot.family("g").unwrap();
    assert_eq!(
        family.series().next().unwrap().value(),
        Value::FloatGauge(last),
        "a change is missing"
    );
}

/// The last of two `set`s shows. See [`last_change`].
#[test]
fn a_gauge_that_is_set() {
    explore("registry::a_gauge_that_is_set", 800, || {
        last_change(FloatGauge::set, &[1.0, 2.0])
    });
}

/// Two additions to a float gauge both count, and show. See [`last_change`]. Also fails if a lost exchange is not repeated.
#[test]
fn a_float_gauge_that_is_added_to() {
    explore("registry::a_float_gauge_that_is_added_to", 800, || {
        last_change(FloatGauge::add, &[3.0])
    });
}

/// The only writer reads its metrics twice, while others read them: both reads return the very same snapshots, which hold its
/// writes. Fails without the second look under the lock.
#[test]
fn the_same_snapshots_of_metrics() {
    explore("registry::the_same_snapshots_of_metrics", 400, || {
        let registry = registry();
        let histogram = registry.histogram("h", "", small()).unwrap();
        let throughput = registry.throughput("t", "").unwrap();
        let writer = {
            let (registry, histogram, throughput) =
                (registry.clone(), histogram.clone(), throughput.clone());
            thread::spawn(move || {
                histogram.record(1);
                throughput.add(1);
                let read = || {
                    (
                        histogram.snapshot(),
                        throughput.snapshot(),
                        registry.snapshot(),
                    )
                };
                let (first, second) = (read(), read());
                assert_eq!((first.0.count(), first.1.total()), (1, 1));
                assert!(Arc::ptr_eq(&first.0, &second.0), "another histogram");
                assert!(Arc::ptr_eq(&first.1, &second.1), "another throughput");
                assert!(Arc::ptr_eq(&first.2, &second.2), "another registry");
            })
        };
        let readers = [(); 2].map(|()| {
            let (registry, histogram, throughput) =
                (registry.clone(), histogram.clone(), throughput.clone());
            thread::spawn(move || {
                let counts = [(); 2].map(|()| histogram.snapshot().count());
                let totals = [(); 2].map(|()| throughput.snapshot().total());
                assert!(
                    counts[0] <= counts[1] && totals[0] <= totals[1],
                    "went back"
                );
                drop(registry.snapshot());
            })
        });
        writer.join().unwrap();
        readers
            .into_iter()
            .for_each(|reader| reader.join().unwrap());
    });
}

/// Two registries share the slots of the threads that write to both. Each page shows its own registry's writes, and none of the
/// other's. Fails if a registry reads its counters before its histograms.
#[test]
fn two_registries() {
    explore("registry::two_registries", 400, || {
        let registries = [registry(), registry()];
        let metrics = registries.each_ref().map(|registry| {
            (
                registry.counter("c", "").unwrap(),
                registry.histogram("h", "", small()).unwrap(),
            )
        });
        let writers = [[0, 1], [1, 0]].map(|order| {
            let metrics = metrics.clone();
            thread::spawn(move || {
                for at in order {
                    (0..=at).for_each(|_| {
                        metrics[at].0.inc();
                        metrics[at].1.record(1);
                    });
                }
            })
        });
        let shown = |registry: &shuttle_tests::Registry| {
            let page = registry.render_prometheus();
            ["c_total ", "h_count "].map(|name| {
                let line = page.lines().find(|line| line.starts_with(name)).unwrap();
                line[name.len()..].parse::<u64>().unwrap()
            })
        };
        for (registry, most) in registries.iter().zip([2, 4]) {
            let [counter, histogram] = shown(registry);
            assert!(histogram <= counter && counter <= most);
        }
        writers
            .into_iter()
            .for_each(|writer| writer.join().unwrap());
        assert_eq!(registries.each_ref().map(shown), [[2, 2], [4, 4]]);
    });
}
