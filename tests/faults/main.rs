//! Faults: threads and readers that panic, readers that are stopped, threads by the thousand, registries that go while
//! others write, a child after `fork`, clocks that are wrong, numbers that wrap.

mod clocks;
#[cfg(target_os = "linux")]
mod fork;
#[cfg(target_os = "linux")]
mod held;
#[cfg(target_os = "linux")]
#[path = "../interrupts/mod.rs"]
mod interrupts;
mod metrics;
mod panics;
mod registries;
mod stopped;
mod threads;
mod trap;
mod wrapping;

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

static PROCESS: RwLock<()> = RwLock::new(());

/// Held by a test that may run beside others.
fn beside_others() -> RwLockReadGuard<'static, ()> {
    PROCESS.read().unwrap_or_else(PoisonError::into_inner)
}

/// Held by a test that measures the whole process, or forks it.
fn alone() -> RwLockWriteGuard<'static, ()> {
    PROCESS.write().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `done`; panics rather than hang if that never comes to be.
fn until(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "waited in vain: {what}"
        );
        std::thread::yield_now();
    }
}

/// Does at its end what lets other threads go on, also when an assertion failed: they would wait for ever.
struct Release<F: Fn()>(F);

impl<F: Fn()> Drop for Release<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
