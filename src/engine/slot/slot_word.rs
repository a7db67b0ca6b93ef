//! A slot's own word, kept where one load finds it. The orderings are those of [`changes`](super::changes).

use super::adaptive::Promotion;
use super::change_word::ChangeWord;
use super::owner::Owner;
use std::ptr::NonNull;
use std::sync::Arc;

/// The word of one slot, for what the slot owns.
#[derive(Debug)]
pub(crate) struct SlotWord {
    word: BareWord,
    _alive: Arc<Promotion>,
}

impl SlotWord {
    /// The word of the caller's slot, made if it is not there.
    pub(crate) fn new(promotion: &Arc<Promotion>, owner: Owner<'_>) -> Self {
        Self {
            word: BareWord(NonNull::from(promotion.changes.word_or_create(owner))),
            _alive: Arc::clone(promotion),
        }
    }

    /// [`ChangeWord::bump`].
    #[inline(always)]
    pub(crate) fn bump(&self) {
        // SAFETY: `_alive` has the word.
        unsafe { self.word.bump() };
    }
}

/// A [`SlotWord`] without what keeps the word alive, for what has that elsewhere.
#[derive(Debug)]
pub(crate) struct BareWord(
    /// Part of a [`Promotion`] in an `Arc`, or in a box of it: it stays where it is while that lives.
    NonNull<ChangeWord>,
);

// SAFETY: it gives access to a `&ChangeWord`, which is Send and Sync, and only to those who know that it is alive.
unsafe impl Send for BareWord {}
// SAFETY: as above.
unsafe impl Sync for BareWord {}

impl BareWord {
    /// The word of the caller's slot, made if it is not there. `None`: there is no memory for it.
    pub(crate) fn try_new(promotion: &Promotion, owner: Owner<'_>) -> Option<Self> {
        promotion
            .changes
            .try_word(owner)
            .map(NonNull::from)
            .map(Self)
    }

    /// [`ChangeWord::bump`].
    ///
    /// # Safety
    /// The `Promotion` that the word is of is alive.
    #[inline(always)]
    pub(crate) unsafe fn bump(&self) {
        // SAFETY: alive, says the caller, and only ever shared.
        unsafe { self.0.as_ref() }.bump();
    }
}
