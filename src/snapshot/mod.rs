//! Immutable results: what readers get, share and keep.

pub(crate) mod accumulator;
pub(crate) mod histogram;
pub(crate) mod recent;
pub(crate) mod registry;
pub(crate) mod throughput;
