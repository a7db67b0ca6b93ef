//! Counters and gauges: pages of cells, and a reader's copy.
//!
//! ```text
//!               page (256 metrics)
//! shared        [ cell 0 | cell 1 | … | cell 255 ]           written by any thread; gauges are here only
//! slot 0        [ cell 0 | cell 1 | … | cell 255 ] epoch     written by the thread that owns slot 0
//! slot 7        [ cell 0 | cell 1 | … | cell 255 ] epoch     written by the thread that owns slot 7
//!                            │
//!                            └ metric 1 of the page is the sum of this column
//! ```
//!
//! A slot has cells of its own only while its owner writes to the page often: [`adaptive`](super::slot::adaptive).

pub(crate) mod handles;
pub(crate) mod holders;
mod owned;
pub(crate) mod page;
pub(crate) mod page_cache;
pub(crate) mod raise;
mod shared;
