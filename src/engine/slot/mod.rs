//! Thread slots: which thread owns which index, and one lazily created value for each slot that used a metric.
//!
//! A slot is a small dense index. While a thread owns a slot, it is the only writer of every cell that any metric keeps for
//! that slot, so a write is a load and a store, never a read-modify-write. When the thread ends, the slot is released and the
//! next thread continues the same cells: nothing is merged, nothing is lost.

pub(crate) mod adaptive;
pub(crate) mod change_word;
pub(crate) mod changes;
pub(crate) mod claims;
pub(crate) mod growing_table;
pub(crate) mod once_box;
pub(crate) mod owner;
pub(crate) mod per_slot;
pub(crate) mod slot_word;
pub(crate) mod sparse_table;
