//! The bytes of some series of one family.

#[cfg(feature = "gzip")]
use crate::deflate::Deflated;
use crate::engine::readout::KeptCells;
#[cfg(feature = "gzip")]
use crate::engine::slot::once_box::OnceBox;
use std::ops::Range;
use std::sync::Arc;

/// See the module's header.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) bytes: Vec<u8>,
    /// Where each series ends. What separates it from the next one comes behind.
    pub(crate) ends: Arc<[u32]>,
    /// The cells that the bytes show, if they show cells.
    pub(crate) cells: Option<KeptCells>,
    /// The compressed bytes, made on first use.
    #[cfg(feature = "gzip")]
    pub(crate) deflated: OnceBox<Deflated>,
}

impl Part {
    /// `ends`: where each series ends.
    pub(crate) fn new(bytes: Vec<u8>, ends: Arc<[u32]>, cells: Option<KeptCells>) -> Self {
        Self {
            bytes,
            ends,
            cells,
            #[cfg(feature = "gzip")]
            deflated: OnceBox::default(),
        }
    }

    /// The same, in bytes of its own.
    pub(crate) fn copy(&self) -> Self {
        let ends = Arc::clone(&self.ends);
        Self::new(self.bytes.clone(), ends, self.cells.clone())
    }

    /// Drops the compressed bytes, because the caller is about to change the text.
    pub(crate) fn reopen(&mut self) {
        #[cfg(feature = "gzip")]
        {
            self.deflated = OnceBox::default();
        }
    }

    /// Replaces the bytes of a series.
    pub(crate) fn replace(&mut self, series: usize, separator: usize, bytes: &[u8]) {
        let place = self.range(series, separator);
        if place.len() == bytes.len() {
            return self.bytes[place].copy_from_slice(bytes);
        }
        // Modulo 2^32: it may be less.
        let more = (bytes.len() as u32).wrapping_sub(place.len() as u32);
        let ends = &mut Arc::make_mut(&mut self.ends)[series..];
        ends.iter_mut()
            .for_each(|end| *end = end.wrapping_add(more));
        // Exactly: `splice` may double the capacity.
        let room = bytes.len().saturating_sub(place.len());
        self.bytes.reserve_exact(room);
        self.bytes.splice(place, bytes.iter().copied());
    }

    /// Where the bytes of a series are. `separator`: how many bytes stand between two.
    pub(crate) fn range(&self, series: usize, separator: usize) -> Range<usize> {
        let start = match series.checked_sub(1) {
            Some(before) => self.ends[before] as usize + separator,
            None => 0,
        };
        start..self.ends[series] as usize
    }
}
