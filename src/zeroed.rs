//! Zeroed cells that take memory only as their pages come into use.
//!
//! An allocator may clear what it returns and thereby commit all of it (glibc clears everything below its mmap threshold,
//! 128 KiB at first), so the cells are an anonymous mapping. Where mappings are not available, or are refused, the allocator
//! provides the cells.

use crate::sync::{AtomicU32, AtomicU64};
use memmap2::{MmapMut, MmapOptions};
use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::ptr::NonNull;

/// Zeroed 32-bit cells.
#[derive(Debug)]
pub(crate) struct Zeroed {
    cells: NonNull<AtomicU32>,
    len: usize,
    /// Where the cells are; `None`: they are a `Box<[AtomicU32]>`.
    mapping: Option<MmapMut>,
}

// SAFETY: `Zeroed` owns its cells as a `Box<[AtomicU32]>` does, and that is Send.
unsafe impl Send for Zeroed {}
// SAFETY: shared access is through `&[AtomicU32]`, which is Sync.
unsafe impl Sync for Zeroed {}

/// `len` zeroed cells.
pub(crate) fn zeroed_u32(len: usize) -> Zeroed {
    let mapping = MmapOptions::new()
        .len(len * size_of::<AtomicU32>())
        .map_anon();
    if let Ok(mut mapping) = mapping
        && let Some(cells) = NonNull::new(mapping.as_mut_ptr().cast())
    {
        return Zeroed {
            cells,
            len,
            mapping: Some(mapping),
        };
    }
    let cells = Box::into_raw(vec![0_u32; len].into_boxed_slice());
    // SAFETY: `Box::into_raw` never returns null.
    let cells = unsafe { NonNull::new_unchecked(cells.cast()) };
    Zeroed {
        cells,
        len,
        mapping: None,
    }
}

impl std::ops::Deref for Zeroed {
    type Target = [AtomicU32];

    #[inline(always)]
    fn deref(&self) -> &[AtomicU32] {
        // SAFETY: `len` zeroed u32 in a mapping or an allocation that lives as long as `self`. AtomicU32 has the size and bit
        // validity of u32; a mapping is aligned to pages, the allocation to u32, which is checked to be enough below.
        unsafe { std::slice::from_raw_parts(self.cells.as_ptr(), self.len) }
    }
}

impl Drop for Zeroed {
    fn drop(&mut self) {
        if self.mapping.is_none() {
            let cells =
                std::ptr::slice_from_raw_parts_mut(self.cells.as_ptr().cast::<u32>(), self.len);
            // SAFETY: not a mapping, so the cells came from `Box::into_raw` with this type and length.
            drop(unsafe { Box::from_raw(cells) });
        }
    }
}

/// `len` zeroed 64-bit cells from the allocator; at least one.
pub(crate) fn zeroed_u64(len: usize) -> Box<[AtomicU64]> {
    assert!(len > 0, "an allocation of no bytes");
    // Not a `Vec<u64>`: on 32-bit x86 that is aligned to 4 bytes, and an AtomicU64 is to 8.
    let layout = Layout::array::<AtomicU64>(len).expect("as many cells as fit into memory");
    // SAFETY: the layout has a size.
    let cells = unsafe { alloc_zeroed(layout) };
    if cells.is_null() {
        handle_alloc_error(layout);
    }
    let cells = std::ptr::slice_from_raw_parts_mut(cells.cast::<AtomicU64>(), len);
    // SAFETY: allocated above with the layout of `[AtomicU64; len]`, which is valid when it is zero.
    unsafe { Box::from_raw(cells) }
}

const _: () = assert!(align_of::<AtomicU32>() == align_of::<u32>());
