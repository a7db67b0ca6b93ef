//! Stands in for `src/thread.rs`: shuttle destroys all thread-locals of a task at once, so the state releases its own slot.

use crate::engine::slot::claims::SlotClaims;
use crate::engine::slot::owner::{CurrentThread, ThreadSlot};
use crate::sync::{AtomicU64, LazyLock, Relaxed, thread_local};

static CLAIMS: LazyLock<SlotClaims> = LazyLock::new(SlotClaims::default);
/// How many registries were made.
static REGISTRIES: LazyLock<AtomicU64> = LazyLock::new(|| AtomicU64::new(0));

thread_local! {
    static OWN: Own = Own(ThreadSlot::new());
}

struct Own(ThreadSlot);

impl Drop for Own {
    fn drop(&mut self) {
        self.0.release(&CLAIMS);
    }
}

/// The task that calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThisThread;

// SAFETY: one static table of slots, and one task-local state.
unsafe impl CurrentThread for ThisThread {
    fn with<R>(self, f: impl FnOnce(&ThreadSlot) -> R) -> R {
        OWN.with(|own| f(&own.0))
    }

    fn claims(&self) -> &SlotClaims {
        &CLAIMS
    }

    fn release_at_exit(self) -> bool {
        true
    }

    /// Later with every look, so that a task that goes on writing is promoted.
    fn ticks(self) -> u64 {
        static LOOKS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
        LOOKS.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }
}

/// A number, at least 1, that no other registry of the process has or had.
pub(crate) fn number_registry() -> u64 {
    // Relaxed: only the number counts.
    REGISTRIES.fetch_add(1, Relaxed) + 1
}
