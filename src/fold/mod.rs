//! What a reader keeps from one read to the next, behind the lock of the metric: plain state, cut into snapshots.

pub(crate) mod histogram;
pub(crate) mod recent;
pub(crate) mod throughput;
