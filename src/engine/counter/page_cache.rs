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
    pages: Vec<CachedPage>,
}

/// A page as it was read.
#[derive(Debug)]
struct CachedPage {
    /// Kept, so that no other page has its address.
    page: Arc<Page>,
    epoch: u64,
    values: Arc<[u64]>,
}

impl CachedPage {
    /// A page to which nothing was written.
    fn new(page: &Arc<Page>) -> Self {
        Self {
            page: Arc::clone(page),
            epoch: 0,
            values: [0; PAGE_CELLS].into(),
        }
    }
}

impl PageCache {
    /// Reads the pages again that were written to, the last one first. Returns the sum of the epochs that were read.
    pub(crate) fn refresh(&mut self, pages: &[Arc<Page>]) -> u64 {
        self.pages.truncate(pages.len());
        let further = &pages[self.pages.len()..];
        self.pages.extend(further.iter().map(CachedPage::new));
        for (page, cached) in pages.iter().zip(&mut self.pages).rev() {
            // Pages at the end are given back, and others come.
            if !Arc::ptr_eq(page, &cached.page) {
                *cached = CachedPage::new(page);
            }
            // Before the cells: what is written from here on is read again next time.
            let epoch = page.epoch();
            if epoch != cached.epoch {
                let mut values = [0; PAGE_CELLS];
                page.read_into(&mut values);
                (cached.epoch, cached.values) = (epoch, values.into());
            }
        }
        self.pages
            .iter()
            .fold(0, |sum, cached| sum.wrapping_add(cached.epoch))
    }

    /// The values of each page.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Arc<[u64]>> {
        self.pages.iter().map(|cached| &cached.values)
    }
}
