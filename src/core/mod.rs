//! All that is concurrent, and nothing else.
//!
//! Each file here opens with its protocol and a table of its orderings. They name atomics only through
//! [`sync`](crate::sync) as `super::sync` and know nothing of statics, thread-locals or handles: `loom-tests/` compiles
//! these same files against loom's types.

use crate::sync;

pub(crate) mod block;
pub(crate) mod cached;
pub(crate) mod cells;
pub(crate) mod fold;
pub(crate) mod layout;
pub(crate) mod per_thread;
pub(crate) mod recorder;
pub(crate) mod resets;
pub(crate) mod ring;
pub(crate) mod segments;
pub(crate) mod slots;

#[cfg(test)]
mod tests;
