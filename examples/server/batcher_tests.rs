//! How batches are collected, without the thread that works on them.

use super::{Batcher, Mode, Request, admit};
use crate::queue::{Answer, Queue, queue};
use crate::record::Nothing;
use crate::tuner::Settings;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot::Receiver;

struct Trial {
    queue: Queue,
    batcher: Batcher<Nothing>,
    /// Kept, so that no client appears to have hung up.
    answers: Vec<Receiver<Answer>>,
}

impl Trial {
    fn new() -> Self {
        let (queue, jobs) = queue();
        let batcher = Batcher {
            jobs,
            places: queue.places().clone(),
            record: Arc::new(Nothing),
            controller: None,
            mode: Mode::Batching,
            answered: 0,
        };
        Self {
            queue,
            batcher,
            answers: Vec::new(),
        }
    }

    fn submit(&mut self, requests: usize) {
        for _ in 0..requests {
            self.answers
                .push(self.queue.submit(1).expect("there is room"));
        }
    }

    fn first(&mut self) -> (Request, bool) {
        let (job, at_once) = self.batcher.first().expect("somebody waits");
        (admit(job), at_once)
    }
}

#[test]
fn a_request_that_finds_nothing_under_way_does_not_wait() {
    let mut trial = Trial::new();
    trial.submit(2);
    let (first, _) = trial.first();
    let (batch, observed) = trial.batcher.collect(first, true);
    // Both requests are served, without waiting for the window.
    assert_eq!(
        (batch.len(), observed.waited, observed.joined),
        (2, false, false)
    );
}

#[test]
fn a_request_that_arrived_during_a_batch_waits_for_others() {
    let mut trial = Trial::new();
    trial.submit(2);
    let (first, at_once) = trial.first();
    assert!(!at_once);
    let started = Instant::now();
    let (batch, observed) = trial.batcher.collect(first, at_once);
    assert_eq!(
        (batch.len(), observed.waited, observed.joined),
        (2, true, false)
    );
    // It gives up when no request arrives for a quarter of the window.
    assert!(started.elapsed() >= Settings::INITIAL.window / 4);
}

#[test]
fn a_full_batch_does_not_wait_and_the_mode_follows_the_queue() {
    let mut trial = Trial::new();
    let limit = Settings::INITIAL.limit;
    trial.submit(2 * limit + 5);
    let mut collect = || {
        let (first, at_once) = trial.first();
        let (batch, observed) = trial.batcher.collect(first, at_once);
        assert_eq!(batch.len(), observed.size);
        let mode = trial.batcher.mode;
        (batch.len(), observed.waited, observed.saturated, mode)
    };
    assert_eq!(collect(), (limit, false, true, Mode::Saturated));
    // The mode lasts until the queue is empty.
    assert_eq!(collect(), (limit, false, false, Mode::Saturated));
    assert_eq!(collect(), (5, true, false, Mode::Batching));
}
