//! The collector's sections and modes.

use crate::explore;
use shuttle::thread;
use shuttle_tests::{ManualClock, MetricsCollector};
use std::sync::Arc;
use std::time::Duration;

fn collector() -> MetricsCollector {
    MetricsCollector::builder()
        .clock(Arc::new(ManualClock::new()))
        .recent(4)
        // One load a second and thread, rather than 95.
        .windows(&[Duration::from_secs(1)])
        .build()
        .unwrap()
}

/// One thread records once and then reads again and again, while two others read: after its record the thread always gets the
/// same section, never an older one, and no reader's section goes back.
fn never_goes_back<T: Send + Sync + 'static>(
    record: fn(&MetricsCollector),
    read: fn(&MetricsCollector) -> Arc<T>,
    count: fn(&T) -> u64,
) {
    let collector = collector();
    let writer = {
        let collector = collector.clone();
        thread::spawn(move || {
            record(&collector);
            let first = read(&collector);
            assert_eq!(count(&first), 1, "own record missing");
            for _ in 0..2 {
                assert!(
                    Arc::ptr_eq(&first, &read(&collector)),
                    "another section, and nothing was recorded"
                );
            }
        })
    };
    let readers = [(); 2].map(|()| {
        let collector = collector.clone();
        thread::spawn(move || {
            let counts = [(); 2].map(|()| count(&read(&collector)));
            assert!(counts[0] <= counts[1], "went back");
        })
    });
    writer.join().unwrap();
    readers
        .into_iter()
        .for_each(|reader| reader.join().unwrap());
}

/// The section of latencies; see [`never_goes_back`]. Fails if its histogram is read before its lock is taken.
#[test]
fn a_section_never_goes_back() {
    explore("sections::a_section_never_goes_back", 400, || {
        never_goes_back(
            |collector| collector.record_latency(Duration::from_nanos(5)),
            MetricsCollector::latency,
            |latency| latency.count as u64,
        );
    });
}

/// The same for the section of batches. Fails if its histogram is read before its lock is taken.
#[test]
fn a_batch_section_never_goes_back() {
    explore("sections::a_batch_section_never_goes_back", 400, || {
        never_goes_back(
            |collector| collector.record_batch_size(5),
            MetricsCollector::batch,
            |batch| batch.lifetime.count(),
        );
    });
}

/// The same for the section of throughputs. Fails if they are read before its lock is taken.
#[test]
fn a_throughput_section_never_goes_back() {
    explore(
        "sections::a_throughput_section_never_goes_back",
        200,
        || {
            never_goes_back(
                |collector| collector.record_throughput(1, 1),
                MetricsCollector::throughput,
                |section| section.tokens.total(),
            );
        },
    );
}

/// Modes are entered by two threads: no change is lost, and the number of changes and the log agree. Fails if a change starts
/// from a mode that was read before the lock.
#[test]
fn modes() {
    explore("sections::modes", 800, || {
        let collector = collector();
        let threads = ["a", "b"].map(|mode| {
            let collector = collector.clone();
            thread::spawn(move || {
                collector.record_mode_transition(mode);
                collector.record_mode_transition("c");
            })
        });
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        let modes = collector.mode_transitions();
        assert_eq!(modes.count as usize, modes.transitions.len());
        assert!(
            modes
                .transitions
                .windows(2)
                .all(|pair| pair[0].to == pair[1].from),
            "{modes:?}"
        );
        assert_eq!(
            modes.transitions.last().map(|change| &change.to),
            modes.mode.as_ref(),
            "{modes:?}"
        );
        // a b c, with a second c that changes nothing; or a c b c.
        assert!((2..=3).contains(&modes.count), "{modes:?}");
    });
}

/// A snapshot's sections and its page show the same, while a thread records.
#[test]
fn a_snapshot_agrees_with_its_page() {
    explore("sections::a_snapshot_agrees_with_its_page", 100, || {
        let collector = collector();
        let writer = {
            let collector = collector.clone();
            thread::spawn(move || {
                for size in 1..=2 {
                    collector.record_latency(Duration::from_nanos(size));
                    collector.record_batch_size(size);
                }
            })
        };
        let snapshot = collector.snapshot();
        let page = snapshot.page.render_prometheus();
        let shown = |name: &str| {
            let line = page.lines().find(|line| line.starts_with(name)).unwrap();
            line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
        };
        let count = snapshot.latency.lifetime.count();
        assert_eq!(shown("server_request_latency_seconds_count"), count);
        assert_eq!(shown("server_request_latency_recent_seconds_count"), count);
        assert_eq!(
            shown("server_batch_size_count"),
            snapshot.batch.lifetime.count()
        );
        writer.join().unwrap();
    });
}

/// Pages of two collectors, made while one thread records into both: each page's summary agrees with its own histogram, and
/// after the join each shows its own records. Fails if a page's summary shows another snapshot than the page.
#[test]
fn two_collectors() {
    explore("sections::two_collectors", 50, || {
        let collectors = [collector(), collector()];
        let writer = {
            let collectors = collectors.clone();
            thread::spawn(move || {
                for at in [0, 1, 1] {
                    collectors[at].record_latency(Duration::from_nanos(5));
                }
            })
        };
        let shown = |collector: &MetricsCollector| {
            let page = collector.render_prometheus();
            let count = |name: &str| {
                let line = page.lines().find(|line| line.starts_with(name)).unwrap();
                line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
            };
            let recorded = count("server_request_latency_seconds_count");
            let summary = count("server_request_latency_recent_seconds_count");
            assert_eq!(recorded, summary);
            recorded
        };
        collectors
            .iter()
            .for_each(|collector| assert!(shown(collector) <= 2));
        writer.join().unwrap();
        assert_eq!(collectors.each_ref().map(shown), [1, 2]);
    });
}
