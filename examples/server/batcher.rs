//! The batcher: a thread of its own that collects requests into batches and works on them.
//!
//! It is a thread and no task, since it computes, which must not keep the connections' threads, and since it waits for
//! fractions of a millisecond, which tokio's timers are too coarse for.
//!
//! Three modes:
//! - *idle*: who comes is served at once, with whoever came at the same time. Nobody waits for a window on an idle server.
//! - *batching*: a batch waits for more until it is full, its window has passed, or nobody came for a quarter of the window.
//! - *saturated*: another full batch waits already.
//!
//! From idle to batching: a batch had more than one request. From saturated: the queue is empty. To idle: nobody came for
//! [`QUIET`].

use crate::controller::{Controller, Observed};
use crate::metrics::Metrics;
use crate::queue::{Answer, Job, Places};
use std::hint::black_box;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Without a request for so long, the server is idle. Long compared with the pauses of steady traffic, so that the mode
/// does not flap.
const QUIET: Duration = Duration::from_millis(50);

/// What the "model" costs, in turns of a loop of about a nanosecond each: much for a batch, little for a request and
/// less for a token. That is why batching pays.
const TURNS_PER_BATCH: u64 = 200_000;
const TURNS_PER_REQUEST: u64 = 5_000;
const TURNS_PER_TOKEN: u64 = 50;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Idle,
    Batching,
    Saturated,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Batching => "batching",
            Self::Saturated => "saturated",
        }
    }
}

/// A request in a batch: out of the queue, its place there given back.
#[derive(Debug)]
struct Request {
    tokens: u64,
    reply: oneshot::Sender<Answer>,
}

#[derive(Debug)]
struct Batcher {
    jobs: Receiver<Job>,
    places: Places,
    metrics: Arc<Metrics>,
    controller: Controller,
    mode: Mode,
    answered: u64,
}

impl Drop for Batcher {
    /// However the thread ends: nobody shall wait for it.
    fn drop(&mut self) {
        self.places.close();
    }
}

/// Starts the thread. It ends when the queue's other end is dropped.
///
/// # Errors
/// If the system has no thread to give.
pub(crate) fn start(jobs: Receiver<Job>, places: Places, metrics: Arc<Metrics>) -> io::Result<()> {
    let controller = Controller::new(Arc::clone(&metrics));
    metrics.collector.record_mode_transition(Mode::Idle.name());
    let mut batcher = Batcher {
        jobs,
        places,
        metrics,
        controller,
        mode: Mode::Idle,
        answered: 0,
    };
    thread::Builder::new()
        .name("batcher".to_owned())
        .spawn(move || batcher.run())
        .map(drop)
}

impl Batcher {
    fn run(&mut self) {
        while let Some(first) = self.first() {
            let (batch, observed) = self.collect(admit(first));
            self.work(batch);
            self.controller.after_batch(observed);
        }
    }

    /// Waits for a request; `None` when there will be none any more.
    fn first(&mut self) -> Option<Job> {
        if self.mode != Mode::Idle {
            match self.jobs.recv_timeout(QUIET) {
                Ok(job) => return Some(job),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    self.metrics.collector.record_queue_depth(0);
                    self.enter(Mode::Idle);
                }
            }
        }
        self.jobs.recv().ok()
    }

    /// Collects a batch.
    fn collect(&mut self, first: Request) -> (Vec<Request>, Observed) {
        let limit = self.controller.limit();
        let mut batch = Vec::with_capacity(limit);
        batch.push(first);
        self.take_waiting(&mut batch, limit);
        let at_once = batch.len();
        let waited = self.mode != Mode::Idle && at_once < limit;
        if waited {
            self.wait_for_more(&mut batch, limit);
        }

        let left = self.places.taken();
        let saturated = left >= limit;
        // Two thresholds, so that the mode does not flap at one.
        let relieved = self.mode == Mode::Saturated && left == 0;
        self.metrics.collector.record_queue_depth(left as u64);
        self.metrics.collector.record_batch_size(batch.len() as u64);
        if saturated {
            self.enter(Mode::Saturated);
        } else if relieved || (batch.len() > 1 && self.mode == Mode::Idle) {
            self.enter(Mode::Batching);
        }
        let joined = batch.len() > at_once;
        (
            batch,
            Observed {
                waited,
                joined,
                saturated,
            },
        )
    }

    fn take_waiting(&self, batch: &mut Vec<Request>, limit: usize) {
        while batch.len() < limit {
            match self.jobs.try_recv() {
                Ok(job) => batch.push(admit(job)),
                Err(_) => return,
            }
        }
    }

    fn wait_for_more(&self, batch: &mut Vec<Request>, limit: usize) {
        let window = self.controller.window();
        let started = Instant::now();
        while batch.len() < limit {
            let patience = window.saturating_sub(started.elapsed()).min(window / 4);
            match self.jobs.recv_timeout(patience) {
                Ok(job) => batch.push(admit(job)),
                Err(_) => return,
            }
        }
    }

    /// Works on a batch, and answers it. That a client is gone by then is its own affair.
    fn work(&mut self, batch: Vec<Request>) {
        burn(TURNS_PER_BATCH);
        for request in &batch {
            burn(TURNS_PER_REQUEST + request.tokens.saturating_mul(TURNS_PER_TOKEN));
        }
        let size = batch.len();
        for request in batch {
            self.answered += 1;
            let _ = request.reply.send(Answer {
                id: self.answered,
                batch: size,
            });
        }
    }

    /// Says so when the mode changes, and only then: that call may allocate.
    fn enter(&mut self, mode: Mode) {
        if self.mode != mode {
            self.mode = mode;
            self.metrics.collector.record_mode_transition(mode.name());
        }
    }
}

/// Takes a request out of the queue, whose place is free again.
fn admit(job: Job) -> Request {
    let Job {
        tokens,
        reply,
        place,
    } = job;
    drop(place);
    Request { tokens, reply }
}

/// Keeps the processor busy.
fn burn(turns: u64) {
    for turn in 0..turns {
        black_box(turn);
    }
}
