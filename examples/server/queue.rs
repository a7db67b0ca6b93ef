//! The bounded queue between connections, which must not block, and the batcher, which may.
//!
//! A semaphore holds the bound, and thereby knows the depth; the channel behind it is never full. A client that sends nothing
//! more may still be waiting for its answer, so nobody is skipped for having hung up.

use std::sync::{Arc, mpsc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot};

/// Requests that may wait. This is eight of the largest batches, some milliseconds of work: who comes
/// later is better served by a quick 503 than by a place at the end.
pub(crate) const QUEUE: usize = 512;

/// A request that waits.
#[derive(Debug)]
pub(crate) struct Job {
    /// Work, in turns of the batcher's loop.
    pub(crate) turns: u64,
    /// Where the answer goes.
    pub(crate) reply: oneshot::Sender<Answer>,
    /// Its place in the queue, free again when the job leaves it.
    pub(crate) place: OwnedSemaphorePermit,
}

/// What the batcher answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// Counts answers up.
    pub(crate) id: u64,
    /// How many requests were in the batch.
    pub(crate) batch: usize,
}

/// Why a request was not queued.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refused {
    /// All places are taken.
    Full,
    /// Nobody serves the queue any more.
    Closed,
}

impl Refused {
    /// The reason, as a line of text.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Full => "the queue is full\n",
            Self::Closed => "the batcher has ended\n",
        }
    }
}

/// The end of the queue that connections have.
#[derive(Debug)]
pub(crate) struct Queue {
    jobs: mpsc::Sender<Job>,
    places: Places,
}

/// The places in the queue, for who wants to know how many are taken.
#[derive(Clone, Debug)]
pub(crate) struct Places(Arc<Semaphore>);

/// A queue: the end for connections and the end for the batcher.
pub(crate) fn queue() -> (Queue, mpsc::Receiver<Job>) {
    let (jobs, receiver) = mpsc::channel();
    (
        Queue {
            jobs,
            places: Places(Arc::new(Semaphore::new(QUEUE))),
        },
        receiver,
    )
}

impl Queue {
    /// Queues a request, and returns where its answer will be.
    ///
    /// # Errors
    /// If the queue is full or closed. Never waits.
    pub(crate) fn submit(&self, turns: u64) -> Result<oneshot::Receiver<Answer>, Refused> {
        let place =
            Arc::clone(&self.places.0)
                .try_acquire_owned()
                .map_err(|refused| match refused {
                    TryAcquireError::NoPermits => Refused::Full,
                    TryAcquireError::Closed => Refused::Closed,
                })?;
        let (reply, answer) = oneshot::channel();
        self.jobs
            .send(Job {
                turns,
                reply,
                place,
            })
            .map_err(|_| Refused::Closed)?;
        Ok(answer)
    }

    /// The queue's places.
    pub(crate) fn places(&self) -> &Places {
        &self.places
    }
}

impl Places {
    /// How many are taken: the depth of the queue.
    pub(crate) fn taken(&self) -> usize {
        QUEUE.saturating_sub(self.0.available_permits())
    }

    /// Refuses everybody from now on.
    pub(crate) fn close(&self) {
        self.0.close();
    }

    /// Whether another request would be taken.
    pub(crate) fn has_room(&self) -> bool {
        self.is_open() && self.0.available_permits() > 0
    }

    /// Whether somebody serves the queue.
    pub(crate) fn is_open(&self) -> bool {
        !self.0.is_closed()
    }
}
