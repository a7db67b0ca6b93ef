#![doc = include_str!("../README.md")]

mod exchange;
mod families;
mod layer;
mod request_body;
mod response_body;
mod response_future;
mod route;
mod service;

pub use layer::HttpMetrics;
pub use request_body::RequestBody;
pub use response_body::ResponseBody;
pub use response_future::ResponseFuture;
pub use service::HttpMetricsService;
