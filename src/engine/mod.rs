//! Everything that is concurrent, and nothing else.
//!
//! ```text
//! write                                          read
//! handle ──► slot of the thread ──► its cells    epoch changed? ──► fold ──► snapshot ──► SnapshotCache ──► Arc
//!            (slot)                 (counter,    (counter::page_cache, histogram::fold, throughput, read_order)
//!                                    histogram,
//!                                    throughput)
//! ```
//!
//! A protocol lives here as a whole: handles call [`Page::add`](counter::page::Page::add),
//! [`Recorder::record`](histogram::Recorder::record) or [`Tracker::add`](throughput::Tracker::add) and add nothing. `loom-tests/`
//! compiles this folder a second time against loom's types and calls the same functions, so the engine names atomics, locks
//! and thread-locals only through [`crate::sync`] and its siblings, and has no statics.
//!
//! A file that has orderings or steps of its own opens with its protocol and a table of its orderings: the operation, its ordering, what it pairs with, what breaks
//! if it is weaker, and the model in `loom-tests/models` that fails then.
//!
//! # Glossary
//!
//! - **cell**: one 64-bit atomic. **page**: the cells of 256 counters or gauges.
//! - **slot**: a small index that a thread owns; it is the only writer of the slot's cells.
//! - **epoch**: a number that grows with every write, so that a reader sees whether anything changed.
//! - **block**: what one slot recorded into one histogram. **bank**: one of its two sets of bucket counters.
//! - **octave**: the buckets of the values from 2^e to 2^(e+1) - 1.
//! - **tail**: how many samples a slot has recorded into a histogram: the value of `recorded` that a reader loaded.
//! - **large**: a value of more than 53 bits, which a bank adds up a second time ([`LARGE_BITS`](crate::tuning::LARGE_BITS)).
//! - **fold**: to add what is new since the last read to what was read before.
//! - **provisional**: folded already, and also in a bank that is not drained yet.
//! - **uncertain**: read while its record was under way; it may be missing from the sum.
//! - **generation**: how often something was reset.
//! - **position**: where a series is in its family's list; of a family of cells, the cell. **baseline**: what a cell held when its
//!   series got it. **detached**: written to a series after it was removed.
//! - **overrun**: more was recorded since the last read than the queue holds.

pub(crate) mod chunked;
pub(crate) mod counter;
pub(crate) mod family;
mod family_reader;
pub(crate) mod generation;
pub(crate) mod histogram;
pub(crate) mod read_order;
pub(crate) mod readout;
pub(crate) mod rebuilds;
pub(crate) mod slot;
pub(crate) mod snapshot_cache;
pub(crate) mod throughput;
pub(crate) mod versioned;
