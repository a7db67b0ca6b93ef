#![doc = include_str!("../README.md")]

mod data;
mod html;

pub use data::render_data;
pub use html::{CONTENT_SECURITY_POLICY, DATA_HEADERS, HTML, HTML_HEADERS};
