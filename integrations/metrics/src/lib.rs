#![doc = include_str!("../README.md")]

mod builder;
mod error;
mod family;
mod handle;
mod labels;
mod matcher;
mod names;
mod recorder;
mod scale;
mod settings;

pub use builder::PrometheusBuilder;
pub use error::BuildError;
pub use matcher::Matcher;
pub use recorder::{PrometheusHandle, PrometheusRecorder};

#[doc = include_str!("guide.md")]
pub mod guide {}
