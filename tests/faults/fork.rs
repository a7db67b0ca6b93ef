//! A child after `fork`: it goes on recording and reading where its parent was.

use crate::alone;
use crate::metrics::{Metrics, shown_three};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

#[test]
fn a_child_after_fork_goes_on_recording_and_reading() {
    let _alone = alone();
    let metrics = Metrics::new();
    let mut written = 0;
    // Before anything was written; with a queue not read yet; with banks flipped once, twice, and back.
    for (step, batch) in [0, 10, 3_000, 3_000, 1, 3_000, 100].into_iter().enumerate() {
        metrics.write(batch);
        // Another thread's slot is nobody's in the child.
        std::thread::scope(|scope| drop(scope.spawn(|| metrics.write(batch)).join()));
        written += 2 * batch;
        if step % 2 == 0 {
            assert_eq!(sums(&metrics), after(written), "step {step}");
            metrics.collector.snapshot();
        }
        assert_eq!(
            in_child(|| goes_on(&metrics, written)),
            Ok(0),
            "step {step}: the child's broken check"
        );
        assert_eq!(
            sums(&metrics),
            after(written),
            "step {step}: the child's writes stay in the child"
        );
        metrics.write(2);
        written += 2;
        assert_eq!(
            sums(&metrics),
            after(written),
            "step {step}: the parent goes on"
        );
    }
}

#[test]
fn a_child_of_a_thread_that_never_wrote_goes_on() {
    let _alone = alone();
    // Not on this thread's stack, which in the child is free for others.
    let metrics = Arc::new(Metrics::new());
    metrics.write(600);
    let forks = Arc::clone(&metrics);
    let outcome = std::thread::spawn(move || in_child(|| goes_on(&forks, 600)))
        .join()
        .unwrap();
    assert_eq!(outcome, Ok(0), "the child's broken check");
    metrics.check(600, "the parent");
}

#[test]
fn a_child_of_a_child_goes_on() {
    let _alone = alone();
    let metrics = Metrics::new();
    metrics.write(600);
    let outcome = in_child(|| {
        metrics.write(300);
        let grandchild = in_child(|| goes_on(&metrics, 900));
        broken([grandchild == Ok(0), sums(&metrics) == after(900)])
    });
    assert_eq!(outcome, Ok(0), "the child's broken check");
    metrics.check(600, "the parent");
}

/// What a child does: goes on where its parent was, by itself and with threads of its own.
fn goes_on(metrics: &Metrics, before: u64) -> i32 {
    let inherited = sums(metrics);
    metrics.write(10);
    let few = sums(metrics);
    metrics.write(2_000);
    let many = sums(metrics);
    let threads_ended = std::thread::scope(|scope| {
        let threads = [100, 1_000].map(|n| scope.spawn(move || metrics.write(n)));
        threads.into_iter().all(|thread| thread.join().is_ok())
    });
    let threads = sums(metrics);
    metrics.write(5);
    let end = sums(metrics);
    let fresh = Metrics::new();
    fresh.write(1);
    broken([
        inherited == after(before),
        few == after(before + 10),
        many == after(before + 2_010),
        threads_ended,
        threads == after(before + 3_110),
        end == after(before + 3_115),
        sums(&fresh) == after(1),
        metrics
            .collector
            .registry()
            .render_prometheus()
            .contains(&format!("c_total {}\n", before + 3_115)),
    ])
}

fn sums(of: &Metrics) -> [u64; 6] {
    let (snapshot, histogram) = (of.collector.registry().snapshot(), of.histogram.snapshot());
    let [counter, samples, total] = shown_three(&snapshot);
    [
        counter,
        samples,
        total,
        histogram.sum() as u64,
        histogram.uncertain(),
        of.counter.get(),
    ]
}

fn after(written: u64) -> [u64; 6] {
    [written, written, 3 * written, 7 * written, 0, written]
}

/// Runs `work` in a child and returns what it returned, or 99 if it panicked; the status if a signal ended it.
fn in_child(work: impl FnOnce() -> i32) -> Result<i32, i32> {
    // SAFETY: the child does what a single thread may do after a fork: nobody else was inside of the library, the
    // allocator restores its own locks, and the child leaves by `_exit`.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "no fork");
    if child == 0 {
        // SAFETY: sets a timer, nothing else.
        unsafe { libc::alarm(60) };
        let code = catch_unwind(AssertUnwindSafe(work)).unwrap_or(99);
        // SAFETY: ends the child without destructors or buffers of the parent's.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: waits for the child that was just made.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(waited, child);
    if libc::WIFEXITED(status) {
        Ok(libc::WEXITSTATUS(status))
    } else {
        Err(status)
    }
}

/// The first of these that does not hold, counted from 1; 0 if all do.
fn broken<const N: usize>(hold: [bool; N]) -> i32 {
    hold.iter()
        .position(|holds| !holds)
        .map_or(0, |at| at as i32 + 1)
}
