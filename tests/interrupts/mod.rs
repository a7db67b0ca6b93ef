//! Interrupting threads by a signal, at whichever instruction they are.

use libc::c_int;

/// From now on a thread that gets SIGUSR1 calls `handler`, and then goes on where it was.
///
/// # Safety
///
/// `handler` does only what a signal handler may, as system calls and atomics.
pub(crate) unsafe fn on_interruption(handler: extern "C" fn(c_int)) {
    // SAFETY: plain data, for which zero is a value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the caller's promise.
    let failed = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
    assert_eq!(failed, 0);
}

/// What a handler does, unnoticed by the code that it interrupts.
pub(crate) fn keeping_errno(work: impl FnOnce()) {
    // SAFETY: the calling thread's own.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: valid as long as the thread.
    let saved = unsafe { *errno };
    work();
    // SAFETY: as above.
    unsafe { *errno = saved };
}

pub(crate) fn random(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}
