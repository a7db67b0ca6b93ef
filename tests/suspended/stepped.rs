//! A thread that is run instruction by instruction and stopped before one of them.

use crate::single_step::{self, Next};
use epoch_metrics::Clock;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// A call that is executed instruction by instruction, and stops before one of them.
pub(crate) struct Stepped {
    /// Which one; the first is number 0.
    at: u64,
    /// Whether they are counted from where the call has read the clock.
    from_clock: bool,
    executed: AtomicU64,
    stopped: AtomicBool,
    ended: AtomicBool,
    gave_up: AtomicBool,
}

impl Stepped {
    pub(crate) fn new(at: u64) -> Self {
        let no = || AtomicBool::new(false);
        let executed = AtomicU64::new(0);
        Self {
            at,
            from_clock: false,
            executed,
            stopped: no(),
            ended: no(),
            gave_up: no(),
        }
    }

    /// Counts from where a rebuild begins in earnest: it reads the clock before it folds.
    pub(crate) fn in_rebuild(at: u64) -> Self {
        Self {
            from_clock: true,
            ..Self::new(at)
        }
    }

    /// Executes `call` on this thread.
    pub(crate) fn run<F: Fn()>(&self, call: &F) {
        extern "C" fn invoke<F: Fn()>(call: &F, _: u64) {
            call();
        }
        /// So that who waits for the end gets it, also when there is a panic before this.
        struct End<'a>(&'a AtomicBool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.store(true, SeqCst);
            }
        }
        let _end = End(&self.ended);
        CLOCK_WAS_READ.set(false);
        single_step::step(invoke::<F>, call, 0, &|address| self.instruction(address));
    }

    /// In a signal handler: no allocation, no lock, no panic.
    fn instruction(&self, address: usize) -> Next {
        if self.from_clock && !CLOCK_WAS_READ.get() {
            return Next::Run;
        }
        if !in_program(address) {
            return Next::Step;
        }
        let number = self.executed.load(SeqCst);
        self.executed.store(number + 1, SeqCst);
        if number != self.at {
            return if number < self.at {
                Next::Step
            } else {
                Next::Run
            };
        }
        self.stopped.store(true, SeqCst);
        let since = Instant::now();
        while self.stopped.load(SeqCst) {
            if since.elapsed() > PATIENCE {
                self.gave_up.store(true, SeqCst);
                break;
            }
            std::thread::yield_now();
        }
        Next::Run
    }

    /// Waits until the call has stopped, or ended before it came to that.
    pub(crate) fn stops(&self) -> Option<Stopped<'_>> {
        while !self.stopped.load(SeqCst) {
            if self.ended.load(SeqCst) {
                return None;
            }
            std::thread::yield_now();
        }
        Some(Stopped(self))
    }

    /// How many instructions were executed, if it ended without having stopped.
    pub(crate) fn finished(&self) -> Option<u64> {
        let executed = self.executed.load(SeqCst);
        (executed <= self.at).then_some(executed)
    }

    pub(crate) fn wait_for_end(&self) {
        while !self.ended.load(SeqCst) {
            std::thread::yield_now();
        }
    }
}

/// A thread that goes on when this is dropped.
pub(crate) struct Stopped<'a>(&'a Stepped);

impl<'a> Stopped<'a> {
    /// Lets it go on, and makes sure that nobody waited for it until then.
    pub(crate) fn release(self) -> &'a Stepped {
        assert!(
            !self.0.gave_up.load(SeqCst),
            "somebody waits for a thread stopped before instruction {}",
            self.0.at
        );
        self.0
    }
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.stopped.store(false, SeqCst);
    }
}

/// How long a stopped thread waits to be released before it goes on by itself, so that who waits for it fails and does not
/// hang: generous, for machines that do much else.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether an address is in this program's own code.
fn in_program(address: usize) -> bool {
    unsafe extern "C" {
        static __executable_start: u8;
        static etext: u8;
    }
    (&raw const __executable_start as usize..&raw const etext as usize).contains(&address)
}

/// A clock that stands still, and resumes a call that is to be stepped from its reading of the coarse time on.
#[derive(Debug, Default)]
pub(crate) struct StillClock {
    pub(crate) nanos: AtomicU64,
}

impl Clock for StillClock {
    fn now(&self) -> Duration {
        CLOCK_WAS_READ.set(true);
        single_step::resume();
        Duration::from_nanos(self.nanos.load(SeqCst))
    }
}

thread_local! {
    /// Whether this thread has read the clock since its stepped call began.
    static CLOCK_WAS_READ: Cell<bool> = const { Cell::new(false) };
}
