//! A reader that stands still where it asks for the time: before the gates of metrics, inside of those of a collector's sections.

use crate::metrics::Metrics;
use crate::trap::armed;
use crate::{Release, beside_others, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

#[test]
fn no_writer_waits_for_a_reader_that_is_stopped_in_the_gate() {
    const MILLION: u64 = 1_000_000;
    let _beside = beside_others();
    let metrics = Metrics::new();
    let mut written = 0;
    for (what, read) in metrics.reads() {
        for nth in 1.. {
            metrics.write(1);
            written += 1;
            let batch = if nth == 1 { MILLION } else { 20_000 };
            let stop = Arc::new(Stop::default());
            let fired = std::thread::scope(|scope| {
                let release = Release(|| stop.released.store(true, SeqCst));
                let (act, read) = (Arc::clone(&stop), &read);
                let reader = scope.spawn(move || armed(nth, move || act.stand(), read));
                until("the reader stops", || {
                    stop.stopped.load(SeqCst) || reader.is_finished()
                });
                if stop.stopped.load(SeqCst) {
                    // Of this thread all first touches come while the reader stands.
                    let writer = scope.spawn(|| metrics.write(batch));
                    until("the writer ends", || writer.is_finished());
                    writer.join().unwrap();
                    assert!(!reader.is_finished());
                    assert!(
                        metrics.histogram.latest().snapshot.count() <= written,
                        "latest() waits for nobody"
                    );
                    assert_eq!(
                        metrics.counter.get(),
                        written + batch,
                        "nor does a counter's value"
                    );
                    written += batch;
                }
                drop(release);
                let (fired, result) = reader.join().unwrap();
                result.unwrap();
                fired
            });
            metrics.check(written, what);
            if !fired {
                assert!(nth > 1, "{what} reads no clock, so nothing was tested");
                break;
            }
        }
    }
    println!("{written} of each written while a reader stood");
}

/// Where a thread stands until it is released.
#[derive(Debug, Default)]
struct Stop {
    stopped: AtomicBool,
    released: AtomicBool,
}

impl Stop {
    fn stand(&self) {
        self.stopped.store(true, SeqCst);
        while !self.released.load(SeqCst) {
            std::thread::yield_now();
        }
    }
}
