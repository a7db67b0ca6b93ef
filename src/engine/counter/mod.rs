//! Counters and gauges: pages of cells, and a reader's copy.
//!
//! ```text
//!               page (256 metrics)
//! slot 0        [ cell 0 | cell 1 | … | cell 255 ] epoch     written by the thread that owns slot 0
//! slot 1        [ cell 0 | cell 1 | … | cell 255 ] epoch     written by the thread that owns slot 1
//! shared        [ cell 0 | cell 1 | … | cell 255 ]           gauges: written by any thread
//!                            │
//!                            └ metric 1 of the page is the sum of this column
//! ```

pub(crate) mod page;
pub(crate) mod page_cache;
