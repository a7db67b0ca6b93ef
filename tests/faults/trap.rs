//! A clock that makes the thread that reads it panic, or stand still. The library reads it before each
//! rebuild of a metric or a registry, and inside of the rebuilds of a collector's sections.

use epoch_metrics::Clock;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

/// Calls `read`, and `act` inside of it, at the `nth` reading of the clock. Whether it came to that, and what became of
/// `read`.
pub(crate) fn armed<T>(
    nth: u64,
    act: impl FnOnce() + 'static,
    read: impl FnOnce() -> T,
) -> (bool, std::thread::Result<T>) {
    ARMED.set(Some((nth, Box::new(act))));
    let result = catch_unwind(AssertUnwindSafe(read));
    (ARMED.take().is_none(), result)
}

/// Unwinds without a word.
pub(crate) fn unwind() {
    resume_unwind(Box::new("armed"));
}

/// A clock at which a thread does what it is [`armed`] with.
#[derive(Debug)]
pub(crate) struct Trap;

impl Clock for Trap {
    fn now(&self) -> Duration {
        match ARMED.take() {
            Some((1, act)) => act(),
            Some((left, act)) => ARMED.set(Some((left - 1, act))),
            None => {}
        }
        Duration::ZERO
    }
}

/// At which reading of the clock to do what.
type Armed = (u64, Box<dyn FnOnce()>);

thread_local! {
    static ARMED: Cell<Option<Armed>> = const { Cell::new(None) };
}
