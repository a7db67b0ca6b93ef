//! Everything that threads record into: owned blocks, the shared block, and the rejections of threads that share.
//!
//! Which of them a thread uses: its own block if it has one. It gets one when it has recorded into the shared block often enough for long
//! enough ([`adaptive`](crate::engine::slot::adaptive)) and the budget has room; at once with [`Ownership::Always`]; never with
//! [`Ownership::Never`]. Without memory for a block of its own it shares, and without memory for a
//! value's counters, a value counts as rejected.
//!
//! What a record into the shared block touches comes first here, after the pointer to the owned blocks.
//!
//! A record into the shared block, and a rejection, marks the series as [dirty](crate::engine::family::dirty) and ends with the slot's
//! [word](crate::engine::slot::changes). For a record the word is made before anything else; a rejection makes none. The owner of a
//! block has the word there.
//!
//! | operation | ordering | pairs with | weaker: what breaks | model |
//! |---|---|---|---|---|
//! | `rejected`, a read-modify-write | sequentially consistent, as [`dirty`](crate::engine::family::dirty) needs it, hence Release | the reader's `rejected` | a rejection visible without what came before it | `shared::a_rejection_after_a_sample` |
//! | `rejected` by a reader, before the samples | Acquire | the writers' `rejected` | the same | `shared::a_rejection_after_a_sample` |
//!
//! | step | by | without it | model |
//! |---|---|---|---|
//! | the word after the record, and after `rejected` | Release | a registry's reading is current without the sample | `read_order::a_write_shows` |
//! | the series is marked once more, and then the word, after an exemplar was stored | Release | a reading of the family lacks the exemplar | `exemplars::a_family_shows_an_exemplar` |
//!
//! **Progress.** That of the blocks.

use super::block::{BlockConfig, OwnedBlocks};
use super::shared::SharedBlock;
use super::writer::BlockWriter;
use crate::engine::family::dirty::DirtyBit;
use crate::engine::slot::adaptive::Promotion;
use crate::engine::slot::owner::{CurrentThread, Owner};
use crate::ownership::Ownership;
use crate::prefetch;
use crate::sync::{Acquire, AtomicU64, add_seq_cst};
use std::sync::Arc;

/// See the module's header.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Storage {
    pub(super) blocks: OwnedBlocks,
    /// The registry's number.
    registry: u64,
    /// Whether readers are to look here.
    pub(super) dirty: DirtyBit,
    pub(super) config: BlockConfig,
    pub(super) shared: SharedBlock,
    /// Values that threads without a block refused.
    rejected: AtomicU64,
    ownership: Ownership,
    promotion: Arc<Promotion>,
}

/// What became of a value that was to be recorded without an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recorded {
    Yes,
    /// Something has to be made first.
    NoRoom,
    /// Not recorded: the thread is to get a block of its own.
    Promoted,
}

impl Storage {
    pub(super) fn new(
        config: BlockConfig,
        ownership: Ownership,
        promotion: Arc<Promotion>,
        dirty: DirtyBit,
    ) -> Self {
        Self {
            blocks: OwnedBlocks::default(),
            registry: promotion.registry,
            dirty,
            shared: SharedBlock::new(&config.layout),
            config,
            rejected: AtomicU64::new(0),
            ownership,
            promotion,
        }
    }

    /// Records a value into the shared block, for a thread in one of the first slots that owns no block. `false`: something rare comes first,
    /// and [`Self::try_record`] must be called.
    #[inline(always)]
    pub(super) fn try_record_first(&self, thread: impl CurrentThread, value: u64) -> bool {
        let (registry, word) = thread.word();
        let layout = &self.config.layout;
        let Some(rate) = self.shared.rates.get_first(thread.owner().slot()) else {
            return false;
        };
        prefetch::for_write(rate);
        if registry != self.registry || !layout.contains(value) || rate.is_due() {
            return false;
        }
        // SAFETY: of the histogram's registry, whose number no other has, and which this keeps alive.
        let Some(word) = (unsafe { word.as_ref() }) else {
            return false;
        };
        prefetch::for_write(word);
        if !self.shared.try_record(value, layout) {
            return false;
        }
        self.dirty.mark();
        word.bump();
        rate.count_undue();
        true
    }

    /// Records a value that the layout contains, if everything that it needs is there.
    pub(super) fn try_record(&self, thread: impl CurrentThread, value: u64) -> Recorded {
        let recorded = match BlockWriter::find(&self.blocks, thread.owner()) {
            Some(writer) => writer.try_record_any(value),
            None if self.ownership == Ownership::Always => false,
            None => return self.try_record_shared(thread, value),
        };
        if recorded {
            Recorded::Yes
        } else {
            Recorded::NoRoom
        }
    }

    /// Records a value that the layout contains into the shared block, for the owner of a slot that has its word and a rate.
    fn try_record_shared(&self, thread: impl CurrentThread, value: u64) -> Recorded {
        let owner = thread.owner();
        let word = self.promotion.changes.word(owner);
        let (Some(word), Some(rate)) = (word, self.shared.rates.get(owner.slot())) else {
            return Recorded::NoRoom;
        };
        thread.remember_word(self.registry, word);
        if rate.count(|| thread.ticks()) && self.ownership == Ownership::Adaptive {
            return Recorded::Promoted;
        }
        let recorded = self.shared.try_record(value, &self.config.layout);
        if recorded {
            self.dirty.mark();
            word.bump();
            Recorded::Yes
        } else {
            Recorded::NoRoom
        }
    }

    /// Records a value that the layout contains, after making what it needs.
    ///
    /// The allocator may record into this very histogram on this thread, and a reader may flip banks, so each step looks anew.
    pub(super) fn record_with_room(&self, owner: Owner<'_>, value: u64, promoted: bool) {
        let mut wants_block = promoted || self.ownership == Ownership::Always;
        loop {
            if let Some(writer) = BlockWriter::find(&self.blocks, owner) {
                if writer.try_record_any(value) {
                    return;
                }
                if !writer.make_room(value) {
                    return writer.reject(1);
                }
            } else if wants_block {
                wants_block = self.make_block(owner, self.ownership != Ownership::Always);
            } else {
                let shared = self.make_shared(owner);
                if shared.try_record(value, &self.config.layout) {
                    self.dirty.mark();
                    return self.promotion.changes.bump(owner);
                }
                if !shared.make_room(value, &self.config.layout) {
                    return self.reject_shared(owner, 1);
                }
            }
        }
    }

    /// Makes the owner's block. `false`: there is no memory for it, or, if that is asked, no room in the budget.
    fn make_block(&self, owner: Owner<'_>, ask: bool) -> bool {
        let bytes = self.config.block_bytes();
        let room = if ask {
            self.promotion.try_room(bytes)
        } else {
            Some(self.promotion.room(bytes))
        };
        room.is_some_and(|room| {
            // Before the first record into it.
            self.dirty.mark_always();
            self.blocks
                .get_or_create(owner, &self.config, room)
                .is_some()
        })
    }

    /// The shared block, after making a word and a place for the rate of the owner, if there is memory for them.
    fn make_shared(&self, owner: Owner<'_>) -> &SharedBlock {
        let _ = self.promotion.changes.try_word(owner);
        if self.ownership != Ownership::Always {
            let _ = self.shared.rates.get_or_alloc(owner.slot());
        }
        &self.shared
    }

    /// Makes what the owner needs to record values from `low` to `high`, which the layout contains, whatever room the budget has. `false`:
    /// there is no memory for it.
    pub(super) fn warm(&self, owner: Owner<'_>, low: u64, high: u64) -> bool {
        if self.ownership != Ownership::Never {
            self.make_block(owner, false);
        }
        let layout = &self.config.layout;
        let make_room: &dyn Fn(u64) -> bool = match BlockWriter::find(&self.blocks, owner) {
            Some(writer) => &move |value| writer.make_room(value),
            None => {
                let shared = self.make_shared(owner);
                &move |value| shared.make_room(value, layout)
            }
        };
        let octaves = layout.octave(layout.bucket(low))..=layout.octave(layout.bucket(high));
        octaves
            .map(|octave| layout.low(octave * layout.octave_len()).clamp(low, high))
            .all(make_room)
    }

    /// Counts values as rejected.
    pub(super) fn reject(&self, owner: Owner<'_>, values: u64) {
        match BlockWriter::find(&self.blocks, owner) {
            Some(writer) => writer.reject(values),
            None => self.reject_shared(owner, values),
        }
    }

    fn reject_shared(&self, owner: Owner<'_>, values: u64) {
        // SeqCst, hence Release: a reader that sees this sees what the thread did before.
        add_seq_cst(&self.rejected, values);
        self.dirty.mark();
        self.promotion.changes.bump(owner);
    }

    /// The last step of what belongs to a record and comes after it.
    pub(super) fn bump_word(&self, owner: Owner<'_>) {
        // A reader of the family may have read the sample already.
        self.dirty.mark_changed();
        self.promotion.changes.bump(owner);
    }

    /// Values rejected by threads that owned no block. Load it before the samples.
    pub(super) fn rejected(&self) -> u64 {
        // Acquire: pairs with `reject_shared`.
        self.rejected.load(Acquire)
    }

    /// The sum of all tails and rejections.
    #[inline]
    pub(super) fn epoch(&self) -> u64 {
        let mut epoch = self.rejected();
        self.blocks.for_each(|block| {
            epoch = epoch
                .wrapping_add(block.recorded())
                .wrapping_add(block.rejected());
        });
        epoch.wrapping_add(self.shared.recorded())
    }
}
