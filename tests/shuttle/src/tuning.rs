//! Small constants: the second slot is in an allocated segment, a page is full after two metrics, and banks are read soon.

pub(crate) const INLINE_ENTRIES: usize = 1;
pub(crate) const FIRST_SLOTS: usize = 1;
pub(crate) const CHUNK_SLOTS: usize = 2;
pub(crate) const NEAR_OCTAVES: usize = 2;
pub(crate) const PAGE_CELLS: usize = 2;
pub(crate) const BANK_CHECKS: usize = 1;
pub(crate) const BANK_SCANS: usize = 1;
pub(crate) const LOW_BITS: u32 = 2;
pub(crate) const LARGE_BITS: u32 = 53;
pub(crate) const LARGE_SHIFT: u32 = 48;
pub(crate) const MAX_PROVISIONAL: usize = 3;
pub(crate) const MIN_QUEUE: usize = 4;
pub(crate) const SHARED_SCANS: usize = 1;
pub(crate) const SHARED_FOLDS: usize = 1;
pub(crate) const LEAVE_ALWAYS: bool = true;
pub(crate) const RESET_ATTEMPTS: usize = 1;
/// A thread whose clock advances is promoted at its second look.
pub(crate) const LOOK_EVERY: u64 = 2;
pub(crate) const PACE: u64 = 1 << 40;
pub(crate) const SUSTAIN: u64 = 1;
