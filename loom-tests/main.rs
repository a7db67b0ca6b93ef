//! Models of everything concurrent: the engine's own source files, compiled against loom's atomics and locks.
//!
//! `cargo test --features loom` runs them. The files beside this one stand in for those of the same name in `src/`. A model
//! calls what a handle or a registry calls and holds no steps of a protocol itself. Each model spawns both of its sides (a
//! model whose one side is the main thread can explore a single execution and prove nothing), ends in an assertion, and prints
//! how many executions loom explored; fewer than a sensible number is a failure. Each names the orderings or steps without
//! which it fails; `mutate.py` checks that.

#![allow(dead_code, reason = "models use a part of the files that they compile")]

#[path = "../src/engine/mod.rs"]
mod engine;

mod index;
#[path = "../src/ownership.rs"]
#[allow(unreachable_pub, reason = "the library exports it")]
mod ownership;
#[path = "../src/prefetch.rs"]
mod prefetch;
mod published;
mod sync;
mod tuning;
mod zeroed;

mod models;
