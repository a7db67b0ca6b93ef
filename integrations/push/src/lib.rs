#![doc = include_str!("../README.md")]

mod error;
mod gateway;

pub use error::{GroupError, PushError};
pub use gateway::Pushgateway;
