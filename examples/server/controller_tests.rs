//! The controller with a real collector, under a manual clock.

use super::Controller;
use crate::metrics::Metrics;
use crate::tuner::{EVIDENCE, INTERVAL, Observed, TARGET};
use epoch_metrics::ManualClock;
use std::sync::Arc;
use std::time::Duration;

/// A batch with as many requests as a decision needs.
const BATCH: Observed = Observed {
    size: EVIDENCE as usize,
    waited: false,
    joined: false,
    saturated: false,
};

fn controller() -> (Arc<ManualClock>, Arc<Metrics>, Controller) {
    let clock = Arc::new(ManualClock::new());
    let metrics = Arc::new(Metrics::with_clock(Arc::clone(&clock)).expect("names differ"));
    let controller = Controller::new(Arc::clone(&metrics));
    (clock, metrics, controller)
}

fn answered(metrics: &Metrics, latency: Duration) {
    (0..EVIDENCE).for_each(|_| metrics.collector.record_latency(latency));
}

#[test]
fn late_answers_make_batches_smaller_and_the_gauges_say_so() {
    let (clock, metrics, mut controller) = controller();
    let shown = &metrics.controller;
    assert_eq!((shown.target.get(), shown.limit.get()), (0.005, 16));
    answered(&metrics, TARGET * 3);
    clock.advance(INTERVAL);
    controller.after_batch(BATCH);
    assert_eq!((controller.settings().limit, shown.limit.get()), (12, 12));
    assert_eq!(shown.window.get(), 250e-6);
    assert_eq!((shown.average.get(), shown.changes.get()), (0.015, 1));
}

#[test]
fn a_reading_is_acted_upon_once() {
    let (clock, metrics, mut controller) = controller();
    answered(&metrics, TARGET * 3);
    clock.advance(INTERVAL);
    controller.after_batch(BATCH);
    // Nothing is recorded, so the snapshot stays the same for hours.
    for _ in 0..100 {
        clock.advance(Duration::from_secs(3600));
        controller.after_batch(BATCH);
    }
    assert_eq!(metrics.controller.changes.get(), 1);
    answered(&metrics, TARGET * 3);
    controller.after_batch(BATCH);
    assert_eq!(metrics.controller.changes.get(), 2);
}

#[test]
fn nothing_is_done_before_the_first_answer_and_after_a_reset() {
    let (clock, metrics, mut controller) = controller();
    let before = controller.settings();
    clock.advance(INTERVAL);
    controller.after_batch(BATCH);
    answered(&metrics, TARGET);
    clock.advance(INTERVAL);
    controller.after_batch(BATCH);
    metrics.collector.reset();
    clock.advance(INTERVAL);
    controller.after_batch(BATCH);
    assert_eq!(controller.settings(), before);
    assert_eq!(metrics.controller.changes.get(), 0);
}

#[test]
fn a_clock_that_stands_still_changes_nothing() {
    let (_, metrics, mut controller) = controller();
    let before = controller.settings();
    for _ in 0..100 {
        answered(&metrics, TARGET * 100);
        controller.after_batch(BATCH);
    }
    assert_eq!(controller.settings(), before);
}
