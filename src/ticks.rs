//! The crate's own coarse clock, by which the engine tells a burst of writes from a rate.
//!
//! It is not the user's [`Clock`](crate::Clock), which may panic, stand still or write to a metric.

/// Milliseconds since some fixed instant, at least 1. On Linux as of the kernel's last timer tick.
#[cfg(target_os = "linux")]
pub(crate) fn coarse_millis() -> u64 {
    let now = crate::clock::read_system_clock(libc::CLOCK_MONOTONIC_COARSE);
    (now.as_millis() as u64).max(1)
}

/// Milliseconds since the first call, at least 1.
#[cfg(not(any(
    target_os = "linux",
    all(target_family = "wasm", target_os = "unknown")
)))]
pub(crate) fn coarse_millis() -> u64 {
    static FIRST: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let elapsed = FIRST.get_or_init(std::time::Instant::now).elapsed();
    (elapsed.as_millis() as u64).max(1)
}

/// Stands still: this target has no clock, so that no rate can be told.
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub(crate) fn coarse_millis() -> u64 {
    1
}
