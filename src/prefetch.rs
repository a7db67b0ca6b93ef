//! A hint to the processor, which changes nothing but times.
//!
//! A write that finds its cache lines far away waits for each of them in turn, since an atomic read-modify-write holds back what comes
//! after it. With the hint they come side by side.

/// Fetches the line of `place` for a write. Does nothing where no such hint is known.
#[inline(always)]
pub(crate) fn for_write<T>(place: &T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: the instruction reads and writes nothing that a program sees, and never faults. Processors that do not know it take it
    // for no operation.
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) place, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = place;
}
