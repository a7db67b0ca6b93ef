//! Models of everything concurrent: the core's own source files, compiled against loom's atomics.
//!
//! `cargo test --features loom` runs them. Each model spawns both of its sides (a model whose one side is the main thread
//! can explore a single execution and prove nothing), ends in an assertion, and prints how many executions loom explored;
//! fewer than a sensible number is a failure. Each names the orderings or steps that it was seen to fail without.

#![allow(dead_code, reason = "models use a part of the files that they compile")]

mod sync;

#[path = "../src/core/block.rs"]
mod block;
#[path = "../src/core/cached.rs"]
mod cached;
#[path = "../src/core/cells.rs"]
mod cells;
#[path = "../src/core/fold.rs"]
mod fold;
#[path = "../src/core/layout.rs"]
mod layout;
#[path = "../src/core/per_thread.rs"]
mod per_thread;
#[path = "../src/core/recorder.rs"]
mod recorder;
#[path = "../src/core/resets.rs"]
mod resets;
#[path = "../src/core/ring.rs"]
mod ring;
#[path = "../src/core/segments.rs"]
mod segments;
#[path = "../src/core/slots.rs"]
mod slots;

mod models;
