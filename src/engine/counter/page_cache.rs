//! A reader's own copy of all pages, and the epochs at which it was read.
//!
//! Only reading *everything* of a page advances its epoch here, and each reader has its own copy: reading one metric, or
//! another reader's copy, marks nothing clean.
//!
//! The orderings are those of [`page`](super::page).

use super::page::Page;
use crate::tuning::PAGE_CELLS;
use std::sync::Arc;

/// See the module's header.
#[derive(Debug, Default)]
pub(crate) struct PageCache {
    /// For each page the epoch at which it was read, and its values.
    pages: Vec<(u64, Arc<[u64]>)>,
}

impl PageCache {
    /// Reads the pages again that were written to, the last one first. Returns the sum of the epochs that were read.
    pub(crate) fn refresh(&mut self, pages: &[Arc<Page>]) -> u64 {
        self.pages
            .resize_with(pages.len(), || (0, [0; PAGE_CELLS].into()));
        for (page, cached) in pages.iter().zip(&mut self.pages).rev() {
            // Before the cells: what is written from here on is read again next time.
            let epoch = page.epoch();
            if epoch != cached.0 {
                let mut values = [0; PAGE_CELLS];
                page.read_into(&mut values);
                *cached = (epoch, values.into());
            }
        }
        self.pages
            .iter()
            .fold(0, |sum, (epoch, _)| sum.wrapping_add(*epoch))
    }

    /// The values of each page.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Arc<[u64]>> {
        self.pages.iter().map(|(_, values)| values)
    }
}
