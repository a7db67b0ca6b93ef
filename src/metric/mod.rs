//! The handles that users hold: cheap to clone, usable as long as they are held, never guards.
//!
//! A handle finds its engine part and calls it with [`ThisThread`](crate::thread::ThisThread). It has no protocol of its own.

pub(crate) mod bounds;
pub(crate) mod cached_value;
pub(crate) mod context;
pub(crate) mod counter;
pub(crate) mod duration_options;
mod exemplars;
mod exports;
pub(crate) mod family;
pub(crate) mod family_options;
pub(crate) mod family_series;
pub(crate) mod float_counter;
pub(crate) mod gauge;
pub(crate) mod histogram;
pub(crate) mod in_flight;
pub(crate) mod label_set;
pub(crate) mod options;
pub(crate) mod throughput;
pub(crate) mod timer;
pub(crate) mod typed_family;
mod warm;
mod window;
mod window_lengths;
