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
        .build()
        .unwrap()
}

/// One thread records once and then reads again and again, while another reads: after its record the thread always gets the same
/// section, never an older one. Fails if a section's histogram is read before the section's lock is taken.
#[test]
fn a_section_never_goes_back() {
    explore("sections::a_section_never_goes_back", 400, || {
        let collector = collector();
        let writer = {
            let collector = collector.clone();
            thread::spawn(move || {
                collector.record_latency(Duration::from_nanos(5));
                let first = collector.latency();
                assert_eq!(first.count, 1, "own record missing");
                for _ in 0..2 {
                    assert!(
                        Arc::ptr_eq(&first, &collector.latency()),
                        "another section, and nothing was recorded"
                    );
                }
            })
        };
        let readers = [(); 2].map(|()| {
            let collector = collector.clone();
            thread::spawn(move || {
                let counts = [(); 2].map(|()| collector.latency().count);
                assert!(counts[0] <= counts[1], "went back");
            })
        });
        writer.join().unwrap();
        readers
            .into_iter()
            .for_each(|reader| reader.join().unwrap());
    });
}

/// Modes are entered by two threads: the number of changes, and the log, agree.
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
        assert!((1..=3).contains(&modes.count), "{modes:?}");
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
