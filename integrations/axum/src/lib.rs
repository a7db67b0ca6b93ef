#![doc = include_str!("../README.md")]

mod endpoints;
mod measured;

pub use endpoints::Endpoints;
pub use measured::{http_metrics, measured};
