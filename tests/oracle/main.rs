//! Whole programs against plain models: any operations, by any thread, in any order, with any clock; and threads at the same
//! time, whose order nobody knows, against what must be true at the end.
//!
//! The models keep every event as it is and answer by looking through all of them.

mod histogram;
mod merge;
mod program;
mod recent;
mod run;
mod setup;
mod throughput;
mod together;
mod values;

use proptest::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn any_program_shows_what_a_plain_model_shows((setup, ops) in program::program()) {
        let mut run = run::Run::new(setup);
        for (thread, op) in ops {
            run.step(thread, op);
        }
        run.finish();
    }
}

/// A program that fails is made smaller for so long only.
fn cases(n: u32) -> ProptestConfig {
    ProptestConfig {
        max_shrink_time: 20_000,
        ..ProptestConfig::with_cases(n)
    }
}

/// Does `again` again and again on a thread of its own, for as long as `work` goes on.
fn beside(mut again: impl FnMut() + Send, work: impl FnOnce()) {
    /// Ends the other thread, whether or not there is a panic.
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(false, SeqCst);
        }
    }
    let running = AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while running.load(SeqCst) {
                again();
            }
        });
        let _stop = Stop(&running);
        work();
    });
}
