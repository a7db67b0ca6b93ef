//! The engine's constants. Models replace this file by one with smaller values, so that rare paths are common there.

/// Entries of a [`GrowingTable`](crate::engine::slot::growing_table::GrowingTable) that need no allocation: a power of two.
pub(crate) const INLINE_ENTRIES: usize = 32;
/// Slots whose entries a histogram keeps side by side.
pub(crate) const FIRST_SLOTS: usize = 16;
/// Slots whose entries it keeps in a chunk, beyond the first ones.
pub(crate) const CHUNK_SLOTS: usize = 32;
/// Octaves of a shared bank whose counters the histogram itself points to: at most 8.
pub(crate) const NEAR_OCTAVES: usize = 8;
/// Cells in a page: 2 KiB for each thread that owns cells there.
pub(crate) const PAGE_CELLS: usize = 256;
/// How many writes to shared cells there are from one look at the coarse clock to the next: a power of two, at most 256.
pub(crate) const LOOK_EVERY: u64 = 256;
/// Milliseconds that may lie between two looks of one run: with `LOOK_EVERY`, 1,024 writes a second.
pub(crate) const PACE: u64 = 250;
/// Milliseconds of a run that promotes its thread.
pub(crate) const SUSTAIN: u64 = 1_000;
/// How often a reader checks whether the writer has switched banks before it reads the bank as it is.
pub(crate) const BANK_CHECKS: usize = 16;
/// How often a reader scans a bank that does not add up before it accepts the scan and reports the difference.
pub(crate) const BANK_SCANS: usize = 4;
/// How often a reader looks at shared counters that do not add up before it reports the difference.
pub(crate) const SHARED_SCANS: usize = 4;
/// How often a reader folds a shared block before it reports samples as uncertain because a late one came in between.
pub(crate) const SHARED_FOLDS: usize = 8;
/// Whether each read sends writers to a shared block's other bank, and not only one that finds samples uncertain.
pub(crate) const LEAVE_ALWAYS: bool = false;
/// Bits of a bucket's count that every record touches; the remaining bits change once in `2^LOW_BITS` records.
pub(crate) const LOW_BITS: u32 = 31;
/// Values of more bits than this are large: a record adds them to a bank's `large` as well, out of line.
pub(crate) const LARGE_BITS: u32 = 53;
/// How far large values are shifted before they are added to `large`, so that 2^48 of the largest fit.
pub(crate) const LARGE_SHIFT: u32 = 48;
/// Samples that a reader folds from a queue and remembers before it drains the bank instead.
pub(crate) const MAX_PROVISIONAL: usize = 512;
/// Samples that a histogram's queue holds at least: a power of two.
pub(crate) const MIN_QUEUE: usize = 256;
/// How often a reset that may give up tries to cut each slot; between two attempts it yields the processor.
pub(crate) const RESET_ATTEMPTS: usize = 64;
