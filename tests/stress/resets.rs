//! Resets beside more writers than processors.

use crate::samples::{Counts, THREADS, counts, value};
use crate::{Stop, scaled};
use epoch_metrics::{Histogram, HistogramOptions, HistogramSnapshot, Ownership, Registry};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// A reset is asked for every 100 ms while writers record without pause, so that at every moment some of them are inside a
/// record. Each one ends, and the parts add up: nothing is lost, and nothing is in two parts. With `EPOCH_STRESS=11` there are
/// 256 writers, with 30 it takes a minute or more.
#[test]
fn resets_beside_tight_writers_end_and_add_up() {
    let options = HistogramOptions::values(1, 255).recent(100);
    resets_beside(scaled(24).min(256), scaled(20).min(600), options);
}

/// The same of 256 writers that all share the histogram's cells, however often they write.
#[test]
fn resets_beside_writers_that_share_end_and_add_up() {
    let options = HistogramOptions::values(1, 255);
    let options = options.recent(0).ownership(Ownership::Never);
    resets_beside(256, scaled(10).min(600), options);
}

fn resets_beside(writers: u64, resets: u64, options: HistogramOptions) {
    let histogram = Registry::new().histogram("h", "", options).unwrap();
    let running = AtomicBool::new(true);
    let (mut parts, mut recorded) = (Parts::default(), [0; 256]);
    let (mut longest, mut given_up, mut reads) = (Duration::ZERO, 0, 0_u64);
    std::thread::scope(|scope| {
        let stop = Stop(&running);
        let writers: Vec<_> = (0..writers)
            .map(|thread| scope.spawn(recording(&histogram, &running, thread)))
            .collect();
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while running.load(SeqCst) {
                check(&histogram.snapshot());
                reads += 1;
                std::thread::sleep(Duration::from_millis(1));
            }
            reads
        });
        for n in 0..resets {
            std::thread::sleep(Duration::from_millis(100));
            let begun = Instant::now();
            let part = if n % 4 == 3 {
                histogram.try_reset()
            } else {
                Some(histogram.reset())
            };
            longest = longest.max(begun.elapsed());
            match part {
                Some(part) => parts.add(&part),
                None => given_up += 1,
            }
        }
        drop(stop);
        for writer in writers {
            let of_thread = writer.join().unwrap();
            (0..256).for_each(|value| recorded[value] += of_thread[value]);
        }
        reads = reader.join().unwrap();
    });
    parts.add(&histogram.snapshot());
    println!(
        "{resets} resets beside {writers} writers and {reads} reads: the longest took {longest:?}, {given_up} were given up"
    );
    let sum: u128 = (0..)
        .zip(recorded)
        .map(|(value, count)| value * u128::from(count))
        .sum();
    assert_eq!(parts.buckets, recorded);
    assert_eq!(
        (parts.count, parts.sum),
        (recorded.iter().sum::<u64>(), sum)
    );
}

/// A thread that records until it is told to stop. What it recorded, by value.
fn recording<'a>(
    histogram: &'a Histogram,
    running: &'a AtomicBool,
    thread: u64,
) -> impl FnOnce() -> Counts + Send + 'a {
    move || {
        let mut recorded = [0; 256];
        for i in 0.. {
            let value = value(thread % THREADS, i);
            histogram.record(value);
            recorded[value as usize] += 1;
            if !running.load(SeqCst) {
                break;
            }
        }
        recorded
    }
}

/// What all resets returned, and what was left.
struct Parts {
    buckets: Counts,
    count: u64,
    sum: u128,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            buckets: [0; 256],
            count: 0,
            sum: 0,
        }
    }
}

impl Parts {
    fn add(&mut self, part: &HistogramSnapshot) {
        assert_eq!(part.uncertain(), 0, "a part that is not exact");
        check(part);
        let buckets = counts(part);
        (0..256).for_each(|value| self.buckets[value] += buckets[value]);
        self.count += part.count();
        self.sum += part.sum();
    }
}

/// Count, sum and buckets agree, but for uncertain samples.
fn check(snapshot: &HistogramSnapshot) {
    let counts = counts(snapshot);
    assert_eq!(counts.iter().sum::<u64>(), snapshot.count());
    let sum: u128 = (0..)
        .zip(counts)
        .map(|(value, count)| value * u128::from(count))
        .sum();
    let missing = sum.checked_sub(snapshot.sum());
    assert!(
        missing.is_some_and(|missing| missing <= u128::from(255 * snapshot.uncertain())),
        "the sum is {}, the buckets' {sum}, {} uncertain",
        snapshot.sum(),
        snapshot.uncertain()
    );
}
