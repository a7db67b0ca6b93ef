//! Threads that may be interrupted, and who interrupts them.

use crate::interrupts::{keeping_errno, on_interruption, random};
use std::sync::Mutex;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};
use std::time::Duration;

/// The threads that may be interrupted.
#[derive(Default)]
pub(crate) struct Victims(Mutex<Vec<libc::pthread_t>>);

/// A thread that may be interrupted as long as this lives.
pub(crate) struct Victim<'a>(&'a Victims, libc::pthread_t);

impl Victims {
    pub(crate) fn enter(&self) -> Victim<'_> {
        // SAFETY: names the calling thread.
        let thread = unsafe { libc::pthread_self() };
        self.0.lock().unwrap().push(thread);
        Victim(self, thread)
    }

    /// Interrupts one after the other until told to stop. How often.
    pub(crate) fn torment(&self, running: &AtomicBool) -> u64 {
        // SAFETY: lets the calling thread's sleeps end when they should, and nothing else.
        let failed = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1) };
        assert_eq!(failed, 0);
        let (mut state, mut signals) = (1, 0);
        while running.load(SeqCst) {
            let victims = self.0.lock().unwrap();
            for _ in 0..4.min(victims.len()) {
                let victim = victims[random(&mut state) as usize % victims.len()];
                // SAFETY: a thread leaves the list, which is locked, before it ends.
                let failed = unsafe { libc::pthread_kill(victim, libc::SIGUSR1) };
                assert_eq!(failed, 0);
                signals += 1;
            }
            drop(victims);
            // Who wakes up takes the processor from somebody, wherever that one is.
            std::thread::sleep(Duration::from_nanos(random(&mut state) % 20_000));
        }
        signals
    }
}

impl Drop for Victim<'_> {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().retain(|thread| *thread != self.1);
    }
}

pub(crate) fn be_interrupted() {
    // SAFETY: the handler does nothing but system calls and atomics.
    unsafe { on_interruption(interrupt) };
}

/// Gives the processor away, sleeps, or dawdles: a number of its own for each call says which.
extern "C" fn interrupt(_: libc::c_int) {
    static INTERRUPTIONS: AtomicU64 = AtomicU64::new(0);
    keeping_errno(|| {
        let mut state = INTERRUPTIONS.fetch_add(1, Relaxed);
        random(&mut state);
        match random(&mut state) % 8 {
            0..3 => {
                // SAFETY: a system call without arguments.
                unsafe { libc::sched_yield() };
            }
            3..5 => {
                let time = libc::timespec {
                    tv_sec: 0,
                    tv_nsec: (random(&mut state) % 50_000) as libc::c_long,
                };
                // SAFETY: a system call that reads `time`.
                unsafe { libc::nanosleep(&raw const time, std::ptr::null_mut()) };
            }
            5 => (0..random(&mut state) % 300).for_each(|_| std::hint::spin_loop()),
            _ => {}
        }
    });
}

/// Lets the calling thread, and those that it starts, run on the first `processors` of those that it may run on.
pub(crate) fn confine(processors: usize) {
    // SAFETY: plain data, for which zero, no processor, is a value.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is as large as is said.
    let failed = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
    assert_eq!(failed, 0);
    let mut found = 0;
    for processor in 0..libc::CPU_SETSIZE as usize {
        // SAFETY: a bit of the set.
        if unsafe { libc::CPU_ISSET(processor, &set) } {
            found += 1;
            if found > processors {
                // SAFETY: as above.
                unsafe { libc::CPU_CLR(processor, &mut set) };
            }
        }
    }
    // SAFETY: as with `sched_getaffinity`.
    let failed = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
    assert_eq!(failed, 0);
}
