//! The cache under tokio's paused clock, which advances when all tasks wait.

use super::{KINDS, LOADING, Model, Models, PREPARED, Place};
use crate::metrics::{MAX_STALENESS, Metrics};
use epoch_metrics::ManualClock;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;
use tokio::time::Instant;

struct Trial {
    models: Arc<Models>,
    metrics: Arc<Metrics>,
    clock: Arc<ManualClock>,
}

impl Trial {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new());
        let metrics = Metrics::with_clock(Arc::clone(&clock)).expect("names differ");
        Self {
            models: Arc::default(),
            metrics: Arc::new(metrics),
            clock,
        }
    }

    async fn get(&self, kind: Model) {
        let model = self.models.get(kind.name, &*self.metrics).await;
        assert_eq!(model, Some(kind));
    }

    fn places(&self) -> MutexGuard<'_, Vec<Arc<Place>>> {
        self.models.0.lock().expect("nobody panicked")
    }

    /// Hits, misses and loads so far.
    fn counts(&self) -> [u64; 3] {
        // A younger snapshot would be returned again.
        self.clock.advance(MAX_STALENESS);
        let models = &self.metrics.models;
        let loads = models.loads.snapshot().count();
        [models.hits.get(), models.misses.get(), loads]
    }
}

#[tokio::test(start_paused = true)]
async fn the_least_recently_used_model_is_evicted() {
    let trial = Trial::new();
    for kind in &KINDS[..PREPARED] {
        trial.get(*kind).await;
    }
    assert_eq!(trial.counts(), [0, 4, 4]);
    // The first one is used again, so the second one is evicted.
    trial.get(KINDS[0]).await;
    trial.get(KINDS[PREPARED]).await;
    assert_eq!(trial.counts(), [1, 5, 5]);
    trial.get(KINDS[0]).await;
    assert_eq!(trial.counts(), [2, 5, 5]);
    trial.get(KINDS[1]).await;
    assert_eq!(trial.counts(), [2, 6, 6]);
    assert_eq!(trial.places().len(), PREPARED);
}

#[tokio::test(start_paused = true)]
async fn concurrent_requests_load_a_model_once() {
    let trial = Arc::new(Trial::new());
    let started = Instant::now();
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let trial = Arc::clone(&trial);
            tokio::spawn(async move { trial.get(KINDS[0]).await })
        })
        .collect();
    for task in waiting {
        task.await.expect("it has its model");
    }
    // tokio's timers have a resolution of a millisecond.
    let most = LOADING + Duration::from_millis(2);
    assert!((LOADING..=most).contains(&started.elapsed()));
    assert_eq!(trial.counts(), [0, 100, 1]);
    trial.get(KINDS[0]).await;
    assert_eq!(trial.counts(), [1, 100, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_being_loaded_is_not_evicted() {
    let trial = Arc::new(Trial::new());
    // All models at once, each requested twice: more than the cache holds, and each is loaded once.
    let waiting: Vec<_> = [KINDS, KINDS]
        .concat()
        .into_iter()
        .map(|kind| {
            let trial = Arc::clone(&trial);
            tokio::spawn(async move { trial.get(kind).await })
        })
        .collect();
    for task in waiting {
        task.await.expect("it has its model");
    }
    assert_eq!(trial.counts(), [0, 12, 6]);
    assert_eq!(trial.places().len(), KINDS.len());
    // The next request shrinks the cache to its size.
    trial.get(KINDS[5]).await;
    assert_eq!(trial.counts(), [1, 12, 6]);
    assert_eq!(trial.places().len(), PREPARED);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_load_is_taken_over() {
    let trial = Trial::new();
    let cancelled = trial.models.get("code", &*trial.metrics);
    let half = LOADING / 2;
    assert!(tokio::time::timeout(half, cancelled).await.is_err());
    trial.get(KINDS[4]).await;
    assert_eq!(trial.counts(), [0, 2, 1]);
    assert_eq!(trial.models.get("nothing", &*trial.metrics).await, None);
    assert_eq!(trial.counts(), [0, 2, 1]);
}
