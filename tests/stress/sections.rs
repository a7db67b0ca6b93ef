//! The collector's sections beside many readers.

use crate::{Stop, scaled};
use epoch_metrics::MetricsCollector;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

/// One thread records once and then reads again and again, while three others read without pause: it gets the same section each
/// time, never an older one. `EPOCH_STRESS=100` makes ten million rounds.
#[test]
fn a_section_stays_until_something_is_recorded() {
    let (rounds, reads) = (scaled(100_000), 50);
    let collector = MetricsCollector::new();
    let running = AtomicBool::new(true);
    let mut exchanged = 0_u64;
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut last = 0;
                while running.load(SeqCst) {
                    let count = collector.latency().lifetime.count();
                    assert!(count >= last, "{count} samples after {last}");
                    last = count;
                }
            });
        }
        let _stop = Stop(&running);
        for round in 1..=rounds {
            collector.record_latency(Duration::from_millis(3));
            let first = collector.latency();
            assert_eq!(first.lifetime.count(), round, "its own record is missing");
            for _ in 0..reads {
                exchanged += u64::from(!Arc::ptr_eq(&first, &collector.latency()));
            }
        }
    });
    println!("{rounds} rounds of {reads} reads: {exchanged} sections exchanged for nothing");
    assert_eq!(exchanged, 0);
}
