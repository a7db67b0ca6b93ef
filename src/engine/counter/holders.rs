//! Who holds a cell of a family's page, so that the cell is given to another series only when no thread writes to it any more.
//!
//! **Protocol.** A handle of a cell counts itself when it is made and cloned, and takes itself off when it is dropped. Whoever finds
//! no handle left sees all that was written through them. A family makes the first handle of a series, and keeps one as long as look-ups find
//! it; so once none is left of a removed series, none can be made. The pages of single metrics count nothing.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | count, a handle made or cloned | Relaxed | nothing: the family's lock, or the handle that is cloned, keeps the cell | | |
//! | count, a handle dropped | Release | `handles_of` | a write through the handle goes to the cell's next series | `family::what_a_dropped_handle_wrote_is_detached` |
//! | baseline | Relaxed | nothing: it is stored before the first handle of its series is made | | |
//! | `handles_of` | Acquire | a handle dropped | the same | `family::what_a_dropped_handle_wrote_is_detached` |
//!
//! **Progress.** Wait-free.

use crate::engine::slot::once_box::OnceBox;
use crate::sync::{Acquire, AtomicU32, AtomicU64, Relaxed, Release};
use crate::tuning::PAGE_CELLS;

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

    /// Counts a handle: the first of a series, made under the lock that gave it the cell, or one that is cloned.
    #[inline]
    pub(super) fn count(&self, index: u8) {
        if let Some(count) = self.handles(index) {
            // Relaxed: the check for handles runs under the same lock, and the handle that is cloned still counts.
            count.fetch_add(1, Relaxed);
        }
    }

    /// Takes a handle off that is dropped.
    #[inline]
    pub(super) fn drop_one(&self, index: u8) {
        if let Some(count) = self.handles(index) {
            // Release: what was written through this handle is visible to whoever finds none left.
            count.fetch_sub(1, Release);
        }
    }

    #[inline]
    fn handles(&self, index: u8) -> Option<&AtomicU32> {
        Some(&self.0.as_ref()?.handles[usize::from(index)])
    }

    /// How many handles there are of this cell.
    pub(crate) fn handles_of(&self, index: u8) -> usize {
        // Acquire: pairs with the drop of each handle, after which nothing is written through it.
        self.handles(index)
            .map_or(1, |handles| handles.load(Acquire) as usize)
    }

    /// Gives the cell, which no handle holds, to a series. The cell holds `baseline`.
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

    pub(super) fn baseline(&self, index: u8) -> u64 {
        let baselines = self.0.as_ref().and_then(|holders| holders.baselines.get());
        // Relaxed: it was stored before the handle that asks was made.
        baselines.map_or(0, |baselines| baselines[usize::from(index)].load(Relaxed))
    }
}
