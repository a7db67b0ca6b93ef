//! Two threads on two processors: on a busy machine the scheduler may run them on one, in turns, and then nothing that they
//! share is ever contended.

/// Keeps the calling thread on the `nth` of the processors that the process may use (`taskset` says which). Does nothing if
/// there are fewer, and on other systems than Linux.
#[cfg(target_os = "linux")]
pub(crate) fn to(nth: usize) {
    // SAFETY: a `cpu_set_t` is a plain array of bits, of which none set is a valid one.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::cpu_set_t>();
    // SAFETY: `set` is valid for writes of `size` bytes.
    unsafe { libc::sched_getaffinity(0, size, &mut set) };
    // SAFETY: every number is less than the number of bits in the set.
    let mut usable =
        (0..libc::CPU_SETSIZE as usize).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) });
    let Some(cpu) = usable.nth(nth) else {
        return;
    };
    // SAFETY: as above.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `cpu` is less than the number of bits in the set.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: `set` is valid for reads of `size` bytes. If the call fails the thread runs where it did.
    unsafe { libc::sched_setaffinity(0, size, &set) };
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn to(_: usize) {}
