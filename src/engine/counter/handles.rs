//! Who holds a cell of a family's page, so that the cell is given to another series only when nobody writes to it any more.
//!
//! **Protocol.** A handle of a cell counts itself when it is made and cloned, and takes itself off when it is dropped. Whoever finds
//! no handle left sees all that was written through them. A family makes the first handle of a series, and keeps one as long as look-ups find
//! it; so once none is left of a removed series, none can be made. The pages of single metrics count nothing.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | count, a handle made or cloned | Relaxed | nothing: the family's lock, or the handle that is cloned, keeps the cell | | |
//! | count, a handle dropped | Release | `is_free` | a write through the handle goes to the cell's next series | `family::what_a_dropped_handle_wrote_is_detached` |
//! | baseline | Relaxed | nothing: it is stored before the first handle of its series is made | | |
//! | `is_free` | Acquire | a handle dropped | the same | `family::what_a_dropped_handle_wrote_is_detached` |
//!
//! **Progress.** Wait-free.

use super::page::Page;
use crate::engine::slot::once_box::OnceBox;
use crate::sync::{Acquire, AtomicU32, AtomicU64, Relaxed, Release};
use crate::tuning::PAGE_CELLS;
use std::sync::Arc;

/// Who holds the cells of a family's page. A page of single metrics has none of it.
#[derive(Debug, Default)]
pub(crate) struct CellHolders(Option<Box<Holders>>);

#[derive(Debug)]
struct Holders {
    handles: [AtomicU32; PAGE_CELLS],
    /// What each cell held when its series got it, once any cell has been given to another series.
    baselines: OnceBox<[AtomicU64; PAGE_CELLS]>,
}

impl CellHolders {
    /// For a page of a family.
    pub(crate) fn of_family() -> Self {
        Self(Some(Box::new(Holders {
            handles: std::array::from_fn(|_| AtomicU32::new(0)),
            baselines: OnceBox::default(),
        })))
    }

    #[inline]
    fn handles(&self, index: u8) -> Option<&AtomicU32> {
        Some(&self.0.as_ref()?.handles[usize::from(index)])
    }

    /// Whether no handle is left of this cell.
    pub(crate) fn is_free(&self, index: u8) -> bool {
        // Acquire: pairs with the drop of each handle, after which nothing is written through it.
        self.handles(index)
            .is_some_and(|handles| handles.load(Acquire) == 0)
    }

    /// Gives the cell, which nobody holds, to a series. The cell holds `baseline`.
    pub(crate) fn give(&self, index: u8, baseline: u64) {
        let Some(holders) = &self.0 else { return };
        let baselines = match holders.baselines.get() {
            Some(baselines) => baselines,
            None if baseline == 0 => return,
            None => {
                let zeros = std::array::from_fn(|_| AtomicU64::new(0));
                holders.baselines.set(Box::new(zeros))
            }
        };
        // Relaxed: whoever reads it has a handle, which is made after this.
        baselines[usize::from(index)].store(baseline, Relaxed);
    }

    fn baseline(&self, index: u8) -> u64 {
        let baselines = self.0.as_ref().and_then(|holders| holders.baselines.get());
        // Relaxed: it was stored before the handle that asks was made.
        baselines.map_or(0, |baselines| baselines[usize::from(index)].load(Relaxed))
    }
}

/// A cell that can be written to: its page, and its index there.
#[derive(Debug)]
pub(crate) struct CellHandle {
    page: Arc<Page>,
    index: u8,
}

impl CellHandle {
    /// Made under the lock that gave the cell to a series, or by the registration of a single metric.
    pub(crate) fn new(page: Arc<Page>, index: u8) -> Self {
        if let Some(count) = page.holders.handles(index) {
            // Relaxed: whoever looks for handles holds the same lock, or keeps a handle.
            count.fetch_add(1, Relaxed);
        }
        Self { page, index }
    }

    #[inline(always)]
    pub(crate) fn page(&self) -> &Page {
        &self.page
    }

    /// A counter's value: what was added since its series got the cell.
    pub(crate) fn value(&self) -> u64 {
        let baseline = self.page.holders.baseline(self.index);
        self.page.value(self.index).wrapping_sub(baseline)
    }

    #[inline(always)]
    pub(crate) fn index(&self) -> u8 {
        self.index
    }
}

impl Clone for CellHandle {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.page), self.index)
    }
}

impl Drop for CellHandle {
    fn drop(&mut self) {
        if let Some(count) = self.page.holders.handles(self.index) {
            // Release: what was written through this handle is visible to whoever finds none left.
            count.fetch_sub(1, Release);
        }
    }
}
