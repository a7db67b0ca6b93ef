//! Two writers are stopped in records of the block that threads share, while a reset sends writers from one of its banks to the other.

use crate::stepped::Stepped;
use crate::{alone, at_every_instruction};
use epoch_metrics::{Histogram, HistogramOptions, HistogramSnapshot, Ownership, Registry};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// One writer is stopped inside of a record when a reset begins, so that the reset waits for it. The other one is stopped in the bank
/// that writers were sent to. Once the first one goes on, the reset ends, and takes nothing of that bank: it could be half of a sample.
#[test]
fn a_reset_takes_nothing_of_the_bank_that_writers_are_sent_to() {
    let _alone = alone();
    let inside = (0..).find(|at| reset_waits(*at)).expect("a record ends");
    let [ended, waited] = [AtomicU64::new(0), AtomicU64::new(0)];
    at_every_instruction("a record after a flip", 1, |at| {
        reset_beside_two(inside, at, |has_ended| {
            (if has_ended { &ended } else { &waited }).fetch_add(1, Relaxed);
        })
    });
    let [ended, waited] = [ended, waited].map(|counter| counter.load(Relaxed));
    println!("{ended} resets ended, {waited} came too late to send the writer away");
    assert!(ended > waited);
}

/// Whether a reset waits for a writer that is stopped before this instruction of a record.
fn reset_waits(at: u64) -> bool {
    let (histogram, stepped) = (shared(), Stepped::new(at));
    thread::scope(|scope| {
        scope.spawn(|| write(&histogram, 2, &stepped));
        let stopped = stepped
            .stops()
            .expect("a reset waits for a writer inside of a record");
        // So that the bank's tail has moved, and the buckets are read.
        histogram.record(1);
        let given_up = histogram.try_reset().is_none();
        stopped.release();
        given_up
    })
}

/// The first writer is stopped before its instruction `inside`, the second one before its instruction `at`. Returns how many
/// instructions the second one executed if it ended before that. `note`: told whether the reset ended beside the stopped second one.
fn reset_beside_two(inside: u64, at: u64, note: impl Fn(bool)) -> Option<u64> {
    let histogram = shared();
    let (first, second) = (Stepped::new(inside), Stepped::new(at));
    let (forgotten, executed) = thread::scope(|scope| {
        scope.spawn(|| write(&histogram, 2, &first));
        let inside = first.stops().expect("it was stopped there before");
        histogram.record(1);
        let reset = scope.spawn(|| histogram.reset());
        // Meanwhile it sends writers to the other bank, which the second one and this thread write to.
        thread::sleep(Duration::from_millis(1));
        scope.spawn(|| write(&histogram, 4, &second));
        let stopped = second.stops();
        histogram.record(8);
        // Meanwhile it reads that bank.
        thread::sleep(Duration::from_millis(1));
        inside.release();
        // On a busy machine the second one may have come before writers were sent away: then the reset waits for it.
        let since = Instant::now();
        while !reset.is_finished() && since.elapsed() < Duration::from_secs(3) {
            thread::yield_now();
        }
        if let Some(stopped) = stopped {
            note(reset.is_finished());
            stopped.release();
        }
        let forgotten = reset.join().unwrap();
        (forgotten, second.finished())
    });
    let rest = histogram.snapshot();
    let (count, sum) = [&forgotten, &*rest]
        .map(exact)
        .into_iter()
        .fold((0, 0), |all, side| (all.0 + side.0, all.1 + side.1));
    assert_eq!((count, sum), (4 + 6, 15 + 1 + 2 + 1 + 1 + 4 + 8));
    executed
}

/// Recorded first, so that each of these values has a counter.
const WARM: [u64; 4] = [1, 2, 4, 8];

/// Each value has a bucket of its own, and no thread a block.
fn shared() -> Histogram {
    let options = HistogramOptions::values(0, 15)
        .recent(0)
        .significant_digits(1)
        .ownership(Ownership::Never);
    let histogram = Registry::new().histogram("h", "", options).unwrap();
    WARM.into_iter().for_each(|value| histogram.record(value));
    histogram
}

/// Records one value on a thread that has recorded before, instruction by instruction.
fn write(histogram: &Histogram, value: u64, stepped: &Stepped) {
    histogram.record(1);
    stepped.run(&|| histogram.record(value));
}

/// Count and sum, which the buckets confirm.
fn exact(snapshot: &HistogramSnapshot) -> (u64, u128) {
    let buckets = snapshot.buckets();
    let of_buckets = buckets.fold((0, 0), |(count, sum), bucket| {
        (
            count + bucket.count,
            sum + u128::from(bucket.low * bucket.count),
        )
    });
    assert_eq!(snapshot.uncertain(), 0);
    assert_eq!(
        (snapshot.count(), snapshot.sum()),
        of_buckets,
        "half of a sample"
    );
    of_buckets
}
