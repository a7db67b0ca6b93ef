#![doc = include_str!("../README.md")]

mod collection;
mod error;
mod exponential;
mod exporter;
mod histogram_point;
mod http;
mod points;
mod producer;
mod running;

pub use collection::HistogramForm;
pub use error::{EndpointError, ExportError};
pub use exporter::Exporter;
pub use http::HttpSender;
pub use producer::Producer;
pub use running::RunningExporter;

#[doc = include_str!("guide.md")]
pub mod guide {}
