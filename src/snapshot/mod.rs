//! Plain immutable values: what readers get, share and keep.

mod arithmetic;
mod durations;
pub(crate) mod exemplar;
pub(crate) mod exported;
pub(crate) mod histogram;
pub(crate) mod latest;
pub(crate) mod origin;
mod rank;
pub(crate) mod recent;
pub(crate) mod throughput;
pub(crate) mod window;
