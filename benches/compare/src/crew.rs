//! Threads that stay: they do what they are told and then wait, so that what they hold in a metric stays taken.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

type Job = Box<dyn FnOnce() + Send>;

pub(crate) struct Crew {
    threads: Vec<(Sender<Job>, JoinHandle<()>)>,
    done: Receiver<()>,
}

impl Crew {
    pub(crate) fn new(threads: usize) -> Self {
        let (report, done) = channel();
        let threads = (0..threads).map(|_| start(report.clone())).collect();
        Self { threads, done }
    }

    /// Has every thread do a job of its own at the same time, and waits for all of them.
    pub(crate) fn run<F: FnOnce() + Send + 'static>(&self, job: impl Fn() -> F) {
        for (thread, _) in &self.threads {
            thread
                .send(Box::new(job()))
                .expect("a thread waits for jobs until its crew is gone");
        }
        self.threads
            .iter()
            .for_each(|_| self.done.recv().expect("a job panicked"));
    }
}

/// Waits until the threads are gone and what they held is free again: the next section is to find nothing taken.
impl Drop for Crew {
    fn drop(&mut self) {
        for (jobs, thread) in self.threads.drain(..) {
            drop(jobs);
            let _ = thread.join();
        }
    }
}

fn start(report: Sender<()>) -> (Sender<Job>, JoinHandle<()>) {
    let (jobs, inbox) = channel::<Job>();
    let thread = thread::spawn(move || {
        for job in inbox {
            job();
            let _ = report.send(());
        }
    });
    (jobs, thread)
}
