//! Registries that go while others write, that have the same names, that come where an old one was.

use crate::metrics::{Metrics, shown, shown_three, three};
use crate::{beside_others, until};
use epoch_metrics::Registry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

#[test]
fn a_registry_may_go_while_others_write() {
    const WRITERS: u64 = 4;
    const EACH: u64 = 50_000;
    let _beside = beside_others();
    for round in 0..50 {
        let registry = Registry::new();
        let (counter, histogram, throughput) = three(&registry, 0);
        let gauge = registry.gauge("g", "").unwrap();
        let family = registry.counter_family("f", "", &["x"]).unwrap();
        let begun = Arc::new(AtomicU64::new(0));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let begun = Arc::clone(&begun);
                let (counter, histogram, throughput) =
                    (counter.clone(), histogram.clone(), throughput.clone());
                let (gauge, family) = (gauge.clone(), family.clone());
                std::thread::spawn(move || {
                    let member = family.with(&[&(writer % 2).to_string()]).unwrap();
                    drop(family);
                    for i in 0..EACH {
                        counter.inc();
                        histogram.record(1 + i % 255);
                        throughput.add(2);
                        gauge.inc();
                        member.inc();
                        if i == round {
                            begun.fetch_add(1, SeqCst);
                        }
                    }
                    member
                })
            })
            .collect();
        let snapshot = registry.snapshot();
        until("writers begin", || {
            begun.load(SeqCst) >= round % (WRITERS + 1)
        });
        drop(family);
        drop(registry);
        let shown_before = shown(&snapshot, "c");
        drop(snapshot);
        let mut members: Vec<_> = writers
            .into_iter()
            .map(|writer| writer.join().unwrap())
            .collect();
        assert!(shown_before <= WRITERS * EACH);
        assert_eq!(
            (counter.get(), gauge.get()),
            (WRITERS * EACH, (WRITERS * EACH) as i64)
        );
        assert_eq!(throughput.snapshot().total(), 2 * WRITERS * EACH);
        assert_eq!(
            members.pop().unwrap().get() + members.pop().unwrap().get(),
            WRITERS * EACH
        );
        let end = histogram.snapshot();
        assert_eq!((end.count(), end.uncertain()), (WRITERS * EACH, 0));
        assert_eq!(
            end.sum(),
            u128::from(WRITERS * (0..EACH).map(|i| 1 + i % 255).sum::<u64>())
        );
    }
}

#[test]
fn registries_of_the_same_names_do_not_mix() {
    const EACH: u64 = 200_000;
    let _beside = beside_others();
    let both = [Metrics::new(), Metrics::new()];
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let both = &both;
            scope.spawn(move || {
                for i in 0..EACH {
                    // Turn by turn, or in runs, or one alone, beginning with either.
                    match thread {
                        0 | 1 => (0..2).for_each(|turn| both[(thread + turn) % 2].write(1)),
                        2 | 3 => both[usize::from(i >= EACH / 2) ^ (thread % 2)].write(1),
                        _ => both[thread % 2].write(1),
                    }
                }
            });
        }
        for metrics in &both {
            scope.spawn(|| (0..1_000).for_each(|_| drop(metrics.collector.registry().snapshot())));
        }
    });
    for (metrics, name) in both.iter().zip(["one", "the other"]) {
        metrics.check(2 * EACH + EACH + EACH, name);
    }
}

/// A new registry is where an old one was, so whatever a thread remembers of the old one must not be taken for it.
#[test]
fn a_thread_that_knew_an_old_registry_writes_to_the_new_one() {
    let _beside = beside_others();
    let lasting = Metrics::new();
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let lasting = &lasting;
            scope.spawn(move || {
                for round in 1..=1_000 {
                    let registry = Registry::new();
                    let (counter, histogram, throughput) = three(&registry, 0);
                    assert_eq!(
                        (counter.get(), histogram.snapshot().count()),
                        (0, 0),
                        "round {round}"
                    );
                    let writes = 1 + (round * 7 + thread) % 400;
                    let write = || {
                        for _ in 0..writes {
                            counter.inc();
                            histogram.record(9);
                            throughput.add(4);
                        }
                    };
                    write();
                    // Not always, so that the old one may be the last that this thread wrote to.
                    if round % 2 == 0 {
                        lasting.write(1);
                    }
                    // Another thread is where an old one was, too.
                    std::thread::scope(|scope| {
                        scope.spawn(write).join().unwrap();
                    });
                    let snapshot = registry.snapshot();
                    assert_eq!(
                        shown_three(&snapshot),
                        [2 * writes, 2 * writes, 8 * writes],
                        "round {round}"
                    );
                    assert_eq!(
                        histogram.snapshot().sum(),
                        u128::from(18 * writes),
                        "round {round}"
                    );
                }
            });
        }
    });
    lasting.check(1_000, "the lasting one");
}
