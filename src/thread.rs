//! The calling thread: the thread-locals and the static that [`engine::slot::owner`](crate::engine::slot::owner) needs.
//!
//! The state itself is a constant-initialised thread-local without a destructor, so that reading it needs neither a
//! registration nor a check that it is alive. A second thread-local has the destructor. (The `thread_local` crate keeps a value
//! for each thread and object; here one slot a thread serves all metrics, and the hot path must not look anything up.)

use crate::engine::slot::claims::SlotClaims;
use crate::engine::slot::owner::{CurrentThread, ThreadSlot};
use crate::sync::{AtomicU64, LazyLock, Relaxed, thread_local};
use crate::ticks::coarse_millis;

static CLAIMS: LazyLock<SlotClaims> = LazyLock::new(SlotClaims::default);
/// How many registries were made.
static REGISTRIES: LazyLock<AtomicU64> = LazyLock::new(|| AtomicU64::new(0));

thread_local! {
    static OWN: ThreadSlot = const { ThreadSlot::new() };
    static AT_EXIT: ReleaseAtExit = const { ReleaseAtExit };
}

/// Releases the thread's slot when the thread ends.
struct ReleaseAtExit;

impl Drop for ReleaseAtExit {
    fn drop(&mut self) {
        OWN.with(|own| own.release(&CLAIMS));
    }
}

/// The thread that calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThisThread;

// SAFETY: one static table of slots, and one thread-local state.
unsafe impl CurrentThread for ThisThread {
    #[inline(always)]
    fn with<R>(self, f: impl FnOnce(&ThreadSlot) -> R) -> R {
        OWN.with(f)
    }

    fn claims(&self) -> &SlotClaims {
        &CLAIMS
    }

    fn release_at_exit(self) -> bool {
        AT_EXIT.try_with(|_| ()).is_ok()
    }

    fn ticks(self) -> u64 {
        coarse_millis()
    }
}

/// A number, at least 1, that no other registry of the process has or had.
pub(crate) fn number_registry() -> u64 {
    // Relaxed: only the number counts.
    REGISTRIES.fetch_add(1, Relaxed) + 1
}
