//! The batcher: a thread of its own that collects requests into batches and works on them.
//!
//! It is a thread and no task, since it computes, which must not keep the connections' threads, and since it waits for
//! fractions of a millisecond, which tokio's timers are too coarse for.
//!
//! A batch takes one of two paths:
//! - *at once*: the batcher was idle and the queue empty. The first request to arrive is served immediately, with any that arrived at the
//!   same time.
//! - *collected*: requests arrived during the last batch, so more are likely to come. The batch waits for them until it is full, its
//!   window has passed, or no request has arrived for a quarter of the window.
//!
//! The mode describes the load. It decides nothing, and changes rarely:
//! - *idle*: no request arrived for [`QUIET`], and every batch since then had one request;
//! - *batching*: a batch had more than one request;
//! - *saturated*: another full batch was left in the queue, which has not been empty since.

use crate::controller::Controller;
use crate::queue::{Answer, Job, Places};
use crate::record::Record;
use crate::tuner::{Observed, Settings};
use std::hint::black_box;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Without a request for so long, the server is idle. Long compared with the pauses of steady traffic, so that the mode
/// does not flap.
const QUIET: Duration = Duration::from_millis(50);

/// Work in turns of a loop, about a nanosecond each: much for a batch, little for a request and less for a token (`models.rs`), so
/// batching pays.
const TURNS_PER_BATCH: u64 = 200_000;
const TURNS_PER_REQUEST: u64 = 5_000;

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
    turns: u64,
    reply: oneshot::Sender<Answer>,
}

struct Batcher<R> {
    jobs: Receiver<Job>,
    places: Places,
    record: Arc<R>,
    /// If there is none, [`Settings::INITIAL`] apply.
    controller: Option<Controller>,
    mode: Mode,
    answered: u64,
}

impl<R> Drop for Batcher<R> {
    /// However the thread ends: nobody shall wait for it.
    fn drop(&mut self) {
        self.places.close();
    }
}

/// Starts the thread. It ends when the queue's other end is dropped.
///
/// # Errors
/// If the system has no thread to give.
pub(crate) fn start<R: Record>(
    jobs: Receiver<Job>,
    places: Places,
    record: Arc<R>,
    controller: Option<Controller>,
) -> io::Result<()> {
    record.mode(Mode::Idle.name());
    let mut batcher = Batcher {
        jobs,
        places,
        record,
        controller,
        mode: Mode::Idle,
        answered: 0,
    };
    thread::Builder::new()
        .name("batcher".to_owned())
        .spawn(move || batcher.run())
        .map(drop)
}

impl<R: Record> Batcher<R> {
    fn run(&mut self) {
        while let Some((first, at_once)) = self.first() {
            let (batch, observed) = self.collect(admit(first), at_once);
            self.work(batch);
            if let Some(controller) = &mut self.controller {
                controller.after_batch(observed);
            }
        }
    }

    /// Waits for the next request, and returns whether it is served at once, because the queue was empty. `None` if the queue is closed.
    fn first(&mut self) -> Option<(Job, bool)> {
        match self.jobs.try_recv() {
            Ok(job) => return Some((job, false)),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => (),
        }
        if self.mode != Mode::Idle {
            match self.jobs.recv_timeout(QUIET) {
                Ok(job) => return Some((job, true)),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    self.record.queue_empty();
                    self.enter(Mode::Idle);
                }
            }
        }
        let job = self.jobs.recv().ok()?;
        Some((job, true))
    }

    fn settings(&self) -> Settings {
        let controller = self.controller.as_ref();
        controller.map_or(Settings::INITIAL, Controller::settings)
    }

    /// Collects a batch.
    fn collect(&mut self, first: Request, at_once: bool) -> (Vec<Request>, Observed) {
        let Settings { limit, window } = self.settings();
        let mut batch = Vec::with_capacity(limit);
        batch.push(first);
        self.take_waiting(&mut batch, limit);
        let before = batch.len();
        let waited = !at_once && before < limit;
        if waited {
            self.wait_for_more(&mut batch, limit, window);
        }

        let size = batch.len();
        let left = self.places.taken();
        let saturated = left >= limit;
        // Two thresholds, so that the mode does not flap at one.
        let relieved = self.mode == Mode::Saturated && left == 0;
        self.record.batch(size, left, at_once);
        if saturated {
            self.enter(Mode::Saturated);
        } else if relieved || (size > 1 && self.mode == Mode::Idle) {
            self.enter(Mode::Batching);
        }
        let observed = Observed {
            size,
            waited,
            joined: size > before,
            saturated,
        };
        (batch, observed)
    }

    fn take_waiting(&self, batch: &mut Vec<Request>, limit: usize) {
        while batch.len() < limit {
            match self.jobs.try_recv() {
                Ok(job) => batch.push(admit(job)),
                Err(_) => return,
            }
        }
    }

    fn wait_for_more(&self, batch: &mut Vec<Request>, limit: usize, window: Duration) {
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
            burn(TURNS_PER_REQUEST.saturating_add(request.turns));
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
            self.record.mode(mode.name());
        }
    }
}

/// Takes a request out of the queue, whose place is free again.
fn admit(job: Job) -> Request {
    let Job {
        turns,
        reply,
        place,
    } = job;
    drop(place);
    Request { turns, reply }
}

/// Keeps the processor busy.
fn burn(turns: u64) {
    for turn in 0..turns {
        black_box(turn);
    }
}

#[cfg(test)]
#[path = "batcher_tests.rs"]
mod tests;
