//! A small cache of prepared models. A model is loaded when a request first needs it.
//!
//! A request that finds its model prepared is a hit. Any other is a miss: it loads the model, or waits for another request that loads
//! it. The least recently used model is evicted for a new one. A model is not evicted while it is being loaded, so concurrent requests
//! load it once.

use crate::record::Record;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::sleep;

/// Simulated time to load a model.
const LOADING: Duration = Duration::from_millis(20);
/// Models that the cache holds.
const PREPARED: usize = 4;

/// All models. The first one is the default.
pub(crate) const KINDS: [Model; 6] = [
    Model::new("base", 50),
    Model::new("small", 20),
    Model::new("large", 100),
    Model::new("chat", 60),
    Model::new("code", 80),
    Model::new("math", 40),
];

/// A model, as far as this example needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) name: &'static str,
    /// Work for each token, in turns of the batcher's loop.
    pub(crate) turns_per_token: u64,
}

impl Model {
    const fn new(name: &'static str, turns_per_token: u64) -> Self {
        Self {
            name,
            turns_per_token,
        }
    }
}

/// An entry of the cache: the model is there once it is loaded.
#[derive(Debug)]
struct Place {
    name: &'static str,
    model: OnceCell<Model>,
}

/// The cache, most recently used models first.
#[derive(Debug, Default)]
pub(crate) struct Models(Mutex<Vec<Arc<Place>>>);

impl Models {
    /// Returns the model of this name, and loads it if necessary; `None` if there is no such model.
    pub(crate) async fn get(&self, name: &str, record: &impl Record) -> Option<Model> {
        let kind = KINDS.into_iter().find(|kind| kind.name == name)?;
        let place = self.place(kind.name);
        record.model_read(place.model.initialized());
        // If the request that loads it is cancelled, the next one that waits loads it.
        let loaded = place.model.get_or_init(|| load(kind, record));
        Some(*loaded.await)
    }

    fn place(&self, name: &'static str) -> Arc<Place> {
        // No code panics while it holds the lock.
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = match places.iter().position(|place| place.name == name) {
            Some(at) => places.remove(at),
            None => Arc::new(Place {
                name,
                model: OnceCell::new(),
            }),
        };
        // More than one place can be too many: models that were loaded at the same time did not evict each other.
        let loaded = |place: &Arc<Place>| place.model.initialized();
        while places.len() >= PREPARED
            && let Some(oldest) = places.iter().rposition(loaded)
        {
            places.remove(oldest);
        }
        places.insert(0, Arc::clone(&place));
        place
    }
}

async fn load(kind: Model, record: &impl Record) -> Model {
    let started = record.now();
    sleep(LOADING).await;
    record.model_loaded(started);
    kind
}

#[cfg(test)]
#[path = "models_tests.rs"]
mod tests;
