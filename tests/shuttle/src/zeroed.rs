//! Zeroed cells, one by one.

use crate::sync::{AtomicU32, AtomicU64};

pub(crate) type Zeroed = Box<[AtomicU32]>;

pub(crate) fn zeroed_u32(len: usize) -> Zeroed {
    (0..len).map(|_| AtomicU32::new(0)).collect()
}

pub(crate) fn zeroed_u64(len: usize) -> Box<[AtomicU64]> {
    (0..len).map(|_| AtomicU64::new(0)).collect()
}
