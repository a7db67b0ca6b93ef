//! A stopped thread makes nobody wait: threads are run instruction by instruction and stopped before each one of a record, of
//! the other writes, and of a rebuild, and meanwhile everybody else goes on, and is right about what there is.
//!
//! A thread is stopped only where it executes this program's own code. In the C library it might hold the allocator's lock,
//! which the others need for themselves; the instructions there are not counted. Nor are those of a release build counted
//! here, which has fewer (`tests/hot_path.rs`): tests are compiled with assertions.
//!
//! `EPOCH_STRESS=10` stops readers, which execute thousands of instructions, in ten times as many places.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod counts;
mod reader;
mod shared;
#[path = "../single_step/mod.rs"]
mod single_step;
mod stepped;
mod subject;
mod writer;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// One test at a time: then a thread gets the same slot each time, and reading executes the same instructions.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `stop_at` with 0, `every`, twice that and so on, until it says that the call ended first, of how many
/// instructions; `what` is what everything is called that is said about it.
fn at_every_instruction(what: &str, every: u64, stop_at: impl Fn(u64) -> Option<u64>) {
    let stop_at = |at| {
        let _note = NoteOnPanic(format!("{what}, stopped before instruction {at}"));
        stop_at(at)
    };
    let executed = (0..)
        .step_by(every as usize)
        .find_map(stop_at)
        .expect("a call ends");
    println!("{what}: {executed} instructions");
    assert!(executed > 10, "only {executed} instructions");
}

/// Says where it happened when there is a panic.
struct NoteOnPanic(String);

impl Drop for NoteOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was: {}", self.0);
        }
    }
}
