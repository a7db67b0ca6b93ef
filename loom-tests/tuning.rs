//! The constants of `src/tuning.rs`, shrunk so that models reach the rare paths.

/// The second slot already lives in an allocated segment.
pub(crate) const INLINE_ENTRIES: usize = 1;
/// A histogram's second slot lives in a chunk, which the third one shares.
pub(crate) const FIRST_SLOTS: usize = 1;
pub(crate) const CHUNK_SLOTS: usize = 2;
/// All octaves want one place.
pub(crate) const NEAR_OCTAVES: usize = 1;
/// Two counters can be on one page, and a third on another.
pub(crate) const PAGE_CELLS: usize = 2;
/// Another check shows a reader nothing that another execution does not show it.
pub(crate) const BANK_CHECKS: usize = 1;
pub(crate) const BANK_SCANS: usize = 1;
pub(crate) const SHARED_SCANS: usize = 1;
pub(crate) const SHARED_FOLDS: usize = 1;
pub(crate) const LEAVE_ALWAYS: bool = true;
pub(crate) const RESET_ATTEMPTS: usize = 1;
/// Four samples in a bucket carry.
pub(crate) const LOW_BITS: u32 = 2;
/// Four and more are large.
pub(crate) const LARGE_BITS: u32 = 2;
pub(crate) const LARGE_SHIFT: u32 = 1;
/// Folds from the queue soon go on to the banks, but not at once after a scan.
pub(crate) const MAX_PROVISIONAL: usize = 3;
/// As for users: models choose their queues themselves.
#[allow(dead_code, reason = "handles use it")]
pub(crate) const MIN_QUEUE: usize = 256;
/// A thread whose clock advances is promoted at its second look: with its fourth write.
pub(crate) const LOOK_EVERY: u64 = 2;
pub(crate) const PACE: u64 = 1 << 40;
pub(crate) const SUSTAIN: u64 = 1;
