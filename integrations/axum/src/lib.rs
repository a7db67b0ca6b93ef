#![doc = include_str!("../README.md")]

mod endpoints;
mod live;
mod measured;
mod page_body;

pub use endpoints::Endpoints;
pub use measured::{http_metrics, measured};

#[doc = include_str!("guide.md")]
pub mod guide {}
