//! Memory that may be refused: zeroed cells, and boxes. `None`: there is none.
//!
//! The standard library's own constructors abort without memory. What asks here has an answer to that: a thread without cells of its
//! own stays with the shared ones, and a value without a counter counts as rejected.

use crate::sync::{AtomicU32, AtomicU64};
use std::alloc::{Layout, alloc, alloc_zeroed};

/// `len` zeroed 32-bit cells; at least one.
pub(crate) fn zeroed_u32(len: usize) -> Option<Box<[AtomicU32]>> {
    let cells = zeroed(Layout::array::<AtomicU32>(len).ok()?)?.cast::<AtomicU32>();
    // SAFETY: allocated for `len` cells of this type, which is valid when it is zero.
    Some(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(cells, len)) })
}

/// `len` zeroed 64-bit cells; at least one.
pub(crate) fn zeroed_u64(len: usize) -> Option<Box<[AtomicU64]>> {
    // Not a `Vec<u64>`: on 32-bit x86 that is aligned to 4 bytes, and an AtomicU64 is to 8.
    let cells = zeroed(Layout::array::<AtomicU64>(len).ok()?)?.cast::<AtomicU64>();
    // SAFETY: allocated for `len` cells of this type, which is valid when it is zero.
    Some(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(cells, len)) })
}

/// A box, of a type that has a size.
pub(crate) fn try_box<T>(value: T) -> Option<Box<T>> {
    const { assert!(size_of::<T>() > 0, "an allocation of no bytes") };
    // SAFETY: the layout has a size.
    let place = unsafe { alloc(Layout::new::<T>()) }.cast::<T>();
    if place.is_null() {
        return None;
    }
    // SAFETY: allocated with the layout of `T`.
    unsafe { place.write(value) };
    // SAFETY: as above, and initialised.
    Some(unsafe { Box::from_raw(place) })
}

fn zeroed(layout: Layout) -> Option<*mut u8> {
    assert!(layout.size() > 0, "an allocation of no bytes");
    // SAFETY: the layout has a size.
    let cells = unsafe { alloc_zeroed(layout) };
    (!cells.is_null()).then_some(cells)
}
