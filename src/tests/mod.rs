//! Tests of the engine's parts that need neither threads nor loom. They are not in the files themselves, because `loom-tests/`
//! compiles those.

mod adaptive;
mod block;
mod bucket_layout;
mod counts;
mod folds;
mod growing_table;
mod labels;
mod ring;
mod windows;
