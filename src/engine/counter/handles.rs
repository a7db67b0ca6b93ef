//! Handles of cells, which count themselves: [`holders`](super::holders).

use super::page::Page;
use crate::engine::slot::owner::CurrentThread;
use std::sync::Arc;

/// A cell that can be written to: its page, and its index there.
#[derive(Debug)]
pub(crate) struct CellHandle {
    page: Arc<Page>,
    index: u8,
}

impl CellHandle {
    /// Made under the lock that gave the cell to a series, or by the registration of a single metric.
    pub(crate) fn new(page: Arc<Page>, index: u8) -> Self {
        page.holders.count(index);
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

    /// Raises a counter to `value`, unless it is there already.
    pub(crate) fn raise_to(&self, thread: impl CurrentThread, value: u64) {
        let add = |missing| self.page.add(thread, self.index, missing);
        self.page.raising.raise_to(value, || self.value(), add);
    }
}

impl Clone for CellHandle {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.page), self.index)
    }
}

impl Drop for CellHandle {
    fn drop(&mut self) {
        self.page.holders.drop_one(self.index);
    }
}
