//! A slot's own word, kept where one load finds it. The orderings are those of [`changes`](super::changes).

use super::adaptive::Promotion;
use super::changes::ChangeWord;
use super::owner::Owner;
use std::ptr::NonNull;
use std::sync::Arc;

/// The word of one slot, for what the slot owns.
#[derive(Debug)]
pub(crate) struct SlotWord {
    /// In `_alive`, which neither moves nor drops it.
    word: NonNull<ChangeWord>,
    _alive: Arc<Promotion>,
}

// SAFETY: it gives access to a `&ChangeWord` and owns an `Arc<Promotion>`, and both are Send and Sync.
unsafe impl Send for SlotWord {}
// SAFETY: as above.
unsafe impl Sync for SlotWord {}

impl SlotWord {
    /// The word of the caller's slot, made if it is not there.
    pub(crate) fn new(promotion: &Arc<Promotion>, owner: Owner<'_>) -> Self {
        Self {
            word: NonNull::from(promotion.changes.word_or_create(owner)),
            _alive: Arc::clone(promotion),
        }
    }

    /// [`ChangeWord::bump`].
    #[inline(always)]
    pub(crate) fn bump(&self) {
        // SAFETY: the word is in a box that `_alive` holds, and is only ever shared.
        unsafe { self.word.as_ref() }.bump();
    }
}
