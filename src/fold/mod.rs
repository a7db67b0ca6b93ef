//! What a reader keeps from one read to the next, behind the lock of the metric: plain state, cut into snapshots.
//!
//! They implement the engine's `Accumulate` and `Summarize`; folding itself is in `engine::histogram::fold`.

mod corrected;
mod decaying;
pub(crate) mod histogram;
pub(crate) mod recent;
pub(crate) mod throughput;
pub(crate) mod windows;
